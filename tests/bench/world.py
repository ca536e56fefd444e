"""
One organisation, one sender, one campaign, through every function, in virtual time.

Receipts and counters go through the functions' own handlers; where a function needs the
clock, a provider or an executor, its use case is composed here as its app.py does, with
virtual time, the bench's carrier and an executor that works at once.
"""

import importlib.util
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3

from carillon.adapters.audiences import S3Audiences
from carillon.adapters.aws import client
from carillon.adapters.callbacks import status_callback
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import unsolicited_text
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.contacts import (
    DynamoCampaignPlans,
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.control import DynamoDirectory, DynamoGate
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.counters import DynamoBooks, DynamoMessageRows
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.dynamodb.limits import DynamoBudgets, DynamoContactCaps
from carillon.adapters.dynamodb.occurrences import DynamoOccurrences
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.templates import compile_template
from carillon.domain import automatic_answers
from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.locating import whereabouts
from carillon.domain.message import CallbackRef, Reply
from carillon.domain.pacing import ErrorLimit
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.phone import parse_phone
from carillon.usecases.import_contacts import Importing, import_contacts
from carillon.usecases.keep_conversation import Inbox
from carillon.usecases.pace_sender import PacingWorld, pace_sender, wake_idle_senders
from carillon.usecases.plan_audience import Planning, plan_audience
from carillon.usecases.process_reply import AnswerTexts, ReplyWorld, process_reply
from carillon.usecases.read_analytics import AnalyticsWorld, campaign_metrics
from carillon.usecases.read_series import campaign_activity, response_series
from carillon.usecases.read_usage import usage
from carillon.usecases.reconcile_campaign import (
    ReconcilingWorld,
    reconcile_campaign,
    take_turn,
    unsettled_campaigns,
)
from carillon.usecases.record_receipt import replay_parked
from carillon.usecases.recount import Progress, RecountWorld, come_back, recount_campaign
from carillon.usecases.resolve_ambiguous import Resolution
from carillon.usecases.send_lead import SendingWorld, send_lead
from carillon.usecases.start_due_campaigns import Starting, start_due_campaigns
from carillon.usecases.summarize_campaigns import campaign_list, summary
from carillon.usecases.walk_outbox import Answering
from carillon.usecases.walk_parts import Walking
from tests.bench.capacity import Index
from tests.bench.carrier import BenchCarrier
from tests.bench.lambda_model import (
    Batches,
    Timeline,
    poller_of,
    receives_and_deletes,
    shard_of,
    sqs_event,
)
from tests.bench.meter import Meter, Usage
from tests.bench.store import Store
from tests.bench.template import Function, functions
from tests.support.sending import InlineExecutor, a_campaign, a_sender, no_law
from tests.support.tables import table_definitions

_ROOT = Path(__file__).parents[2]
_CONTROL, _MESSAGES, _COUNTERS = "ControlTable", "MessagesTable", "CountersTable"
_CONTACTS, _SUPPRESSIONS, _BUCKET = "ContactsTable", "SuppressionsTable", "files"
_CONSENT = "ConsentTable"
_CONVERSATIONS = "ConversationsTable"
_QUEUES = {
    name: f"https://queue.local/{name}"
    for name in ("import", "plan", "send", "receipt", "inbound", "reconcile", "recount")
}
_WEBHOOKS = "https://hooks.example.com"
BODY = (
    'Hi {{ first_name | default: "there" }}, your appointment at our branch in '
    "{{ city }} can be booked now. Reply to this message or STOP to opt out."
)
LIST_ID, IMPORT_ID, CAMPAIGN_ID, SENDER_ID, OFFICE_ID = (
    "lst_bench",
    "imp_bench",
    "cmp_bench",
    "snd_bench",
    "off_north",
)
# A call to AWS, and a function's own start and end, as billed; a provider's answer.
AWS_CALL_S = 0.005
OWN_TIME_S = 0.003
PROVIDER_CALL_S = 0.1
# START, END and REPORT as Lambda writes them, each with CloudWatch's 26 bytes beside.
PLATFORM_LOG_BYTES = 450
_LOG_EVENT_BYTES = 26
# One access-log line of a webhook: see AccessLogSettings in template.yaml.
_ACCESS_LOG_BYTES = 220


@dataclass(frozen=True)
class Result:
    """What one size came to, by stage, and how the campaign ended."""

    leads: int
    stages: dict[str, Usage]
    statuses: dict[str, int]
    submitted: int
    drift: int
    batches: dict[str, float]
    queries: dict[str, Usage] = field(default_factory=dict)
    # Table -> its partition key with the most write units in one second, and them.
    hottest: dict[str, tuple[str, int]] = field(default_factory=dict)


class Discarded(io.TextIOBase):
    """Stands for the functions' standard output and counts what they log."""

    def __init__(self, note: Callable[[int], None]) -> None:
        self._note = note

    def write(self, text: str) -> int:
        if text.strip():
            self._note(len(text.encode()) + _LOG_EVENT_BYTES)
        return len(text)


class World:
    """Everything of one run."""

    def __init__(self, leads: int, *, mps: float) -> None:
        self.leads = leads
        self._mps = mps
        self.timeline = Timeline()
        self.functions: dict[str, Function] = functions()
        self._store = Store(self._message_sent)
        self.meter = Meter(
            peek=self._store.peek,
            examined=self._store.query,
            indexes=indexes(),
            on_change=self._changed,
            now=self.timeline.monotonic,
        )
        self._sequence = 10**20
        self._numbers: dict[str, int] = {}
        self._records: dict[str, list[int]] = {}
        self._recounts = 0
        self._drift = 0
        self._minutes = 0
        self._handlers: dict[str, Any] = {}
        self.carrier = BenchCarrier(self.timeline, self._status_called, self._inbound_called)
        self._sources = self._event_sources()

    # The run ------------------------------------------------------------------

    def run(self) -> Result:
        """Import, plan, send, hear back, count and close; return what it took."""
        with environment(), _quiet(Discarded(self._logged)):
            self._open_account()
            self._import()
            self._launch()
            self.timeline.after(60.0, self._minute)
            self.timeline.run()
            # What a minute costs when there is nothing to do.
            self._tick("idle minute")
            queries = self._dashboard_queries()
        return self._result(queries)

    def _open_account(self) -> None:
        events = boto3.DEFAULT_SESSION.events
        self._store.attach(events)
        client.cache_clear()
        self._dynamodb = client("dynamodb")
        self._store.create_tables(self._dynamodb)
        self.meter.attach(self._dynamodb.meta.events)
        self._s3, self._sqs = client("s3"), client("sqs")
        self.meter.attach(self._s3.meta.events)
        self.meter.attach(self._sqs.meta.events)
        self._compose()

    def _compose(self) -> None:
        dynamodb, self._objects = self._dynamodb, S3Objects(self._s3, _BUCKET)
        self._queues = {
            name: SqsQueue(self._sqs, url, lambda: "0" * 36) for name, url in _QUEUES.items()
        }
        self._directory = DynamoDirectory(dynamodb, _CONTROL)
        self._messages = DynamoMessages(dynamodb, _MESSAGES)
        self._outbox = DynamoOutbox(dynamodb, control_table=_CONTROL, messages_table=_MESSAGES)
        self._plans = DynamoCampaignPlans(dynamodb, _CONTROL)
        self._occurrences = DynamoOccurrences(dynamodb, _CONTROL)
        self._knowledge = DynamoKnowledge(dynamodb, _CONTROL)
        self._lists = DynamoImportDirectory(dynamodb, _CONTROL)
        self._contacts = DynamoContacts(dynamodb, _CONTACTS)
        self._audiences = S3Audiences(self._objects)

    # What functions do --------------------------------------------------------

    def _import(self) -> None:
        self._put(_CONTROL, _list_item())
        self._put(_CONTROL, _import_item())
        self._store.objects["uploads/bench.csv"] = csv_of(self.leads)
        importing = Importing(
            lists=self._lists,
            contacts=self._contacts,
            opt_outs=DynamoOptOutLookup(
                self._dynamodb, _SUPPRESSIONS, ErasureMarks(self._dynamodb, _CONTROL)
            ),
            files=self._objects,
            queue=self._queues["import"],
            clock=self.timeline,
            parse_phone=parse_phone,
            contacts_per_shard=schema.CONTACTS_PER_SHARD,
        )
        with self._invocation("import_contacts", "import", messages=1):
            job = import_contacts(importing, list_id=LIST_ID, import_id=IMPORT_ID, budget_s=1e9)
        if job.tally.stored != self.leads:
            raise RuntimeError(f"{job.tally.stored} of {self.leads} contacts were imported")

    def _launch(self) -> None:
        self._put(_CONTROL, _sender_item(self._mps))
        self._put(_CONTROL, _office_item())
        now = self.timeline.now()
        campaign = a_campaign(
            CAMPAIGN_ID,
            body=BODY,
            status=CampaignStatus.PROCESSING,
            sender_ids=(SENDER_ID,),
            list_ids=(LIST_ID,),
            parts=0,
            planned_parts=0,
            total=0,
            launched_at=now,
            created_at=now,
            updated_at=now,
        )
        self._put(
            _CONTROL,
            {
                "pk": schema.campaign_pk(CAMPAIGN_ID),
                "sk": "CMP",
                schema.GSI1_PK: schema.tab_pk("active"),
                schema.GSI1_SK: schema.listing_sk(to_iso(now), CAMPAIGN_ID),
                **vars(campaign),
            },
        )
        # The wake-up that a launch sends belongs to the launch; planning is its consumer.
        with self.meter.stage("plan"):
            self._queues["plan"].put({"campaign_id": CAMPAIGN_ID})

    def _plan(self, message: dict[str, Any]) -> None:
        planning = Planning(
            campaigns=self._plans,
            lists=self._lists,
            segments=self._lists,
            contacts=self._contacts,
            objects=self._objects,
            plan_queue=self._queues["plan"],
            send_queue=self._queues["send"],
            clock=self.timeline,
            leads_per_part=schema.LEADS_PER_PART,
            sender_of=self._directory.sender,
            locate=whereabouts,
        )
        budget_s = self.functions["plan_audience"].timeout_s / 2
        plan_audience(planning, campaign_id=message["campaign_id"], budget_s=budget_s)

    def _pace(self, message: dict[str, Any]) -> None:
        sending = SendingWorld(
            leads=self._messages,
            gate=DynamoGate(
                self._dynamodb,
                control_table=_CONTROL,
                suppressions_table=_SUPPRESSIONS,
                messages_table=_MESSAGES,
                conversations_table=_CONVERSATIONS,
            ),
            provider=_Metered(self.carrier, self.meter),
            suppressions=DynamoSuppressions(
                self._dynamodb, _SUPPRESSIONS, _CONSENT, self.timeline.now
            ),
            caps=DynamoContactCaps(self._dynamodb, _SUPPRESSIONS),
            clock=self.timeline,
            new_claim_id=lambda: os.urandom(8).hex(),
            callback_url=_callback_url,
            jitter=lambda: 0.0,
        )
        # world_of() reads the sender for its provider account.
        self._directory.sender(message["sender_id"])
        pacing = PacingWorld(
            leases=self._directory,
            directory=self._directory,
            walking=Walking(
                leads=self._messages,
                audiences=self._audiences,
                watches=self._directory,
                directory=self._directory,
                rules=no_law(),
                now=self.timeline.now,
            ),
            answering=Answering(
                outbox=self._outbox,
                conversations=self._messages,
                book=DynamoConversations(self._dynamodb, _CONVERSATIONS),
                on_error=_raise,
                # Nobody answers in the bench.
                resolve=lambda _ref, _row: Resolution.WAITING,
                grace=timedelta(seconds=60),
                poll_after=timedelta(seconds=600),
                now=self.timeline.now,
            ),
            budgets=DynamoBudgets(self._dynamodb, _CONTROL),
            receipts_of=self._receipts_of,
            error_limit=ErrorLimit(),
            send_queue=self._queues["send"],
            reconcile_queue=self._queues["reconcile"],
            clock=self.timeline,
            compile_body=lambda body: compile_template(body).render,
            send=lambda assignment, lease: send_lead(assignment, lease, sending),
            executor=InlineExecutor(),
            workers=16,
            on_error=_raise,
        )
        stop_at = self.timeline.monotonic() + self.functions["send_messages"].timeout_s - 20.0
        pace_sender(message["sender_id"], owner="bench", stop_at=stop_at, world=pacing)

    def _receipts_of(self, campaign_id: str) -> tuple[int, int]:
        counts, _ = DynamoFigures(self._dynamodb, _COUNTERS).campaign_totals(campaign_id)
        return counts.get("delivered", 0), counts.get("failed_provider", 0)

    def _take_in(self, message: dict[str, Any]) -> None:
        params = message["params"]
        texts = AnswerTexts(
            opt_out=automatic_answers.opt_out_confirmation("Carillon"),
            opt_in=automatic_answers.opt_in_confirmation("Carillon"),
            help=automatic_answers.help_text("Carillon", ""),
        )
        world = ReplyWorld(
            directory=self._directory,
            conversations=self._messages,
            leads=self._messages,
            suppressions=DynamoSuppressions(
                self._dynamodb, _SUPPRESSIONS, _CONSENT, self.timeline.now
            ),
            holds=DynamoHolds(self._dynamodb, _SUPPRESSIONS),
            inbox=Inbox(
                book=DynamoConversations(self._dynamodb, _CONVERSATIONS),
                audiences=self._audiences,
                directory=self._directory,
                clock=self.timeline,
            ),
            provider_of=lambda _: _Metered(self.carrier, self.meter),
            texts=texts,
            clock=self.timeline,
            new_claim_id=lambda: os.urandom(8).hex(),
            callback_url=_callback_url,
            unsolicited_partition=schema.unsolicited_pk,
            ambiguous_grace=timedelta(seconds=60),
        )
        process_reply(
            Reply(
                provider="twilio",
                provider_id=params["MessageSid"][0],
                sender_id=message["sender_id"],
                phone=params["From"][0],
                body=params["Body"][0],
                received_at=self.timeline.now(),
            ),
            world,
        )

    def _reconciling(self) -> ReconcilingWorld:
        return ReconcilingWorld(
            directory=self._directory,
            leads=self._messages,
            audiences=self._audiences,
            watches=self._directory,
            provider_of=lambda _: _Metered(self.carrier, self.meter),
            clock=self.timeline,
            send_queue=self._queues["send"],
            recount_queue=self._queues["recount"],
            rules=no_law(),
            ambiguous_grace=timedelta(seconds=60),
            poll_after=timedelta(seconds=600),
            unsolicited_partition=schema.unsolicited_pk,
        )

    def _reconcile(self, message: dict[str, Any]) -> None:
        turn = from_iso(message["turn"]) if "turn" in message else None
        again_at = take_turn(message["campaign_id"], turn, self._reconciling())
        if again_at is None:
            return
        wait_s = (again_at - self.timeline.now()).total_seconds()
        self._queues["reconcile"].put(
            {"campaign_id": message["campaign_id"], "turn": to_iso(again_at)},
            delay_s=max(1, math.ceil(wait_s)),
        )

    def _recount(self, message: dict[str, Any]) -> None:
        world = RecountWorld(
            rows=DynamoMessageRows(self._dynamodb, _MESSAGES),
            books=DynamoBooks(self._dynamodb, _COUNTERS),
            clock=self.timeline,
            queue=self._queues["recount"],
            part_name=schema.part_pk,
        )
        campaign = DynamoCatalogue(self._dynamodb, _CONTROL).campaign(message["campaign_id"])
        deadline = self.timeline.monotonic() + 270.0
        report = recount_campaign(campaign, "close", Progress.of(message), world, deadline=deadline)
        if report is not None:
            self._recounts += 1
            self._drift += sum(abs(amount) for amount in report.drift.values())
            come_back(report, message, self._queues["recount"])

    def _minute(self) -> None:
        """Let the minute's schedules run beside the campaign."""
        self._minutes += 1
        if self._minutes > 60 + self.leads / self._mps:
            raise RuntimeError("the campaign does not come to its end")
        self._tick("sweeps")
        if not self._recounts:
            self.timeline.after(60.0, self._minute)

    def _tick(self, stage: str) -> None:
        with self._invocation("start_due_campaigns", stage):
            start_due_campaigns(
                Starting(
                    campaigns=self._plans,
                    occurrences=self._occurrences,
                    knowledge=self._knowledge,
                    policy=self._directory.policy,
                    plan_queue=self._queues["plan"],
                    clock=self.timeline,
                    lateness_limit=timedelta(hours=1),
                )
            )
        with self._invocation("send_messages", stage):
            wake_idle_senders(
                self._directory, self._outbox, self._queues["send"], self.timeline.now()
            )
        with self._invocation("reconcile_messages", stage):
            replay_parked(self._messages)
            for campaign_id in unsettled_campaigns(self._directory):
                reconcile_campaign(campaign_id, self._reconciling())

    # What reaches them --------------------------------------------------------

    def _status_called(self, url: str, form: dict[str, list[str]]) -> None:
        with self._webhook():
            self._queues["receipt"].put({**self._posted(form), "ref": url.partition("?ref=")[2]})

    def _inbound_called(self, _number: str, form: dict[str, list[str]]) -> None:
        with self._webhook():
            self._queues["inbound"].put(self._posted(form))

    def _posted(self, form: dict[str, list[str]]) -> dict[str, Any]:
        return {
            "provider": "twilio",
            "sender_id": SENDER_ID,
            "received_at": to_iso(self.timeline.now()),
            "params": form,
        }

    @contextmanager
    def _webhook(self) -> Iterator[None]:
        with self._invocation("provider_webhooks", "webhooks") as used:
            used.gateway_requests += 1
            used.log_bytes += _ACCESS_LOG_BYTES
            yield

    def _message_sent(self, queue_url: str, body: str, delay_s: int) -> None:
        queue = queue_url.rpartition("/")[2]
        number = self._numbers[queue] = self._numbers.get(queue, 0) + 1
        self.timeline.after(delay_s, lambda: self._sources[queue].add(poller_of(number), body))

    def _event_sources(self) -> dict[str, Batches[str]]:
        handled = {
            "plan": ("plan_audience", "plan", self._plan),
            "send": ("send_messages", "send", self._pace),
            "inbound": ("process_inbound", "replies", self._take_in),
            "reconcile": ("reconcile_messages", "reconcile", self._reconcile),
            "recount": ("recount_counters", "recount", self._recount),
        }
        sources = {
            queue: self._source(function, stage, self._each(act))
            for queue, (function, stage, act) in handled.items()
        }
        sources["receipt"] = self._source(
            "process_receipts",
            "receipts",
            lambda bodies: self._handler("process_receipts")(sqs_event(bodies), None),
        )
        trigger = self.functions["aggregate_counters"].trigger
        assert trigger is not None
        self._stream: Batches[dict[str, Any]] = Batches(trigger, self.timeline, self._aggregate)
        return sources

    def _each(self, act: Callable[[dict[str, Any]], None]) -> Callable[[list[str]], None]:
        def handle(bodies: list[str]) -> None:
            for body in bodies:
                act(json.loads(body))

        return handle

    def _source(
        self, function: str, stage: str, handle: Callable[[list[str]], Any]
    ) -> Batches[str]:
        def invoke(bodies: list[str]) -> None:
            with self._invocation(function, stage, messages=len(bodies)):
                answer = handle(bodies)
            assert not answer or not answer["batchItemFailures"], answer

        trigger = self.functions[function].trigger
        assert trigger is not None
        return Batches(trigger, self.timeline, invoke)

    def _changed(self, table: str, key: dict[str, Any], before: Any, after: Any) -> None:
        if table != _MESSAGES:
            return
        self._sequence += 1
        image: dict[str, Any] = {"Keys": key, "SequenceNumber": str(self._sequence)}
        if before is not None:
            image["OldImage"] = before
        if after is not None:
            image["NewImage"] = after
        self._stream.add(shard_of(key["pk"]["S"]), {"dynamodb": image})

    def _aggregate(self, records: list[dict[str, Any]]) -> None:
        self._records.setdefault("aggregate_counters", []).append(len(records))
        with self._invocation("aggregate_counters", "counters"):
            answer = self._handler("aggregate_counters")({"Records": records}, None)
        assert not answer["batchItemFailures"]

    @contextmanager
    def _invocation(self, function: str, stage: str, messages: int = 0) -> Iterator[Usage]:
        """Count one invocation, its modelled time, its logs, and its batch's queue requests."""
        with self.meter.stage(stage) as used:
            calls, provider, began = (
                used.calls.total(),
                used.provider_calls,
                self.timeline.monotonic(),
            )
            yield used
            waited_s = self.timeline.monotonic() - began
            busy_s = OWN_TIME_S + AWS_CALL_S * (used.calls.total() - calls)
            if function == "send_messages":
                # Many at a time, in the time that the pacer waits for its tokens anyway.
                busy_s = OWN_TIME_S
            else:
                busy_s += PROVIDER_CALL_S * (used.provider_calls - provider)
            used.invocations[function] += 1
            used.gb_seconds += (waited_s + busy_s) * self.functions[function].memory_mb / 1024
            used.log_bytes += PLATFORM_LOG_BYTES
            if messages:
                used.sqs_requests += receives_and_deletes(messages)
                self._records.setdefault(function, []).append(messages)

    def _handler(self, function: str) -> Any:
        if function not in self._handlers:
            self._handlers[function] = handler_of(function)
        return self._handlers[function]

    def _logged(self, size: int) -> None:
        self.meter.usage().log_bytes += size

    # What came of it ----------------------------------------------------------

    def _dashboard_queries(self) -> dict[str, Usage]:
        world = AnalyticsWorld(
            figures=DynamoFigures(self._dynamodb, _COUNTERS),
            catalogue=DynamoCatalogue(self._dynamodb, _CONTROL),
            clock=self.timeline,
        )
        caller = Caller(subject="usr_bench", role=Role.ADMIN, offices=frozenset())
        access = Access(caller, Scope.ALL)
        filtered = {"campaign_status": "active,finished", "zone": "Asia/Kathmandu"}
        questions: dict[str, Callable[[], object]] = {
            "GET metrics": lambda: campaign_metrics(CAMPAIGN_ID, access, world),
            "GET activity": lambda: campaign_activity(CAMPAIGN_ID, {}, access, world),
            "GET summary": lambda: summary({}, access, world),
            "GET summary, filtered": lambda: summary(filtered, access, world),
            "GET series": lambda: response_series(filtered, access, world),
            "GET campaigns": lambda: campaign_list({}, access, world, limit=50, position=None),
            "GET usage": lambda: usage({}, access, world),
        }
        for name, ask in questions.items():
            with self.meter.stage(name):
                ask()
        return {name: self.meter.stages.pop(name) for name in questions}

    def _result(self, queries: dict[str, Usage]) -> Result:
        self.meter.stages.pop("elsewhere", None)
        statuses: dict[str, int] = {}
        for item in self._store.items(_MESSAGES):
            if item["kind"]["S"] == "lead":
                status = item["status"]["S"]
                statuses[status] = statuses.get(status, 0) + 1
        return Result(
            leads=self.leads,
            stages=self.meter.stages,
            statuses=statuses,
            submitted=self.carrier.calls,
            drift=self._drift,
            batches={name: sum(sizes) / len(sizes) for name, sizes in self._records.items()},
            queries=queries,
            hottest=self.meter.hottest(),
        )

    def _put(self, table: str, values: dict[str, Any]) -> None:
        self._dynamodb.put_item(TableName=table, Item=to_item(values))


def handler_of(function: str) -> Any:
    """Return the handler of ``functions/<function>/app.py``, as Lambda finds it."""
    path = _ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"bench_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def run(leads: int, mps: float) -> Result:
    """Return what *leads* came to at *mps* segments a second; once in a process."""
    return World(leads, mps=mps).run()


class _Metered:
    """Counts the calls to a provider in the stage that makes them."""

    def __init__(self, carrier: BenchCarrier, meter: Meter) -> None:
        self._carrier = carrier
        self._meter = meter
        self.find, self.fetch = carrier.find, carrier.fetch

    def send(self, message: Any) -> Any:
        self._meter.usage().provider_calls += 1
        return self._carrier.send(message)


def csv_of(leads: int) -> bytes:
    """Return a CSV of *leads* fictional people, each with a phone of their own."""
    lines = ["first_name,last_name,phone,city"]
    lines += [f"Ada,Example,{phone_number(n)},Springfield" for n in range(leads)]
    return ("\n".join(lines) + "\n").encode()


def phone_number(number: int) -> str:
    """Return the fictional phone number *number* (below 300,000), E.164."""
    area = (202, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234)[
        number // 10_000 % 15
    ]
    return f"+1{area}{555 + number // 150_000}{number % 10_000:04d}"


def indexes() -> dict[str, tuple[Index, ...]]:
    """Return the tables' indexes as infra/data.yaml has them."""
    return {
        name: tuple(
            Index(index["IndexName"], *(key["AttributeName"] for key in index["KeySchema"]))
            for index in definition.get("GlobalSecondaryIndexes", ())
        )
        for name, definition in table_definitions().items()
    }


def _callback_url(sender_id: str, ref: CallbackRef) -> str:
    return status_callback(_WEBHOOKS, "twilio", sender_id, ref)


def _raise(error: BaseException) -> None:
    raise error


def _list_item() -> dict[str, Any]:
    return {
        "pk": schema.list_pk(LIST_ID),
        "sk": "LST",
        "id": LIST_ID,
        "name": "Bench",
        "office_id": OFFICE_ID,
        "default_country": "US",
        "shards": 0,
        "contacts": 0,
        schema.GSI1_PK: schema.LISTS,
        schema.GSI1_SK: f"2026-11-22T12:00:00Z#{LIST_ID}",
    }


def _import_item() -> dict[str, Any]:
    return {
        "pk": schema.list_pk(LIST_ID),
        "sk": schema.import_sk(IMPORT_ID),
        "id": IMPORT_ID,
        "list_id": LIST_ID,
        "status": "queued",
        "object_key": "uploads/bench.csv",
        "mapping": {},
    }


def _sender_item(mps: float) -> dict[str, Any]:
    sender = a_sender(SENDER_ID, mps=mps)
    return {
        "pk": schema.sender_pk(SENDER_ID),
        "sk": "SND",
        schema.GSI1_PK: schema.SENDERS,
        schema.GSI1_SK: f"2026-11-21T12:00:00Z#{SENDER_ID}",
        **vars(sender),
        "unsolicited": unsolicited_text(sender.unsolicited),
    }


def _office_item() -> dict[str, Any]:
    return {
        "pk": schema.ORGANISATION,
        "sk": schema.office_sk(OFFICE_ID),
        "id": OFFICE_ID,
        "name": "North",
        "timezone": "America/New_York",
    }


@contextmanager
def environment() -> Iterator[None]:
    """Set what botocore and the functions read from the environment; a new default session."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_DEFAULT_REGION="us-east-1",
        # Else botocore frames bodies in chunks with a trailing checksum, which costs the same.
        AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
        POWERTOOLS_SERVICE_NAME="bench",
        POWERTOOLS_METRICS_NAMESPACE="Carillon",
        MESSAGES_TABLE=_MESSAGES,
        SUPPRESSIONS_TABLE=_SUPPRESSIONS,
        CONSENT_TABLE=_CONSENT,
        COUNTERS_TABLE=_COUNTERS,
    )
    boto3.setup_default_session()
    yield


@contextmanager
def _quiet(out: Any) -> Iterator[None]:
    kept, sys.stdout = sys.stdout, out
    try:
        yield
    finally:
        sys.stdout = kept
