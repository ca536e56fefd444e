"""
Campaigns as people find and see them: tabs, search, calendar, combos (K5, K6, K10, K12 to K14).

What a page costs is bounded, whatever the number of campaigns: see ``ports.CampaignShelves``.
A filter that lets little through gives short pages, perhaps empty ones, that have a next one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_card import Card, ReportKind, card_of, report_kind
from carillon.domain.campaign_offers import Offer, actions_open_to, menu, reaches
from carillon.domain.campaign_search import CampaignFilter, CampaignSort, asked_words
from carillon.domain.campaign_states import TABS, Action, tab_of
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.domain.organisation import Office
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.vocabularies import Vocabulary, projected, situation_of
from carillon.ports import CampaignShelves, ManagedLists, Offices, Policies, Senders

# Of a campaign with very many senders and lists a row names the first ones.
MOST_NAMED = 5
# More than so many campaigns on the calendar of one office and month are counted as "at least".
MOST_ON_CALENDAR = 1000
# Whose conversations an agent is shown; the inbox reads every queue of each.
_LIVE_TAB = tab_of(CampaignStatus.ACTIVE)
_NEWEST, _MOST_LIVE = 50, 10
_A_MONTH_AND_MORE = timedelta(days=31)

_YEARS = (1970, 9998)

_Found = TypeVar("_Found")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What part of the campaigns is asked for; ``q`` is words of the title."""

    tab: str = "active"
    keep: CampaignFilter = field(default_factory=CampaignFilter)
    office_id: str | None = None
    sort: CampaignSort = CampaignSort.CREATED
    descends: bool | None = None
    q: str | None = None


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what the query of a listing asks for; InvalidInput names the parameter."""
    tags = frozenset(tag for tag in query.get("tags", "").split(",") if tag)
    keep = CampaignFilter(
        tags=tags,
        type=query.get("type"),
        status=_chosen(CampaignStatus, query, "status"),
        operated_by=query.get("operated_by"),
    )
    order = query.get("order")
    if order not in (None, "asc", "desc"):
        raise InvalidInput("order must be asc or desc.", field="order")
    return Asked(
        tab=query.get("tab", "active"),
        keep=keep,
        office_id=query.get("office_id"),
        sort=_chosen(CampaignSort, query, "sort") or CampaignSort.CREATED,
        descends=None if order is None else order == "desc",
        q=query.get("q"),
    )


def vocabulary_of(query: Mapping[str, str]) -> Vocabulary | None:
    """Return in whose words a state is to be told besides ours; InvalidInput."""
    return _chosen(Vocabulary, query, "vocabulary")


def _chosen(kind: type[_Choice], query: Mapping[str, str], name: str) -> _Choice | None:
    if name not in query:
        return None
    try:
        return kind(query[name])
    except ValueError as error:
        raise InvalidInput(f"{name} must be one of {', '.join(kind)}.", field=name) from error


@dataclass(frozen=True, kw_only=True)
class CampaignRow:
    """One campaign as a list shows it to one user (K12, K14)."""

    campaign: Campaign
    office_name: str
    office_timezone: str
    phone_numbers: tuple[str, ...]
    list_names: tuple[str, ...]
    card: Card
    report: ReportKind
    menu: tuple[Offer, ...]
    allowed_actions: tuple[Action, ...]
    projection: str | None = None


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A campaign of the same combo (K10)."""

    id: str
    number: int
    title: str
    status: CampaignStatus


