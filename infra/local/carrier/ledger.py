"""
The truth: everything the simulated carrier was asked, took, called and heard back.

Append-only. Other code is judged by it, so it says nothing about what a message
was for: whether a body was a campaign's text or a confirmation is the reader's
to tell. Times are both wall (epoch seconds) and monotonic seconds.
"""

import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TextIO, TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to send. ``accepted`` alone says whether a phone was texted."""

    kind: ClassVar[str] = "attempt"
    #: Which provider's API it came in on, and the account it named there.
    dialect: str
    account: str
    to: str
    sender: str
    body: str
    body_sha256: str
    status_callback: str
    #: Our reference, from where the dialect carries it (a callback's query, a context).
    ref: str
    #: Which request for this phone it was, from 1; 0 when it did not sign in.
    number: int
    accepted: bool
    sid: str | None
    #: The dialect's error code of a refusal, also when it was a fault.
    code: int | str | None
    #: The name of the fault that befell the request.
    fault: str | None
    #: The HTTP status it is answered with; None when the socket is closed instead.
    answer_status: int | None
    #: When the request had arrived, and when this decision was taken.
    arrived_wall_s: float
    wall_s: float
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A message reached a state at the carrier, whether or not a receipt says so."""

    kind: ClassVar[str] = "status"
    sid: str
    to: str
    status: str
    error_code: int | str | None
    wall_s: float
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One try at calling us: ``receipt`` or ``inbound``."""

    kind: ClassVar[str] = "webhook"
    dialect: str
    purpose: str
    sid: str
    phone: str
    #: The state that a receipt reports, ``received`` of an inbound text.
    message_status: str
    #: Same for a retry as for its first try.
    token: str
    #: True for the second call of a duplicated webhook.
    duplicate: bool
    #: ``answered``, ``failed`` (no answer) or ``lost`` (never called, by scenario).
    outcome: str
    #: The status that we answered with; 200 when an event sink took it.
    answer_status: int | None
    error: str | None
    called_wall_s: float
    #: When the answer came or the try was given up.
    wall_s: float
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class InboundText:
    """A phone texted one of our numbers. ``keyword`` is stop, start, help or empty."""

    kind: ClassVar[str] = "inbound"
    dialect: str
    sid: str
    phone: str
    sender: str
    body: str
    keyword: str
    wall_s: float
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class CarrierText:
    """The carrier's own answer to a keyword, sent when it handles STOP itself."""

    kind: ClassVar[str] = "carrier_text"
    sid: str
    to: str
    sender: str
    body: str
    wall_s: float
    monotonic_s: float


Event: TypeAlias = Attempt | StatusChange | WebhookCall | InboundText | CarrierText
_Kind = TypeVar("_Kind", Attempt, StatusChange, WebhookCall, InboundText, CarrierText)
_FIELDS = {
    cls: tuple(field.name for field in fields(cls))
    for cls in (Attempt, StatusChange, WebhookCall, InboundText, CarrierText)
}


@dataclass(frozen=True)
class OptOut:
    """A phone's standing or last opt-out, in wall seconds."""

    phone: str
    sender: str
    sid: str
    text: str
    texted_wall_s: float
    #: When the inbound webhook was first tried; None before that.
    first_called_wall_s: float | None
    #: When it was first answered with a 2xx: from then on we know.
    acknowledged_wall_s: float | None
    #: When the phone texted START afterwards.
    revoked_wall_s: float | None


def as_json(number: int, event: Event) -> dict[str, Any]:
    """Return *event* as it stands in the file: ``n`` (its place, from 0), ``kind``, its fields."""
    values = {name: getattr(event, name) for name in _FIELDS[type(event)]}
    return {"n": number, "kind": event.kind, **values}


def body_hash(body: str) -> str:
    """Return the SHA-256 of a body, to compare bodies without showing them."""
    return hashlib.sha256(body.encode()).hexdigest()


