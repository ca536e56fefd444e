"""
A campaign and what it sends from: its fields (K1); its states are ``domain.campaign_states``'.

    draft <-> scheduled
    draft | scheduled -> processing -> active        (launch, or due)
    processing -> draft                              (planning failed, with launch_error)
    active <-> paused
    active | paused -> finished                      (all leads settled, or End Campaign)
    draft -> archived                                (discard)
    processing | active | paused | finished -> archived   (Stop and Archive, final)
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from carillon.domain.approval import Approval
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.campaign_states import (
    TRANSITIONS,
    Action,
    CampaignStatus,
    allowed_actions,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.content import CampaignContent, FollowUp, Variant
from carillon.domain.errors import InvalidInput
from carillon.domain.hours import ActiveHours
from carillon.domain.ids import part_of
from carillon.domain.message import Recipient, RowRef
from carillon.domain.recurrence import Recurrence
from carillon.domain.sender_choice import Candidate, chosen_sender, dealt_to
from carillon.domain.short_links import Link

__all__ = [
    "MAX_AGENTS",
    "TRANSITIONS",
    "Action",
    "Campaign",
    "CampaignStatus",
    "HoldReason",
    "Run",
    "Sender",
    "Unsolicited",
    "allowed_actions",
    "cloned",
    "state_after",
    "states_allowing",
    "tab_of",
]

MAX_AGENTS = 50
_MAX_SUBJECT = 100


class HoldReason(StrEnum):
    """Why an active campaign is not sending just now, or was paused by itself (K3)."""

    NONE = "none"
    QUIET_HOURS = "quiet_hours"
    DAILY_LIMIT = "daily_limit"
    THROTTLE = "throttle"
    ERROR_RATE = "error_rate"
    ACCOUNT = "account"
    PILOT = "pilot"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One campaign as every function sees it. Times are aware UTC."""

    id: str
    title: str
    office_id: str
    body: str
    sender_ids: tuple[str, ...]
    list_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    created_by: str
    status: CampaignStatus = CampaignStatus.DRAFT
    type: str = "sms"
    operated_by: str = "agent"
    exclude_list_ids: tuple[str, ...] = ()
    # Saved filters over lists: wanted as well, and not wanted (C4).
    segment_ids: tuple[str, ...] = ()
    exclude_segment_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    # Users who work on its conversations (K1); a limited user sees no other campaigns (P2).
    agents: tuple[str, ...] = ()
    # Campaigns of the same combo: who pauses one is told of the others (K10).
    linked_campaigns: tuple[str, ...] = ()
    # Who asked for its launch and who decided (K18).
    approval: Approval | None = None
    # Short and stable, for people (K14); 0 until the storage has given it one.
    number: int = 0
    hold_reason: HoldReason = HoldReason.NONE
    # When it is expected to go on, where that is known.
    hold_until: datetime | None = None
    schedule_at: datetime | None = None
    # The same wall clock everywhere, such as 2026-11-27T10:00 (K15); schedule_at is then
    # when the first place on earth reaches it.
    local_at: str | None = None
    # It comes again (K15): schedule_at is when the next occurrence is due. It never launches.
    recurrence: Recurrence | None = None
    # Of an occurrence: the campaign that recurs, and the local time at which it was due.
    occurrence_of: str | None = None
    occurrence: str | None = None
    # No message leaves at or after it, and providers are told so (F5).
    ends_at: datetime | None = None
    variants: tuple[Variant, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    # Where {{ links.<name> }} of the texts leads; their order gives their codes their numbers.
    links: tuple[Link, ...] = ()
    # Drawn at the launch: what the codes of its short links are made with. A secret.
    link_key: str = field(default="", repr=False)
    smart_encoding: bool = False
    # Files of the first message, which is an MMS with them (M5).
    media: tuple[CampaignMedia, ...] = ()
    active_hours: ActiveHours | None = None
    # Messages a day in the office's zone (F6).
    daily_limit: int | None = None
    # Pause by itself after so many leads (K17); None again once a person went on.
    pilot_size: int | None = None
    # Its messages end in the sandbox (P3). Decided when it is made, and never changed.
    is_test: bool = False
    launched_at: datetime | None = None
    submitted_all_at: datetime | None = None
    finished_at: datetime | None = None
    launch_error: str | None = None
    # Known once the audience is frozen.
    parts: int = 0
    planned_parts: int = 0
    total: int = 0
    # Raised by every change; the ETag of the API.
    version: int = 1

    @property
    def tab(self) -> str:
        """The tab that lists this campaign (K12)."""
        return tab_of(self.status)

    @property
    def content(self) -> CampaignContent:
        """What it says at this version."""
        return CampaignContent(
            body=self.body,
            variants=self.variants,
            follow_ups=self.follow_ups,
            links=self.links,
            smart_encoding=self.smart_encoding,
            link_key=self.link_key,
        )

    def is_over(self, at: datetime) -> bool:
        """Whether its end has come by *at*: nothing leaves any more (F5)."""
        return self.ends_at is not None and self.ends_at <= at

    def missing_for_launch(self) -> list[str]:
        """Return the fields that must be filled before a launch (K6); empty when ready."""
        needed = {
            "body": self.variants or self.body.strip(),
            "sender_ids": self.sender_ids,
            "list_ids": self.list_ids or self.segment_ids,
        }
        return [name for name, value in needed.items() if not value]


def cloned(
    source: Campaign,
    *,
    id: str,
    title: str,
    sender_ids: tuple[str, ...],
    created_by: str,
    now: datetime,
) -> Campaign:
    """
    Return a new draft with the settings of *source* (K7).

    What is named below is of the first campaign alone: its dates, its life and its results,
    who approved it, and the combo that it is part of. All else is a setting and is copied.
    """
    return replace(
        source,
        id=id,
        title=title,
        sender_ids=sender_ids,
        created_by=created_by,
        created_at=now,
        updated_at=now,
        status=CampaignStatus.DRAFT,
        linked_campaigns=(),
        approval=None,
        link_key="",
        number=0,
        hold_reason=HoldReason.NONE,
        hold_until=None,
        schedule_at=None,
        local_at=None,
        recurrence=None,
        occurrence_of=None,
        occurrence=None,
        ends_at=None,
        launched_at=None,
        submitted_all_at=None,
        finished_at=None,
        launch_error=None,
        parts=0,
        planned_parts=0,
        total=0,
        version=1,
    )


@dataclass(frozen=True)
class Unsolicited:
    """
    Whose messages are that answer no campaign (I3): the office's, or named *agents*'.

    ``to`` is ``office`` (its queue, nobody's yet) or ``agents``, who are given them in turn.
    """

    to: str = "office"
    agents: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Unsolicited":
        """Return what the JSON *value* says; InvalidInput (field ``unsolicited``)."""
        to, agents = value.get("to"), value.get("agents", [])
        if set(value) - {"to", "agents"} or to not in ("office", "agents"):
            raise _wrong_unsolicited('unsolicited has "to", office or agents, and "agents".')
        is_texts = isinstance(agents, list | tuple) and all(isinstance(a, str) for a in agents)
        distinct = tuple(dict.fromkeys(agents)) if is_texts else ()
        if not is_texts or any(not 1 <= len(agent) <= _MAX_SUBJECT for agent in distinct):
            raise _wrong_unsolicited("agents is a list of users.")
        if (to == "agents") is not bool(distinct) or len(distinct) > MAX_AGENTS:
            raise _wrong_unsolicited(f"For agents, name 1 to {MAX_AGENTS}; for the office, none.")
        return cls(to, distinct)


def _wrong_unsolicited(detail: str) -> InvalidInput:
    return InvalidInput(detail, field="unsolicited")


@dataclass(frozen=True, kw_only=True)
class Sender:
    """
    A number at one provider (N1).

    ``mps`` is segments per second. ``credentials_secret`` is the *name* of a
    Secrets Manager secret, never its value. ``phone`` is E.164, or what the provider
    names the address by: a short code, an alphanumeric ID, a pool or service.
    ``daily_limit`` is messages a day in the office's zone.
    """

    id: str
    office_id: str
    name: str
    phone: str
    provider: str
    mps: float
    credentials_secret: str
    created_at: datetime
    kind: str = "reusable"
    status: str = "active"
    address_kind: str = "number"
    daily_limit: int | None = None
    unsolicited: Unsolicited = Unsolicited()
    # Why and when the platform stopped it (F7), and until when it is left alone (N3).
    problem: str | None = None
    suspended_at: datetime | None = None
    resting_until: datetime | None = None

    def is_available(self, now: datetime) -> bool:
        """Whether it may be given messages: neither suspended nor resting."""
        resting = self.resting_until is not None and now < self.resting_until
        return self.status == "active" and not resting


@dataclass(frozen=True, kw_only=True)
class Run:
    """
    One campaign's work on one sender: what the pacer walks and attribution looks up.

    ``next_part`` is a hint that only ever skips finished parts; losing it
    repeats reads, never sends (F1). ``state`` is ``open``, ``done`` or ``settled``.
    ``candidates`` are the senders as they stood at the launch; empty in runs that an
    earlier version made, which deal by ``senders`` alone.
    """

    sender_id: str
    campaign_id: str
    office_id: str
    parts: int
    senders: tuple[str, ...] = field(default=())
    candidates: tuple[Candidate, ...] = ()
    next_part: int = 0
    state: str = "open"
    # Its messages ended in the sandbox, so nobody answers it (P3).
    is_test: bool = False

    def sender_of(self, recipient: Recipient, available: Container[str]) -> str:
        """Return which sender speaks to *recipient*, given those that are *available* (N3)."""
        if not self.candidates:
            return dealt_to(recipient.key, self.senders)
        return chosen_sender(recipient, self.candidates, available)

    def lead_ref(self, key: str) -> RowRef:
        """Return the one row that the lead *key* can have in this run's campaign."""
        return RowRef(f"{self.campaign_id}#{part_of(key, self.parts):05d}", key)