@dataclass(frozen=True, kw_only=True)
class CalendarEntry:
    """A scheduled campaign on its day, in its office's zone (K13)."""

    id: str
    number: int
    title: str
    office_id: str
    office_name: str
    timezone: str
    schedule_at: datetime
    local_at: str | None
    phone_numbers: tuple[str, ...]
    list_names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CalendarDay:
    """How many campaigns are due on a day (``2026-11-27``)."""

    date: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The days of a month that have campaigns, and those of one day if it was asked for."""

    month: str
    day: str | None
    days: tuple[CalendarDay, ...]
    entries: tuple[CalendarEntry, ...]
    # Whether an office has more campaigns in the month than are counted.
    at_least: bool


@dataclass(frozen=True, kw_only=True)
class ListWorld:
    """What the listings read."""

    shelves: CampaignShelves
    offices: Offices
    senders: Senders
    lists: ManagedLists
    policies: Policies


class ListCampaigns:
    """Finds campaigns and says of each what a list shows."""

    def __init__(self, world: ListWorld) -> None:
        self._world = world

    def page(
        self, access: Access, asked: Asked, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """
        Return campaigns of the caller's reach, sorted; found by words, in the order of the words.

        A limited user's are those that they are an agent of, newest first. Raises
        InvalidInput (``tab``, ``q``, ``sort``, ``cursor_invalid``).
        """
        if asked.tab not in TABS:
            raise InvalidInput(f"tab must be one of {', '.join(TABS)}.", field="tab")
        if asked.q is not None:
            return self._found(access, asked, limit, after)
        if access.caller.role is Role.LIMITED:
            return self._own(access, asked, limit, after)
        return self._world.shelves.page(
            asked.tab,
            self._offices(access, asked.office_id),
            keep=asked.keep,
            sort=asked.sort,
            descends=asked.sort.descends if asked.descends is None else asked.descends,
            limit=limit,
            after=after,
        )

    def rows(
        self,
        caller: Caller,
        campaigns: Sequence[Campaign],
        vocabulary: Vocabulary | None = None,
    ) -> list[CampaignRow]:
        """Return *campaigns* as rows: their senders, lists and offices are read together."""
        world = self._world
        senders = world.senders.several(_named(one.sender_ids for one in campaigns))
        lists = world.lists.several(_named(one.list_ids for one in campaigns))
        offices = {office.id: office for office in world.offices.all()} if campaigns else {}
        needed = bool(campaigns) and world.policies.get().launch_approval
        return [
            CampaignRow(
                campaign=one,
                office_name=offices[one.office_id].name,
                office_timezone=offices[one.office_id].timezone,
                phone_numbers=tuple(sender.phone for sender in _of(one.sender_ids, senders)),
                list_names=tuple(record.name for record in _of(one.list_ids, lists)),
                card=card_of(one, _of(one.sender_ids, senders)),
                report=report_kind(one),
                menu=tuple(menu(one, caller, needs_approval=needed)),
                allowed_actions=tuple(actions_open_to(one, caller, needs_approval=needed)),
                projection=None if vocabulary is None else projected(situation_of(one), vocabulary),
            )
            for one in campaigns
        ]

    def linked(self, access: Access, campaign: Campaign) -> list[Linked]:
        """Return the campaigns of its combo; it does not matter which of two names the other."""
        return [
            Linked(id=one.id, number=one.number, title=one.title, status=one.status)
            for one in self._world.shelves.linked(campaign)
            if reaches(access, one.office_id, one.agents)
        ]

    def affected(self, access: Access, campaign: Campaign) -> list[Linked]:
        """
        Return whom of its combo it concerns that *campaign* was paused or resumed (K10).

        Of a paused one those that are live, of a live one those that are paused. Nothing is
        done to them.
        """
        concerned = {
            CampaignStatus.PAUSED: CampaignStatus.ACTIVE,
            CampaignStatus.ACTIVE: CampaignStatus.PAUSED,
        }.get(campaign.status)
        return [one for one in self.linked(access, campaign) if one.status is concerned]

    def calendar(self, access: Access, month: str, day: str | None = None) -> Calendar:
        """
        Return what is scheduled in *month* (``2026-11``), each on its day in its office's zone.

        *day* (``2026-11-27``, of that month) adds that day's campaigns. A limited user's
        calendar has those of their offices that they are an agent of; all others see every
        office's. Raises InvalidInput.
        """
        first, end = _month(month)
        wanted = _day(day, month)
        dated: list[tuple[date, Office, Campaign]] = []
        at_least = False
        for office in self._calendar_offices(access):
            zone = ZoneInfo(office.timezone)
            due = self._world.shelves.scheduled(
                office.id, _midnight(first, zone), _midnight(end, zone), MOST_ON_CALENDAR
            )
            at_least = at_least or len(due) >= MOST_ON_CALENDAR
            dated += [
                (one.schedule_at.astimezone(zone).date(), office, one)
                for one in due
                if one.schedule_at is not None and _on_calendar(access, one)
            ]
        counts: dict[date, int] = {}
        for its_day, _, _ in dated:
            counts[its_day] = counts.get(its_day, 0) + 1
        days = tuple(CalendarDay(date=one.isoformat(), count=counts[one]) for one in sorted(counts))
        shown = [(office, one) for its_day, office, one in dated if its_day == wanted]
        return Calendar(
            month=month, day=day, days=days, entries=self._entries(shown), at_least=at_least
        )

    def _found(
        self, access: Access, asked: Asked, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        words = asked_words(asked.q or "")
        offices = self._offices(access, asked.office_id)
        found = self._world.shelves.found(offices, words, limit, after)
        return replace(found, items=tuple(_kept(access, asked, found.items)))

    def _own(
        self, access: Access, asked: Asked, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        if asked.sort is not CampaignSort.CREATED or asked.descends is False:
            raise InvalidInput("Your campaigns are sorted by created, newest first.", field="sort")
        found = self._world.shelves.of_agent(access.caller.subject, limit, after)
        return replace(found, items=tuple(_kept(access, asked, found.items)))

    def _offices(self, access: Access, office_id: str | None) -> list[str]:
        if office_id is not None:
            return [office_id] if access.covers(office_id) else []
        if access.offices is not None:
            return sorted(access.offices)
        return [office.id for office in self._world.offices.all()]

    def _calendar_offices(self, access: Access) -> list[Office]:
        return [
            office
            for office in self._world.offices.all()
            if access.scope is Scope.ALL or office.id in access.caller.offices
        ]

    def _entries(self, shown: Sequence[tuple[Office, Campaign]]) -> tuple[CalendarEntry, ...]:
        senders = self._world.senders.several(_named(one.sender_ids for _, one in shown))
        lists = self._world.lists.several(_named(one.list_ids for _, one in shown))
        entries = (
            CalendarEntry(
                id=one.id,
                number=one.number,
                title=one.title,
                office_id=office.id,
                office_name=office.name,
                timezone=office.timezone,
                schedule_at=one.schedule_at or one.created_at,
                local_at=one.local_at,
                phone_numbers=tuple(sender.phone for sender in _of(one.sender_ids, senders)),
                list_names=tuple(record.name for record in _of(one.list_ids, lists)),
            )
            for office, one in shown
        )
        return tuple(sorted(entries, key=lambda entry: (entry.schedule_at, entry.id)))


def live_campaigns_of(shelves: CampaignShelves) -> Callable[[str], list[str]]:
    """Return what tells which of the newest campaigns that a user is an agent of are live."""

    def campaigns_of(subject: str) -> list[str]:
        newest = shelves.of_agent(subject, _NEWEST, None).items
        live = [one.id for one in newest if one.tab == _LIVE_TAB]
        return live[:_MOST_LIVE]

    return campaigns_of


def _kept(access: Access, asked: Asked, found: Iterable[Campaign]) -> Iterable[Campaign]:
    return (
        one
        for one in found
        if one.tab == asked.tab
        and asked.office_id in (None, one.office_id)
        and asked.keep.keeps(one)
        and reaches(access, one.office_id, one.agents)
    )


def _on_calendar(access: Access, campaign: Campaign) -> bool:
    is_limited = access.caller.role is Role.LIMITED
    return not is_limited or reaches(access, campaign.office_id, campaign.agents)


def _named(ids: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(one for some in ids for one in some[:MOST_NAMED]))


def _of(ids: Sequence[str], found: Mapping[str, _Found]) -> list[_Found]:
    return [found[one] for one in ids[:MOST_NAMED] if one in found]


def _month(text: str) -> tuple[date, date]:
    """Return the first day of the month, and the first of the next."""
    try:
        first = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a day of any zone
    except ValueError as error:
        raise InvalidInput("month must be a month such as 2026-11.", field="month") from error
    if text != f"{first:%Y-%m}" or not _YEARS[0] <= first.year <= _YEARS[1]:
        raise InvalidInput("month must be a month such as 2026-11.", field="month")
    return first, (first + _A_MONTH_AND_MORE).replace(day=1)


def _day(text: str | None, month: str) -> date | None:
    if text is None:
        return None
    try:
        wanted = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("day must be a date such as 2026-11-27.", field="day") from error
    if text[:7] != month:
        raise InvalidInput("day must be a day of the month.", field="day")
    return wanted


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when *day* begins in *zone*; a midnight that is skipped is the instant of the gap."""
    return datetime.combine(day, time.min, zone)
