"""
What questions about many campaigns cost, in DynamoDB's units: an office with a hundred campaigns
and one with a thousand, launched over half a year, each active for three days and answered once
more a month later. The counters are written by the real books, in as many folds as that takes.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.counters import DynamoBooks
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.books import CommitOutcome, Fold
from carillon.domain.clock import to_iso
from carillon.domain.counters import Counts, total_of
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.usecases.read_analytics import AnalyticsWorld
from carillon.usecases.read_series import response_series
from carillon.usecases.read_usage import usage
from carillon.usecases.summarize_campaigns import campaign_list, summary
from tests.bench.lambda_model import Timeline
from tests.bench.meter import Meter, Usage
from tests.bench.store import Store
from tests.bench.world import environment, indexes

CAMPAIGNS = (100, 1_000)
_OFFICE = "off_bench"
_CONTROL, _COUNTERS = "ControlTable", "CountersTable"
_HALF_A_YEAR = timedelta(days=182)
_ACCESS = Access(Caller("usr_bench", Role.ADMIN, frozenset()), Scope.ALL)
_WEEK = {"preset": "last_7_days", "zone": "America/New_York"}
_YEAR = {"preset": "this_year", "zone": "America/New_York"}
_VIP = {"tags": "vip"}

_Ask = Callable[[AnalyticsWorld], Any]
_QUESTIONS: dict[str, _Ask] = {
    "summary, 7 days": lambda world: summary(_WEEK, _ACCESS, world),
    "summary, this year": lambda world: summary(_YEAR, _ACCESS, world),
    "summary of a tag, 7 days": lambda world: summary({**_WEEK, **_VIP}, _ACCESS, world),
    "summary of a tag, this year": lambda world: summary({**_YEAR, **_VIP}, _ACCESS, world),
    "series, 7 days": lambda world: response_series(_WEEK, _ACCESS, world),
    "series, this year": lambda world: response_series(_YEAR, _ACCESS, world),
    "campaign list, 7 days": lambda world: _listed(_WEEK, world),
    "campaign list, this year": lambda world: _listed(_YEAR, world),
    "usage, this year": lambda world: usage({"preset": "this_year"}, _ACCESS, world),
}


def queries_over(campaigns: int, messages: int = 1_000) -> dict[str, Usage]:
    """Return what each question used, over *campaigns* of *messages* each."""
    with environment():
        account = _Account()
        for number in range(campaigns):
            account.keep(number, number * _HALF_A_YEAR / campaigns, messages)
        return {name: account.asked(name, ask) for name, ask in _QUESTIONS.items()}


class _Account:
    """Tables with campaigns and their counters, and a meter over them."""

    def __init__(self) -> None:
        store = Store(lambda *_: None)
        events = boto3.DEFAULT_SESSION.events
        store.attach(events)
        client.cache_clear()
        self._dynamodb = client("dynamodb")
        store.create_tables(self._dynamodb)
        self._clock = Timeline()
        self._meter = Meter(peek=store.peek, examined=store.query, indexes=indexes())
        self._meter.attach(self._dynamodb.meta.events)
        self._now = self._clock.now()
        office = {"pk": schema.ORGANISATION, "sk": schema.office_sk(_OFFICE), "id": _OFFICE}
        self._put(office)

    def keep(self, number: int, ago: timedelta, messages: int) -> None:
        """Keep a campaign that was launched so long *ago*, and what it did."""
        campaign_id, launched_at = f"cmp_{number:026d}", self._now - ago - timedelta(hours=4)
        over = ago > timedelta(days=3)
        self._put(_campaign_item(campaign_id, launched_at, is_over=over, is_vip=number % 10 == 0))
        books = DynamoBooks(self._dynamodb, _COUNTERS)
        for fold in _folds(campaign_id, launched_at, self._now, messages):
            if books.commit(fold, number % schema.COUNTER_LANES) is not CommitOutcome.DONE:
                raise RuntimeError("a fold was not written")

    def asked(self, name: str, ask: _Ask) -> Usage:
        """Return what the question *ask* uses."""
        world = AnalyticsWorld(
            figures=DynamoFigures(self._dynamodb, _COUNTERS),
            catalogue=DynamoCatalogue(self._dynamodb, _CONTROL),
            clock=self._clock,
        )
        with self._meter.stage(name):
            ask(world)
        return self._meter.stages.pop(name)

    def _put(self, item: Mapping[str, Any]) -> None:
        self._dynamodb.put_item(TableName=_CONTROL, Item=to_item(dict(item)))


def _listed(query: Mapping[str, str], world: AnalyticsWorld) -> Any:
    return campaign_list(query, _ACCESS, world, limit=50, position=None)


def _campaign_item(
    campaign_id: str, launched_at: datetime, *, is_over: bool, is_vip: bool
) -> dict[str, Any]:
    ended_at = launched_at + timedelta(days=3)
    item = {
        "pk": schema.campaign_pk(campaign_id),
        "sk": "CMP",
        "id": campaign_id,
        "title": "Autumn appointments of the north",
        "office_id": _OFFICE,
        "body": "Hello, your next appointment is due; answer this message to choose a day. " * 4,
        "created_by": "usr_0123456789abcdef",
        "status": "finished" if is_over else "active",
        "launched_at": to_iso(launched_at),
        "updated_at": to_iso(ended_at if is_over else launched_at),
        "tags": ["vip", "north"] if is_vip else ["north"],
        "operated_by": "agent",
        "type": "sms",
        "total": 1000,
    }
    return {**item, "finished_at": to_iso(ended_at)} if is_over else item


def _folds(campaign_id: str, launched_at: datetime, now: datetime, messages: int) -> list[Fold]:
    """Return a fold a day: the messages over ten quarter hours, then answers, the last late."""
    days = [{n: {"submitted": messages // 10, "segments": messages // 10} for n in range(10)}]
    for quarter in range(1, 11):
        days[0].setdefault(quarter, {}).update(delivered=messages // 11, failed_provider=1)
    answers: Counts = {"inbound": 2, "responded": 1, "auto_opt_outs": 1}
    days += [dict.fromkeys(range(first, first + 40, 8), answers) for first in (90, 180)]
    days += [{96 * 33: answers}]
    folds = []
    for by_quarter in days:
        quarters = {
            _quarter(launched_at + timedelta(minutes=15 * place)): counts
            for place, counts in by_quarter.items()
            if launched_at + timedelta(minutes=15 * place) < now
        }
        if quarters:
            folds.append(
                Fold(
                    campaign_id=campaign_id,
                    advances=(),
                    totals=total_of(quarters.values()),
                    quarters=quarters,
                    office_quarters={(_OFFICE, quarter): own for quarter, own in quarters.items()},
                )
            )
    return folds


def _quarter(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H}:{moment.minute // 15 * 15:02d}Z"
