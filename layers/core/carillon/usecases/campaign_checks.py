"""What must hold before something is done with a campaign: each raises, and says what is wrong."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign
from carillon.domain.campaign_states import Action, CampaignStatus, require_allowed
from carillon.domain.errors import Conflict, InvalidInput, NotFound

# Frozen with the audience: parts are dealt out to the senders at launch (K10).
_FROZEN_AT_LAUNCH = frozenset(
    {"sender_ids", "list_ids", "exclude_list_ids", "segment_ids", "exclude_segment_ids"}
)


def require_editable(campaign: Campaign, changes: Mapping[str, Any]) -> None:
    """Conflict unless the state allows edits (``campaign_state``), and of these fields (K10)."""
    require_allowed(campaign.status, Action.EDIT)
    frozen = sorted(_FROZEN_AT_LAUNCH & changes.keys())
    if campaign.status is CampaignStatus.PAUSED and frozen:
        raise Conflict(
            f"After the launch {', '.join(frozen)} cannot be changed.",
            code="campaign_field_frozen",
            extra={"fields": frozen},
        )


def require_links_to_stay(campaign: Campaign, changes: Mapping[str, Any]) -> None:
    """Conflict (``campaign_field_frozen``): what people may have leads where it led (M6)."""
    if campaign.launched_at is None or "links" not in changes:
        return
    stands = campaign.links
    # Without a key, as an earlier version of ours launched it, it can have no links.
    if changes["links"][: len(stands)] != stands or not campaign.link_key:
        raise Conflict(
            "After the launch links can only be added, behind those that there are.",
            code="campaign_field_frozen",
            extra={"fields": ["links"]},
        )


def require_ready(campaign: Campaign, also_missing: Iterable[str]) -> None:
    """Conflict (``campaign_not_ready``) that names what is missing for a launch (K6)."""
    missing = [*campaign.missing_for_launch(), *also_missing]
    if missing:
        raise Conflict(
            f"Before a launch the campaign needs: {', '.join(missing)}.",
            code="campaign_not_ready",
            extra={"missing": missing},
        )


def require_not_over(campaign: Campaign, now: datetime) -> None:
    """Conflict (``campaign_over``) once the campaign's end has passed."""
    if campaign.is_over(now):
        raise Conflict(
            "The campaign's end (ends_at) has passed; move it first.", code="campaign_over"
        )


def require_time_to_send(campaign: Campaign, named: str) -> None:
    """InvalidInput (field *named*) when the campaign would end before it starts."""
    if campaign.schedule_at is not None and campaign.is_over(campaign.schedule_at):
        raise InvalidInput("The campaign would end (ends_at) before it starts.", field=named)


def require_of_office(
    name: str, ids: Iterable[str], find: Callable[[str], Any], office_id: str
) -> None:
    """InvalidInput (field *name*) unless *find* knows every one of *ids* as the office's."""
    for one in ids:
        try:
            belongs = find(one).office_id == office_id
        except NotFound:
            belongs = False
        if not belongs:
            # The same words for absent and foreign: no probing of other offices.
            raise InvalidInput(
                f"{name} names something that the campaign's office does not have.", field=name
            )


def require_version(campaign: Campaign, version: int | None) -> None:
    """Conflict (``version_conflict``) unless it stands at *version*; None is any."""
    if version not in (None, campaign.version):
        raise Conflict(
            "It has changed since you read it; read it again.",
            code="version_conflict",
            extra={"version": campaign.version},
        )


def is_decided(approval: Approval | None, subject: str, *, approves: bool) -> bool:
    """Whether *subject* has decided just so already: a request that is repeated."""
    state = ApprovalState.APPROVED if approves else ApprovalState.REFUSED
    return approval is not None and approval.state is state and approval.decided_by == subject


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Return *values* in their order, each once."""
    return tuple(dict.fromkeys(values))


def require_single(campaign: Campaign) -> None:
    """Raise Conflict (``campaign_recurs``) for one whose occurrences are launched (K15)."""
    if campaign.recurrence is not None:
        raise Conflict(
            "It recurs: its occurrences are launched. Unschedule it first, or clone it.",
            code="campaign_recurs",
        )
