"""Campaigns, as management changes them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_places import entries_of, moved_places, places_of
from carillon.adapters.dynamodb.campaign_texts import (
    approval_from_text,
    approval_text,
    content_text,
    follow_ups_from_text,
    follow_ups_text,
    hours_from_text,
    hours_text,
    links_from_text,
    links_text,
    media_from_text,
    media_text,
    recurrence_from_text,
    recurrence_text,
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
    remove_item,
    signed,
    update_item,
    updates_of,
)
from carillon.domain.campaign import Campaign, HoldReason
from carillon.domain.campaign_states import (
    TRANSITIONS,
    Action,
    CampaignStatus,
    require_allowed,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.errors import Conflict
from carillon.domain.ids import new_id

# What a campaign says; see the item TEXT#{version}.
_CONTENT = frozenset({"body", "variants", "follow_ups", "links", "smart_encoding"})


class _CampaignItem(ControlItem):
    title = UnicodeAttribute()
    office_id = UnicodeAttribute()
    body = UnicodeAttribute(default="")
    sender_ids = Texts()
    list_ids = Texts()
    exclude_list_ids = Texts()
    segment_ids = Texts()
    exclude_segment_ids = Texts()
    tags = Texts()
    agents = Texts()
    linked_campaigns = Texts()
    approval = AsText(approval_text, approval_from_text, default=None)
    number = Count()
    updated_at = Instant()
    created_by = UnicodeAttribute()
    status = Choice(CampaignStatus)
    type = UnicodeAttribute(default="sms")
    operated_by = UnicodeAttribute(default="agent")
    hold_reason = Choice(HoldReason, default=HoldReason.NONE)
    hold_until = Instant(null=True)
    schedule_at = Instant(null=True)
    local_at = UnicodeAttribute(null=True)
    recurrence = AsText(recurrence_text, recurrence_from_text, default=None)
    occurrence_of = UnicodeAttribute(null=True)
    occurrence = UnicodeAttribute(null=True)
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
    is_test = BooleanAttribute(default=False)
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
    # Where the indexes of campaigns have it; see campaign_places.
    shelf = UnicodeAttribute(null=True)
    updated_place = UnicodeAttribute(null=True)
    dated_place = UnicodeAttribute(null=True)
    title_place = UnicodeAttribute(null=True)
    agenda = UnicodeAttribute(null=True)
    agenda_at = UnicodeAttribute(null=True)


class _EntryItem(ControlItem):
    """What leads to a campaign: a word of its title, an agent, a combo."""


class _NumberItem(ControlItem):
    last = Count()


class _TextItem(ControlItem):
    content = UnicodeAttribute()


class CampaignTable:
    """Implements ``ports.Campaigns``."""

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        """Keep *campaign*, or return the first one that the same request made."""
        campaign = replace(campaign, number=campaign.number or _next_number())
        _put_entries(campaign, entries_of(campaign))
        tab = schema.tab_pk(campaign.tab)
        item = new_item(_CampaignItem, _campaign_key(campaign.id), campaign, listed_in=tab)
        for name, place in places_of(campaign).items():
            setattr(item, name, place)
        return entity_of(Campaign, create_item(item, digest))

    def get(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        return entity_of(Campaign, self._item(campaign_id))

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        """Write *changes* if nothing was written since *seen*; Conflict otherwise."""
        wanted = replace(seen, **changes, updated_at=now)
        before, after = entries_of(seen), entries_of(wanted)
        _put_entries(wanted, after - before)
        places = moved_places(wanted, changes)
        updates = [*updates_of(_CampaignItem, {**changes, **places}), *_touch(now)]
        condition = _CampaignItem.version == seen.version
        if seen.launched_at is not None and _CONTENT & changes.keys():
            changed = self._change_content(wanted, updates, condition, now)
        else:
            item = _CampaignItem(*_campaign_key(seen.id))
            if not update_item(item, updates, condition):
                raise _version_conflict(self.get(seen.id))
            changed = entity_of(Campaign, item)
        self._lead_here(changed, before - after, after - before)
        return changed

    def _lead_here(
        self, changed: Campaign, old: set[tuple[str, str]], new: set[tuple[str, str]]
    ) -> None:
        """
        Leave the entries of *changed* and drop those that it needs no more.

            mine    writes "Sale"                     drops "Spring"   looks: is it "Spring"?
            another         puts, writes, puts "Spring"

        Another change back may come between: whoever drops looks again afterwards, whoever
        writes puts again afterwards, and so one of the two is always the last.
        """
        _put_entries(changed, new)
        if old:
            _drop(old)
            _put_entries(changed, old & entries_of(self.get(changed.id)))

    def delete(self, seen: Campaign) -> None:
        """Remove the campaign and what leads to it, if it was never launched and is as *seen*."""
        item = _CampaignItem(*_campaign_key(seen.id))
        unlaunched = _CampaignItem.status.is_in(*sorted(states_allowing(Action.DELETE)))
        if not remove_item(
            item,
            (
                unlaunched
                & _CampaignItem.launched_at.does_not_exist()
                & (_CampaignItem.version == seen.version)
            ),
        ):
            present = self.get(seen.id)
            require_allowed(present.status, Action.DELETE)
            raise _version_conflict(present)
        _drop(entries_of(seen))
        # What its assistant knows, and who linked to it.
        _drop({(one.pk, one.sk) for one in ControlItem.query(schema.campaign_pk(seen.id))})

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
                together.update(
                    _CampaignItem(*_campaign_key(wanted.id)), signed(updates), condition
                )
                together.save(_TextItem(*key, id=wanted.id, created_at=now, content=text))
        except TransactWriteError as error:
            if not _lost_a_race(error):
                raise
            raise _version_conflict(self.get(wanted.id)) from error
        return self.get(wanted.id)

    def transition(
        self,
        seen: Campaign,
        action: Action,
        now: datetime,
        *,
        changes: Mapping[str, Any],
        version: int | None = None,
        mark: str | None = None,
    ) -> Campaign:
        """Take *action* from one of the states that allow it, and only once for each *mark*."""
        item = _CampaignItem(*_campaign_key(seen.id))
        (target,) = set(TRANSITIONS[action].values())
        places = moved_places(replace(seen, **changes, status=target, updated_at=now), changes)
        updates = [
            _CampaignItem.status.set(target),
            _CampaignItem.gsi1pk.set(schema.tab_pk(tab_of(target))),
            _CampaignItem.last_request.set(mark) if mark else _CampaignItem.last_request.remove(),
            *updates_of(_CampaignItem, {**changes, **places}),
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
        return self._repeated(seen.id, action, mark)

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


def _put_entries(campaign: Campaign, keys: Iterable[tuple[str, str]]) -> None:
    with _EntryItem.batch_write() as batch:
        for pk, sk in sorted(keys):
            batch.save(_EntryItem(pk, sk, id=campaign.id, created_at=campaign.created_at))


def _drop(keys: Iterable[tuple[str, str]]) -> None:
    with ControlItem.batch_write() as batch:
        for pk, sk in sorted(keys):
            batch.delete(ControlItem(pk, sk))


def _next_number() -> int:
    """Return a number that no campaign has had; one that is drawn in vain is a gap."""
    drawn = _NumberItem(schema.CAMPAIGN_NUMBER[schema.PK], schema.CAMPAIGN_NUMBER[schema.SK])
    drawn.update([_NumberItem.last.add(1)])
    return drawn.last


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
