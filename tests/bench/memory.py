"""
How much memory our code needs at its peak, by stage and size, in a process of its own each.

The stores are streams that keep nothing, so that what is measured (tracemalloc: Python's
own allocations) is ours. A stage whose peak grows with the audience breaks F9.
"""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.templates import compile_template
from carillon.domain.audience import AudiencePlan
from carillon.domain.campaign import Campaign, CampaignStatus, Run
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.ids import lead_key
from carillon.domain.locating import whereabouts
from carillon.domain.message import (
    Accepted,
    Claim,
    GateView,
    LeadRow,
    Recipient,
    RowRef,
    Watch,
)
from carillon.domain.pacing import ErrorLimit
from carillon.domain.phone import parse_phone
from carillon.usecases.import_contacts import Importing, import_contacts
from carillon.usecases.pace_sender import PacingWorld, pace_sender
from carillon.usecases.plan_audience import Planning, plan_audience
from carillon.usecases.send_lead import SendingWorld, send_lead
from carillon.usecases.walk_parts import Walking
from tests.bench.world import BODY, phone_number
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import FakeSegmentDirectory
from tests.support.outbox import nothing_to_answer
from tests.support.sending import (
    FakeBudgets,
    FakeContactCaps,
    FakeDirectory,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    InlineExecutor,
    a_campaign,
    a_sender,
    no_law,
)

_CHUNK = 256 * 1024


def print_memory(pool: Executor, sizes: Sequence[int]) -> None:
    """Measure every stage at every size in *pool*'s processes and print the peaks."""
    print("\nPeak memory of our code, MB (ratio to the smallest size):")
    for stage in STAGES:
        peaks = list(pool.map(peak_of, [stage] * len(sizes), sizes))
        cells = (
            f"{size:,}: {peak / 1e6:.2f} ({peak / peaks[0]:.2f})"
            for size, peak in zip(sizes, peaks, strict=True)
        )
        print(f"  {stage:8} {'  '.join(cells)}")
    print(
        "  (import rises to 2.7, as its chunks of rows and of bytes meet in every way, and stays)"
    )


def peak_of(stage: str, leads: int) -> int:
    """Return the peak of Python's allocations, in bytes, while *stage* does *leads*."""
    work = STAGES[stage]
    # What is loaded once (phone metadata by area, the template's parser) is no part of any size.
    for number in range(0, 300_000, 10_000):
        parse_phone(phone_number(number), "US")
    work(10)
    tracemalloc.start()
    try:
        work(leads)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _import(leads: int) -> None:
    lists = _OneImport()
    importing = Importing(
        lists=lists,
        contacts=_KeepsNoContacts(),
        opt_outs=_NobodyOptedOut(),
        files=_EndlessCsv(leads),
        queue=FakeQueue(),
        clock=FakeClock(),
        parse_phone=parse_phone,
        contacts_per_shard=schema.CONTACTS_PER_SHARD,
    )
    job = import_contacts(importing, list_id="lst_a", import_id="imp_a", budget_s=1e9)
    assert job.tally.stored == leads


def _plan(leads: int) -> None:
    plans = _OnePlan()
    planning = Planning(
        campaigns=plans,
        lists=_OneImport(contacts=leads),
        segments=FakeSegmentDirectory(),
        contacts=_Generated(leads),
        objects=_KeepsNoObjects(),
        plan_queue=FakeQueue(),
        send_queue=FakeQueue(),
        clock=FakeClock(),
        leads_per_part=schema.LEADS_PER_PART,
        sender_of=a_sender,
        locate=whereabouts,
    )
    plan_audience(planning, campaign_id="cmp_a", budget_s=1e9)
    assert plans.plan.total == leads


