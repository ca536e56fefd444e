"""Campaigns, as management changes them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import (
    content_text,
    follow_ups_from_text,
    follow_ups_text,
    hours_from_text,
    hours_text,
    links_from_text,
    links_text,
    media_from_text,
    media_text,
    variants_from_text,
    variants_text,
)
from carillon.adapters.dynamodb.entities.attributes import AsText, Choice, Count, Instant, Texts
from carillon.adapters.dynamodb.entities.control_item import (
    ControlItem,
    create_item,
    entity_of,
    get_item,
    new_item,
    page_of,
    update_item,
    updates_of,
)
from carillon.domain.campaign import (
    TRANSITIONS,
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.errors import Conflict
from carillon.domain.ids import new_id
from carillon.domain.listing import Listing, Position

# What a campaign says; see the item TEXT#{version}.
_CONTENT = frozenset({"body", "variants", "follow_ups", "links", "smart_encoding"})


class _CampaignItem(ControlItem):
    title = UnicodeAttribute()
    office_id = UnicodeAttribute()
    body = UnicodeAttribute(default="")
    sender_ids = Texts()
    list_ids = Texts()
    exclude_list_ids = Texts()
    tags = Texts()
    updated_at = Instant()
    created_by = UnicodeAttribute()
    status = Choice(CampaignStatus)
    type = UnicodeAttribute(default="sms")
    operated_by = UnicodeAttribute(default="agent")
    hold_reason = Choice(HoldReason, default=HoldReason.NONE)
    hold_until = Instant(null=True)
    schedule_at = Instant(null=True)
    local_at = UnicodeAttribute(null=True)
    ends_at = Instant(null=True)
    variants = AsText(variants_text, variants_from_text, default=())
    follow_ups = AsText(follow_ups_text, follow_ups_from_text, default=())
    links = AsText(links_text, links_from_text, default=())
    link_key = UnicodeAttribute(default="")
    smart_encoding = BooleanAttribute(default=False)
    media = AsText(media_text, media_from_text, default=())
    active_hours = AsText(hours_text, hours_from_text, default=None)
    daily_limit = NumberAttribute(null=True)
    pilot_size = NumberAttribute(null=True)
    launched_at = Instant(null=True)
    submitted_all_at = Instant(null=True)
    finished_at = Instant(null=True)
    launch_error = UnicodeAttribute(null=True)
    parts = Count()
    planned_parts = Count()
    total = Count()
    version = Count()
    # Which request made the last transition; see ports.Campaigns.transition.
    last_request = UnicodeAttribute(null=True)


class _TextItem(ControlItem):
    content = UnicodeAttribute()


class CampaignTable:
    """Implements ``ports.Campaigns``."""

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        """Keep *campaign*, or return the first one that the same request made."""
        tab = schema.tab_pk(campaign.tab)
        item = new_item(_CampaignItem, _campaign_key(campaign.id), campaign, listed_in=tab)
        return entity_of(Campaign, create_item(item, digest))

    def get(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        return entity_of(Campaign, self._item(campaign_id))

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        """Write *changes* if nothing was written since *seen*; Conflict otherwise."""
        item = _CampaignItem(*_campaign_key(seen.id))
        updates = [*updates_of(_CampaignItem, changes), *_touch(now)]
        condition = _CampaignItem.version == seen.version
        if seen.launched_at is not None and _CONTENT & changes.keys():
            return self._change_content(replace(seen, **changes), updates, condition, now)
        if not update_item(item, updates, condition):
            raise _version_conflict(self.get(seen.id))
        return entity_of(Campaign, item)

    def _change_content(
        self, wanted: Campaign, updates: list[Update], condition: Condition, now: datetime
    ) -> Campaign:
        """Write what a launched campaign says together with the copy for its transcripts (K10)."""
        key = schema.campaign_pk(wanted.id), schema.text_sk(wanted.version + 1)
        text = content_text(wanted.content)
        try:
            with TransactWrite(
                connection=ControlItem._get_connection().connection,
                # The same request again, after an answer that was lost, is no conflict.
                client_request_token=new_id("txt"),
            ) as together:
                together.update(_CampaignItem(*_campaign_key(wanted.id)), updates, condition)
                together.save(_TextItem(*key, id=wanted.id, created_at=now, content=text))
        except TransactWriteError as error:
            if not _lost_a_race(error):
                raise
            raise _version_conflict(self.get(wanted.id)) from error
        return self.get(wanted.id)

    def transition(
        self,
        campaign_id: str,
        action: Action,
        now: datetime,
        *,
        changes: Mapping[str, Any],
        version: int | None = None,
        mark: str | None = None,
    ) -> Campaign:
        """Take *action* from one of the states that allow it, and only once for each *mark*."""
        item = _CampaignItem(*_campaign_key(campaign_id))
        (target,) = set(TRANSITIONS[action].values())
        updates = [
            _CampaignItem.status.set(target),
            _CampaignItem.gsi1pk.set(schema.tab_pk(tab_of(target))),
            _CampaignItem.last_request.set(mark) if mark else _CampaignItem.last_request.remove(),
            *updates_of(_CampaignItem, changes),
            *_touch(now),
        ]
        condition = _CampaignItem.status.is_in(*sorted(states_allowing(action)))
        if mark:
            condition &= _CampaignItem.last_request.does_not_exist() | (
                _CampaignItem.last_request != mark
            )
        if version is not None:
            condition &= _CampaignItem.version == version
        if update_item(item, updates, condition):
            return entity_of(Campaign, item)
        return self._repeated(campaign_id, action, mark)

    def page(
        self, tab: str, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """Return campaigns of a tab and of *offices*, newest first."""
        return page_of(_CampaignItem, schema.tab_pk(tab), Campaign, offices, limit, after)

    def _repeated(self, campaign_id: str, action: Action, mark: str | None) -> Campaign:
        present = self._item(campaign_id)
        if mark and present.last_request == mark:
            return entity_of(Campaign, present)
        state_after(present.status, action)
        raise _version_conflict(entity_of(Campaign, present))

    def _item(self, campaign_id: str) -> _CampaignItem:
        return get_item(_CampaignItem, *_campaign_key(campaign_id), "campaign")


def _campaign_key(campaign_id: str) -> tuple[str, str]:
    return schema.campaign_pk(campaign_id), "CMP"


def _lost_a_race(error: TransactWriteError) -> bool:
    """Whether the one condition failed, or somebody else was writing just then."""
    codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
    return bool(codes) and codes <= {"ConditionalCheckFailed", "TransactionConflict"}


def _version_conflict(present: Campaign) -> Conflict:
    return Conflict(
        "It has changed since you read it; read it again.",
        code="version_conflict",
        extra={"version": present.version},
    )


def _touch(now: datetime) -> list[Update]:
    return [_CampaignItem.version.add(1), _CampaignItem.updated_at.set(now)]
