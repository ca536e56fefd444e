"""What items of the control table hold."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import (
    approval_from_text,
    candidates_from_text,
    follow_ups_from_text,
    hours_from_text,
    links_from_text,
    media_from_text,
    recurrence_from_text,
    unsolicited_from_text,
    variants_from_text,
)
from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason, Run, Sender
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.message import Watch


def campaign_of_item(item: Mapping[str, Any]) -> Campaign:
    """Return the campaign that a control item holds."""

    def moment(name: str) -> datetime | None:
        return _moment(item, name)

    return Campaign(
        id=item["id"],
        title=item["title"],
        office_id=item["office_id"],
        body=item.get("body", ""),
        sender_ids=tuple(item.get("sender_ids", ())),
        list_ids=tuple(item.get("list_ids", ())),
        exclude_list_ids=tuple(item.get("exclude_list_ids", ())),
        segment_ids=tuple(item.get("segment_ids", ())),
        exclude_segment_ids=tuple(item.get("exclude_segment_ids", ())),
        tags=tuple(item.get("tags", ())),
        agents=tuple(item.get("agents", ())),
        linked_campaigns=tuple(item.get("linked_campaigns", ())),
        approval=approval_from_text(item.get("approval")),
        number=item.get("number", 0),
        created_at=from_iso(item["created_at"]),
        updated_at=from_iso(item["updated_at"]),
        created_by=item["created_by"],
        status=CampaignStatus(item["status"]),
        type=item.get("type", "sms"),
        operated_by=item.get("operated_by", "agent"),
        hold_reason=HoldReason(item.get("hold_reason", "none")),
        hold_until=moment("hold_until"),
        schedule_at=moment("schedule_at"),
        local_at=item.get("local_at"),
        recurrence=recurrence_from_text(item.get("recurrence")),
        occurrence_of=item.get("occurrence_of"),
        occurrence=item.get("occurrence"),
        ends_at=moment("ends_at"),
        variants=variants_from_text(item.get("variants")),
        follow_ups=follow_ups_from_text(item.get("follow_ups")),
        links=links_from_text(item.get("links")),
        link_key=item.get("link_key", ""),
        smart_encoding=item.get("smart_encoding", False),
        media=media_from_text(item.get("media")),
        active_hours=hours_from_text(item.get("active_hours")),
        daily_limit=item.get("daily_limit"),
        pilot_size=item.get("pilot_size"),
        is_test=item.get("is_test", False),
        launched_at=moment("launched_at"),
        submitted_all_at=moment("submitted_all_at"),
        finished_at=moment("finished_at"),
        launch_error=item.get("launch_error"),
        parts=item.get("parts", 0),
        planned_parts=item.get("planned_parts", 0),
        total=item.get("total", 0),
        version=item["version"],
    )


def sender_of_item(item: Mapping[str, Any]) -> Sender:
    """Return the sender that a control item holds."""
    return Sender(
        id=item["id"],
        office_id=item["office_id"],
        name=item["name"],
        phone=item["phone"],
        provider=item["provider"],
        mps=float(item["mps"]),
        credentials_secret=item["credentials_secret"],
        created_at=from_iso(item["created_at"]),
        kind=item.get("kind", "reusable"),
        status=item.get("status", "active"),
        address_kind=item.get("address_kind", "number"),
        daily_limit=item.get("daily_limit"),
        unsolicited=unsolicited_from_text(item.get("unsolicited")),
        problem=item.get("problem"),
        suspended_at=_moment(item, "suspended_at"),
        resting_until=_moment(item, "resting_until"),
    )


def run_of_item(item: Mapping[str, Any]) -> Run:
    """Return the run that a control item holds."""
    return Run(
        sender_id=item["sender_id"],
        campaign_id=item["campaign_id"],
        office_id=item["office_id"],
        parts=item["parts"],
        senders=tuple(item["senders"]),
        candidates=candidates_from_text(item.get("candidates")),
        next_part=item["next_part"],
        is_test=item.get("is_test", False),
        state=item["state"],
    )


def watch_of_item(item: Mapping[str, Any]) -> Watch:
    """Return the watch that a control item holds."""
    return Watch(
        campaign_id=item["campaign_id"],
        part=item["part"],
        due_at=from_iso(item["due_at"]),
        checks=item["checks"],
        unsent=item.get("unsent", False),
    )


def watch_key(watch: Watch) -> dict[str, str]:
    """Return the key of the item of *watch*."""
    return {
        "pk": schema.campaign_pk(watch.campaign_id),
        "sk": schema.watch_sk(to_iso(watch.due_at), watch.part),
    }


def item_key(pk: str, sk: str) -> dict[str, Any]:
    """Return a key as requests to DynamoDB name it."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    return from_iso(item[name]) if item.get(name) else None