def _send(leads: int) -> None:
    parts = max(1, -(-leads // schema.LEADS_PER_PART))
    directory, clock = _OneSender(parts), FakeClock()
    leads_table = _KeepsNoRows()
    sending = SendingWorld(
        leads=leads_table,
        gate=_Open(),
        provider=_Accepts(),
        suppressions=FakeSuppressions(),
        caps=FakeContactCaps(),
        clock=clock,
        new_claim_id=lambda: "c" * 16,
        callback_url=lambda _, ref: ref.token,
        jitter=lambda: 0.0,
    )
    pacing = PacingWorld(
        leases=directory,
        directory=directory,
        walking=Walking(
            leads=leads_table,
            audiences=_GeneratedParts(leads, parts),
            watches=directory,
            directory=directory,
            rules=no_law(),
            now=clock.now,
        ),
        answering=nothing_to_answer(FakeMessages(), clock),
        budgets=FakeBudgets(),
        receipts_of=lambda _: (0, 0),
        error_limit=ErrorLimit(),
        send_queue=FakeQueue(),
        reconcile_queue=FakeQueue(),
        clock=clock,
        compile_body=lambda body: compile_template(body).render,
        send=lambda assignment, lease: send_lead(assignment, lease, sending),
        executor=InlineExecutor(),
        workers=16,
        on_error=_raise,
    )
    report = pace_sender("snd_a", owner="bench", stop_at=1e9, world=pacing)
    assert report.outcomes == {"submitted": leads}, report


STAGES: dict[str, Callable[[int], None]] = {"import": _import, "plan": _plan, "send": _send}


# Stores that keep nothing ---------------------------------------------------------


class _OneImport:
    """Implements ``ports.ImportDirectory`` for one list and one import."""

    def __init__(self, contacts: int = 0) -> None:
        shards = -(-contacts // schema.CONTACTS_PER_SHARD)
        self._list = ContactList(
            id="lst_a", name="A", default_country="US", shards=shards, contacts=contacts
        )
        self._job = ImportJob(
            id="imp_a", list_id="lst_a", status=ImportStatus.QUEUED, object_key="uploads/a.csv"
        )

    def contact_list(self, list_id: str) -> ContactList:
        return self._list

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        return self._job

    def has_running_import(self, list_id: str) -> bool:
        return False

    def fix_shards(self, list_id: str, shards: int) -> None:
        self._list = replace(self._list, shards=shards)

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        self._job = after
        return True


class _KeepsNoContacts:
    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        return [(contact.import_id, contact.line) for contact in contacts]

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        return iter(())


class _NobodyOptedOut:
    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        return set()


class _KeepsNoObjects:
    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        return None

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        for _ in chunks:
            pass

    def get(self, key: str) -> bytes:
        raise AssertionError("nothing is read back")

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        raise AssertionError("nothing is read back")

    def size(self, key: str) -> int:
        raise AssertionError("nothing is read back")


class _EndlessCsv(_KeepsNoObjects):
    """A CSV that exists only while it is read."""

    _HEAD = b"first_name,last_name,phone,city\n"
    _ROW = len("Ada,Example,+12025550000,Springfield\n")

    def __init__(self, leads: int) -> None:
        self._leads = leads

    def size(self, key: str) -> int:
        return len(self._HEAD) + self._leads * self._ROW

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        row = max(0, (offset - len(self._HEAD)) // self._ROW)
        pending = b"" if offset else self._HEAD
        for number in range(row, self._leads):
            pending += f"Ada,Example,{phone_number(number)},Springfield\n".encode()
            if len(pending) > _CHUNK:
                yield pending
                pending = b""
        yield pending


class _Generated(_KeepsNoContacts):
    """Contacts evenly spread over the key space, made when they are read."""

    def __init__(self, leads: int) -> None:
        self._leads = leads

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        low, high = int(first, 16), int(last, 16) + 1
        for number in _numbers_between(low, high, self._leads):
            yield _At(
                phone=f"+1202555{number:07d}",
                first_name="Ada",
                last_name="Example",
                fields={"city": "Springfield"},
                line=number,
                import_id="imp_a",
                created_at=NOON,
            )


class _At(Contact):
    """A contact whose key is its number's place instead of its phone's hash."""

    @property
    def key(self) -> str:
        return f"{self.line:032x}"


def _numbers_between(low: int, high: int, leads: int) -> range:
    return range(-(-low * leads // 65536), -(-high * leads // 65536))


class _OnePlan:
    """Implements ``ports.CampaignPlans`` for one launched campaign."""

    def __init__(self) -> None:
        self.plan = AudiencePlan(campaign_id="cmp_a", frozen_at=NOON)
        self._campaign = a_campaign(
            parts=0,
            planned_parts=0,
            total=0,
            status=CampaignStatus.PROCESSING,
            launched_at=NOON,
        )

    def planning(self, campaign_id: str) -> tuple[Campaign, AudiencePlan | None]:
        return self._campaign, self.plan

    def save_plan(self, before: AudiencePlan, after: AudiencePlan, now: object) -> bool:
        self.plan = after
        return True

    def activate(self, campaign: Campaign, plan: AudiencePlan, runs: object, now: object) -> bool:
        return True

    def reject(self, campaign: Campaign, problem: str, now: object) -> bool:
        raise AssertionError(problem)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"planning does not call {name}")


class _OneSender(FakeDirectory):
    """The directory of one sender with one run; it forgets watches."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.sender_by_id["snd_a"] = a_sender(mps=1000.0)
        self.campaigns["cmp_a"] = a_campaign(parts=parts, body=BODY)
        self.run_by_key["snd_a", "cmp_a"] = Run(
            sender_id="snd_a",
            campaign_id="cmp_a",
            office_id="off_north",
            parts=parts,
            senders=("snd_a",),
        )

    def put(self, watch: Watch) -> None:
        return None


class _GeneratedParts:
    """Implements ``ports.Audiences``: parts made when they are read."""

    def __init__(self, leads: int, parts: int) -> None:
        self._leads = leads
        self._parts = parts

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        first, last = part * self._leads // self._parts, (part + 1) * self._leads // self._parts
        return [
            Recipient(
                key=lead_key(phone),
                phone=phone,
                fields={"first_name": "Ada", "last_name": "Example", "city": "Springfield"},
            )
            for phone in map(phone_number, range(first, last))
        ]


class _KeepsNoRows:
    """The part of ``ports.Leads`` that a send without mishap calls."""

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        return {}

    def claim(self, claim: Claim) -> bool:
        return True

    def record_submitted(self, claim: Claim, accepted: Accepted, now: object) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a smooth send does not call {name}")


class _Open:
    def look(
        self,
        *,
        phone: str,
        campaign_id: str | None,
        sender_id: str,
        lead: RowRef | None = None,
        conversation_id: str | None = None,
    ) -> GateView:
        return GateView(opted_out=False, campaign_active=True, lease_token=1, campaign_version=1)


class _Accepts:
    def send(self, message: object) -> Accepted:
        return Accepted("SM" + "0" * 32)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a smooth send does not call {name}")


def _raise(error: BaseException) -> None:
    raise error
