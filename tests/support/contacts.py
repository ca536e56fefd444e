"""
Fakes of the ports that import and planning use, and builders of what they handle.

They keep state and have no switches; ``tests/adapters/test_contacts.py`` runs
one suite over them and over the real adapters.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.approval import voided
from carillon.domain.audience import AudiencePlan
from carillon.domain.audit import PLATFORM
from carillon.domain.campaign import (
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    Run,
    state_after,
    states_allowing,
)
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.errors import NotFound
from carillon.domain.saved_segments import AudienceSegment
from tests.support.clock import NOON


class FakeFiles:
    """Implements ``ports.FileStore``."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        self.objects[key] = body

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        self.objects[key] = b"".join(chunks)

    def get(self, key: str) -> bytes:
        return b"".join(self.read_from(key, 0))

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        body = self._body(key)
        # Small odd chunks, so that every boundary falls inside a character sooner or later.
        return (body[start : start + 7] for start in range(offset, len(body), 7))

    def size(self, key: str) -> int:
        return len(self._body(key))

    def _body(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFound("There is no such object.", code="object_not_found")
        return self.objects[key]


class FakeContacts:
    """Implements ``ports.Contacts``."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Contact]] = {}

    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        standing = self.lists.setdefault(list_id, {})
        origins = [standing.setdefault(contact.key, contact) for contact in contacts]
        return [(contact.import_id, contact.line) for contact in origins]

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        standing = self.lists.get(list_id, {})
        return (standing[key] for key in sorted(standing) if first <= key <= f"{last}~")

    def one(self, list_id: str, shards: int, key: str) -> Contact | None:
        return self.lists.get(list_id, {}).get(key)

    def page(
        self, list_id: str, shards: int, after: str, rows: int
    ) -> tuple[list[Contact], str | None]:
        standing = self.lists.get(list_id, {})
        keys = [key for key in sorted(standing) if key > after]
        rest = keys[rows - 1] if len(keys) > rows else None
        return [standing[key] for key in keys[:rows]], rest


class FakeOptOutLookup:
    """Implements ``ports.OptOutLookup``."""

    def __init__(self, *phones: str) -> None:
        self.phones = set(phones)

    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        return self.phones & set(phones)


class FakeImportDirectory:
    """Implements ``ports.ImportDirectory``."""

    def __init__(self, *lists: ContactList) -> None:
        self.lists = {one.id: one for one in lists}
        self.imports: dict[tuple[str, str], ImportJob] = {}

    def contact_list(self, list_id: str) -> ContactList:
        if list_id not in self.lists:
            raise NotFound("There is no such list.", code="list_not_found")
        return self.lists[list_id]

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        if (list_id, import_id) not in self.imports:
            raise NotFound("There is no such import.", code="import_not_found")
        return self.imports[list_id, import_id]

    def has_running_import(self, list_id: str) -> bool:
        return any(
            job.list_id == list_id and job.status is ImportStatus.RUNNING
            for job in self.imports.values()
        )

    def fix_shards(self, list_id: str, shards: int) -> None:
        if not self.lists[list_id].shards:
            self.lists[list_id] = replace(self.lists[list_id], shards=shards)

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        standing = self.imports[before.list_id, before.id]
        if (standing.status, standing.position.offset) != (before.status, before.position.offset):
            return False
        self.imports[before.list_id, before.id] = after
        target = self.lists[before.list_id]
        stored = after.tally.stored - before.tally.stored
        self.lists[before.list_id] = replace(target, contacts=target.contacts + stored)
        return True


class FakeSegmentDirectory:
    """Implements ``ports.SegmentDirectory``."""

    def __init__(self, *segments: AudienceSegment) -> None:
        self.segments = {one.id: one for one in segments}

    def segment(self, segment_id: str) -> AudienceSegment:
        if segment_id not in self.segments:
            raise NotFound("There is no such segment.", code="segment_not_found")
        return self.segments[segment_id]


class FakeCampaignPlans:
    """Implements ``ports.CampaignPlans``."""

    def __init__(self, *campaigns: Campaign) -> None:
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.plans: dict[str, AudiencePlan] = {}
        self.runs: dict[tuple[str, str], Run] = {}

    def planning(self, campaign_id: str) -> tuple[Campaign, AudiencePlan | None]:
        if campaign_id not in self.campaigns:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        campaign = self.campaigns[campaign_id]
        return campaign, self._plan(campaign)

    def save_plan(self, before: AudiencePlan, after: AudiencePlan, now: datetime) -> bool:
        campaign = self.campaigns[before.campaign_id]
        if not self._stands(before):
            return False
        self.plans[campaign.id] = after
        self.campaigns[campaign.id] = replace(
            campaign,
            parts=after.parts,
            planned_parts=after.planned_parts,
            total=after.total,
            updated_at=now,
        )
        return True

    def activate(
        self, campaign: Campaign, plan: AudiencePlan, runs: Sequence[Run], now: datetime
    ) -> bool:
        if not self._stands(plan):
            return False
        self._move(campaign.id, Action.ACTIVATE, now)
        launched = self.campaigns[campaign.id]
        self.campaigns[campaign.id] = replace(launched, link_key=campaign.link_key)
        self.plans.pop(campaign.id, None)
        self.runs.update({(run.sender_id, run.campaign_id): run for run in runs})
        return True

    def reject(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        standing = self.campaigns[campaign.id]
        if (standing.status, standing.launched_at) != (campaign.status, campaign.launched_at):
            return False
        self.plans.pop(campaign.id, None)
        self._move(
            campaign.id,
            Action.REJECT_LAUNCH,
            now,
            launch_error=problem,
            launched_at=None,
            schedule_at=None,
            parts=0,
            planned_parts=0,
            total=0,
        )
        return True

    def due(self, now: datetime) -> Iterator[Campaign]:
        return iter(
            [
                campaign
                for campaign in self.campaigns.values()
                if campaign.status is CampaignStatus.SCHEDULED
                and campaign.schedule_at is not None
                and campaign.schedule_at <= now
            ]
        )

    def launch(self, campaign: Campaign, now: datetime) -> bool:
        if not self._is_still_scheduled(campaign):
            return False
        self._move(
            campaign.id,
            Action.LAUNCH,
            now,
            launched_at=now,
            launch_error=None,
            parts=0,
            planned_parts=0,
            total=0,
        )
        return True

    def hold(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        if not self._is_still_scheduled(campaign):
            return False
        self._move(
            campaign.id,
            Action.UNSCHEDULE,
            now,
            schedule_at=None,
            local_at=None,
            recurrence=None,
            launch_error=problem,
            approval=voided(campaign.approval, PLATFORM, now),
        )
        return True

    def over(self, now: datetime) -> Iterator[Campaign]:
        return iter(
            [
                campaign
                for campaign in self.campaigns.values()
                if campaign.status in states_allowing(Action.END)
                and campaign.ends_at is not None
                and campaign.ends_at <= now
            ]
        )

    def end(self, campaign: Campaign, now: datetime) -> bool:
        standing = self.campaigns[campaign.id]
        if (standing.status, standing.ends_at) != (campaign.status, campaign.ends_at):
            return False
        self._move(
            campaign.id,
            Action.END,
            now,
            finished_at=now,
            hold_reason=HoldReason.NONE,
            hold_until=None,
        )
        return True

    def processing_since(self, moment: datetime) -> Iterator[str]:
        return iter(
            [
                campaign.id
                for campaign in self.campaigns.values()
                if campaign.status is CampaignStatus.PROCESSING and campaign.updated_at < moment
            ]
        )

    def _plan(self, campaign: Campaign) -> AudiencePlan | None:
        if campaign.launched_at is None:
            return None
        fresh = AudiencePlan(campaign_id=campaign.id, frozen_at=campaign.launched_at)
        return self.plans.get(campaign.id, fresh)

    def _stands(self, plan: AudiencePlan) -> bool:
        campaign = self.campaigns[plan.campaign_id]
        cursor = (campaign.launched_at, campaign.parts, campaign.planned_parts)
        wanted = (plan.frozen_at, plan.parts, plan.planned_parts)
        return campaign.status is CampaignStatus.PROCESSING and cursor == wanted

    def _is_still_scheduled(self, campaign: Campaign) -> bool:
        standing = self.campaigns[campaign.id]

        def seen(one: Campaign) -> tuple[object, ...]:
            return one.status, one.schedule_at, one.version

        return seen(standing) == seen(campaign)

    def _move(self, campaign_id: str, action: Action, now: datetime, **changes: Any) -> None:
        campaign = self.campaigns[campaign_id]
        self.campaigns[campaign_id] = replace(
            campaign,
            status=state_after(campaign.status, action),
            updated_at=now,
            version=campaign.version + 1,
            **changes,
        )


def phone_number(n: int) -> str:
    """Return one of 10,000 fictional numbers (555-01xx of made-up area codes are few)."""
    return f"+1202555{n:04d}"


def a_contact(n: int, **changes: Any) -> Contact:
    defaults: dict[str, Any] = {
        "phone": phone_number(n),
        "first_name": f"First{n}",
        "last_name": f"Last{n}",
        "fields": {"city": "Albany"},
        "line": n + 2,
        "import_id": "imp_a",
        "created_at": NOON - timedelta(hours=2),
    }
    return Contact(**{**defaults, **changes})


def a_list(list_id: str = "lst_a", **changes: Any) -> ContactList:
    defaults: dict[str, Any] = {"id": list_id, "name": "Friends", "default_country": "US"}
    return ContactList(**{**defaults, **changes})


def an_import(import_id: str = "imp_a", **changes: Any) -> ImportJob:
    defaults: dict[str, Any] = {
        "id": import_id,
        "list_id": "lst_a",
        "status": ImportStatus.QUEUED,
        "object_key": f"uploads/lst_a/{import_id}.csv",
    }
    return ImportJob(**{**defaults, **changes})