class Ledger:
    """Safe to read from any thread while the carrier writes."""

    def __init__(self, path: Path | None = None) -> None:
        """Also append each event to *path* as a line of JSON, flushed at once."""
        self._lock = threading.RLock()
        self._events: list[Event] = []
        self._accepted: dict[str, list[Attempt]] = defaultdict(list)
        self._asked: Counter[str] = Counter()
        self._status: dict[str, StatusChange] = {}
        self._inbound: list[InboundText] = []
        self._first_call: dict[str, float] = {}
        self._first_ack: dict[str, float] = {}
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Close the file; the events stay readable."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def add(self, event: Event) -> None:
        """Append one event."""
        with self._lock:
            if self._file is not None:
                self._file.write(json.dumps(as_json(len(self._events), event)) + "\n")
            self._events.append(event)
            self._index(event)

    def _index(self, event: Event) -> None:
        if isinstance(event, Attempt):
            if event.accepted:
                self._accepted[event.to].append(event)
        elif isinstance(event, StatusChange):
            self._status[event.sid] = event
        elif isinstance(event, InboundText):
            self._inbound.append(event)
        elif isinstance(event, WebhookCall) and event.purpose == "inbound":
            self._first_call.setdefault(event.sid, event.called_wall_s)
            if event.answer_status is not None and event.answer_status // 100 == 2:
                self._first_ack.setdefault(event.sid, event.wall_s)

    def next_number(self, phone: str) -> int:
        """Return which request for *phone* this is, from 1, and count it."""
        with self._lock:
            self._asked[phone] += 1
            return self._asked[phone]

    def events(self, kind: str = "", after: int = -1) -> list[tuple[int, Event]]:
        """Return (place, event) of all events behind place *after*, of one kind or of all."""
        with self._lock:
            return [
                (number, event)
                for number, event in enumerate(self._events[after + 1 :], after + 1)
                if not kind or event.kind == kind
            ]

    def _all(self, kind: type[_Kind]) -> list[_Kind]:
        with self._lock:
            return [event for event in self._events if isinstance(event, kind)]

    def attempts(self, phone: str = "", *, dialect: str = "") -> list[Attempt]:
        """Return every request to send, of one phone and dialect or of all."""
        attempts = self._all(Attempt)
        return [one for one in attempts if phone in ("", one.to) and dialect in ("", one.dialect)]

    def status_changes(self, sid: str = "") -> list[StatusChange]:
        """Return every state that messages reached, of one message or of all."""
        return [one for one in self._all(StatusChange) if sid in ("", one.sid)]

    def webhooks(self, sid: str = "") -> list[WebhookCall]:
        """Return every webhook try, of one message or of all, in the order they ended."""
        return [one for one in self._all(WebhookCall) if sid in ("", one.sid)]

    def carrier_texts(self) -> list[CarrierText]:
        """Return what the carrier itself answered to keywords."""
        return self._all(CarrierText)

    def inbound_texts(self) -> list[InboundText]:
        """Return every text that a phone sent."""
        with self._lock:
            return list(self._inbound)

    def accepted_by_phone(self) -> dict[str, list[Attempt]]:
        """Return the accepted messages of each phone that got one."""
        with self._lock:
            return {phone: list(attempts) for phone, attempts in self._accepted.items()}

    def accepted_count(self, phone: str) -> int:
        """Return how many messages to *phone* were accepted."""
        with self._lock:
            return len(self._accepted.get(phone, ()))

    def sends_after(self, phone: str, wall_s: float) -> list[Attempt]:
        """Return the accepted messages to *phone* whose request arrived after *wall_s*."""
        with self._lock:
            accepted = list(self._accepted.get(phone, ()))
        return [attempt for attempt in accepted if attempt.arrived_wall_s > wall_s]

    def opt_outs(self) -> dict[str, OptOut]:
        """Return each phone's opt-out: its first STOP, or the first one since its last START."""
        found: dict[str, OptOut] = {}
        with self._lock:
            for text in self._inbound:
                standing = found.get(text.phone)
                open_now = standing is not None and standing.revoked_wall_s is None
                if text.keyword == "stop" and not open_now:
                    found[text.phone] = self._opt_out(text, None)
                elif text.keyword == "start" and standing is not None and open_now:
                    stop = next(one for one in self._inbound if one.sid == standing.sid)
                    found[text.phone] = self._opt_out(stop, text.wall_s)
        return found

    def _opt_out(self, stop: InboundText, revoked_wall_s: float | None) -> OptOut:
        return OptOut(
            phone=stop.phone,
            sender=stop.sender,
            sid=stop.sid,
            text=stop.body,
            texted_wall_s=stop.wall_s,
            first_called_wall_s=self._first_call.get(stop.sid),
            acknowledged_wall_s=self._first_ack.get(stop.sid),
            revoked_wall_s=revoked_wall_s,
        )

    def finals(self) -> dict[str, StatusChange]:
        """Return the last state of every message by sid: final once the carrier is idle."""
        with self._lock:
            return dict(self._status)

    def summary(self) -> dict[str, Any]:
        """Return the counts: attempts, refusals, faults, final states, webhooks, texts."""
        with self._lock:
            finals = list(self._status.values())
            accepted = [len(attempts) for attempts in self._accepted.values()]
        attempts, calls, texts = self.attempts(), self.webhooks(), self.inbound_texts()
        return {
            "attempts": len(attempts),
            "accepted": sum(accepted),
            "phones_accepted": len(accepted),
            "phones_accepted_more_than_once": sum(count > 1 for count in accepted),
            "refused": _count(one.code for one in attempts if one.code and not one.accepted),
            "faults": _count(one.fault for one in attempts if one.fault),
            "states": _count(change.status for change in finals),
            "failure_codes": _count(one.error_code for one in finals if one.error_code),
            "webhooks": {
                purpose: _calls(call for call in calls if call.purpose == purpose)
                for purpose in ("receipt", "inbound")
            },
            "inbound": len(texts),
            "inbound_keywords": _count(text.keyword for text in texts if text.keyword),
            "carrier_texts": len(self.carrier_texts()),
            "opt_outs": len(self.opt_outs()),
        }


def _count(values: Iterable[object]) -> dict[str, int]:
    return dict(Counter(str(value) for value in values))


def _calls(calls: Iterable[WebhookCall]) -> dict[str, int]:
    return _count(
        f"answered {call.answer_status}" if call.outcome == "answered" else call.outcome
        for call in calls
    )


def now() -> dict[str, float]:
    """Return the time of an event, as its last two fields."""
    return {"wall_s": time.time(), "monotonic_s": time.monotonic()}
