"""
The structured fields of campaigns, runs, senders and the policy as one JSON text each.

Both libraries that touch these items, pynamodb and boto3, read and write them by these
functions. None and empty are not stored.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from carillon.domain.approval import Approval
from carillon.domain.campaign import Unsolicited
from carillon.domain.campaign_media import CampaignMedia, media_of
from carillon.domain.content import CampaignContent, FollowUp, Variant, follow_ups_of, variants_of
from carillon.domain.hours import ActiveHours, active_hours
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.recurrence import Recurrence
from carillon.domain.sender_choice import Candidate
from carillon.domain.short_links import Link, links_of


def approval_text(approval: Approval) -> str:
    """Return *approval* as stored."""
    return json.dumps(approval.as_json(), ensure_ascii=False)


def approval_from_text(text: str | None) -> Approval | None:
    """Return what ``approval_text`` wrote; None for None."""
    return Approval.of(json.loads(text)) if text else None


def variants_text(variants: Sequence[Variant]) -> str:
    """Return *variants* as stored."""
    return json.dumps([asdict(variant) for variant in variants], ensure_ascii=False)


def variants_from_text(text: str | None) -> tuple[Variant, ...]:
    """Return what ``variants_text`` wrote; none for None."""
    return variants_of(json.loads(text)) if text else ()


def follow_ups_text(follow_ups: Sequence[FollowUp]) -> str:
    """Return *follow_ups* as stored."""
    return json.dumps([asdict(follow_up) for follow_up in follow_ups], ensure_ascii=False)


def follow_ups_from_text(text: str | None) -> tuple[FollowUp, ...]:
    """Return what ``follow_ups_text`` wrote; none for None."""
    return follow_ups_of(json.loads(text)) if text else ()


def links_text(links: Sequence[Link]) -> str:
    """Return *links* as stored."""
    return json.dumps([asdict(link) for link in links])


def links_from_text(text: str | None) -> tuple[Link, ...]:
    """Return what ``links_text`` wrote; none for None."""
    return links_of(json.loads(text)) if text else ()


def media_text(media: Sequence[CampaignMedia]) -> str:
    """Return *media* as stored."""
    return json.dumps([asdict(one) for one in media])


def media_from_text(text: str | None) -> tuple[CampaignMedia, ...]:
    """Return what ``media_text`` wrote; none for None."""
    return media_of(json.loads(text)) if text else ()


def content_text(content: CampaignContent) -> str:
    """Return *content* as stored."""
    return json.dumps(asdict(content), ensure_ascii=False)


def content_from_text(text: str) -> CampaignContent:
    """Return what ``content_text`` wrote."""
    stored = json.loads(text)
    return CampaignContent(
        body=stored["body"],
        variants=variants_of(stored["variants"]),
        follow_ups=follow_ups_of(stored["follow_ups"]),
        # Earlier versions of ours knew none of these.
        links=links_of(stored.get("links", ())),
        smart_encoding=stored.get("smart_encoding", False),
        link_key=stored.get("link_key", ""),
    )


def hours_text(hours: ActiveHours) -> str:
    """Return *hours* as stored."""
    return json.dumps(hours.as_json())


def hours_from_text(text: str | None) -> ActiveHours | None:
    """Return what ``hours_text`` wrote; None for None."""
    return active_hours(json.loads(text)) if text else None


def recurrence_text(recurrence: Recurrence) -> str:
    """Return *recurrence* as stored."""
    return json.dumps(recurrence.as_json())


def recurrence_from_text(text: str | None) -> Recurrence | None:
    """Return what ``recurrence_text`` wrote; None for None."""
    return Recurrence(**json.loads(text)) if text else None


def candidates_text(candidates: Sequence[Candidate]) -> str:
    """Return *candidates* as stored."""
    return json.dumps([asdict(candidate) for candidate in candidates])


def candidates_from_text(text: str | None) -> tuple[Candidate, ...]:
    """Return what ``candidates_text`` wrote; none for None."""
    return tuple(Candidate(**entry) for entry in json.loads(text)) if text else ()


def policy_text(policy: OrganisationPolicy) -> str:
    """Return *policy* as stored."""
    hours = policy.active_hours.as_json() if policy.active_hours else None
    return json.dumps({**vars(policy), "active_hours": hours})


def policy_from_text(text: str) -> OrganisationPolicy:
    """Return what ``policy_text`` wrote."""
    stored = json.loads(text)
    hours = stored.pop("active_hours", None)
    return OrganisationPolicy(
        active_hours=active_hours(hours) if hours else None,
        opt_out_words=tuple(stored.pop("opt_out_words", ())),
        sender_names=tuple(stored.pop("sender_names", ())),
        **stored,
    )


def unsolicited_text(unsolicited: Unsolicited) -> str:
    """Return *unsolicited* as stored."""
    return json.dumps(asdict(unsolicited))


def unsolicited_from_text(text: str | None) -> Unsolicited:
    """Return what ``unsolicited_text`` wrote; the office's for None."""
    return Unsolicited.of(json.loads(text)) if text else Unsolicited()
