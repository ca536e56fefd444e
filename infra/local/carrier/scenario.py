"""
What the simulated carrier does, as one validated JSON file.

Every key has a default that means "nothing goes wrong", so a file lists only what
it changes. Decisions are drawn from ``Dice``: the same seed, phone and attempt give
the same fate in every run, whatever else happens around them.

A scenario holds for all dialects; ``dialects`` changes settings for one of them::

    {"reply_rate": 0.1, "dialects": {"telnyx": {"error_before_accept_rate": 1}}}

Codes may be of any dialect: one that does not have it says its own code for the same cause.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from infra.local.carrier.dialect import Code
from infra.local.carrier.dialects import FAILURES, REFUSALS
from infra.local.carrier.directory import DIALECTS


class ScenarioError(ValueError):
    """A scenario cannot be used; the message is one sentence for a person."""


class Fault(StrEnum):
    """What may befall one request. The first four leave the message unaccepted."""

    DROP_REQUEST = "drop_request"
    HANG_BEFORE_ACCEPT = "hang_before_accept"
    ERROR_BEFORE_ACCEPT = "error_before_accept"
    TOO_MANY_REQUESTS = "too_many_requests"
    DROP_REPLY = "drop_reply"
    HANG_AFTER_ACCEPT = "hang_after_accept"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    RECEIPTS_BEFORE_ANSWER = "receipts_before_answer"


UNACCEPTED = frozenset(
    {
        Fault.DROP_REQUEST,
        Fault.HANG_BEFORE_ACCEPT,
        Fault.ERROR_BEFORE_ACCEPT,
        Fault.TOO_MANY_REQUESTS,
    }
)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(f"{name} must be a number, not {value!r}")
    return float(value)


def _share(name: str, value: Any) -> float:
    if not 0 <= _number(name, value) <= 1:
        raise ScenarioError(f"{name} must be a share from 0 to 1, not {value!r}")
    return float(value)


def _seconds(name: str, value: Any) -> float:
    if not 0 <= _number(name, value) <= 86_400:
        raise ScenarioError(f"{name} must be seconds from 0 to 86400, not {value!r}")
    return float(value)


def _per_second(name: str, value: Any) -> float:
    if _number(name, value) < 0:
        raise ScenarioError(f"{name} must not be negative (0 is no limit), not {value!r}")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ScenarioError(f"{name} must be a whole number, not {value!r}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ScenarioError(f"{name} must be true or false, not {value!r}")
    return value


def _words(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ScenarioError(f"{name} must be a text, not {value!r}")
    return value


def _span(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ScenarioError(f"{name} must be two seconds, [from, to], not {value!r}")
    low, high = _seconds(name, value[0]), _seconds(name, value[1])
    if low > high:
        raise ScenarioError(f"{name} must not start after it ends, as {value!r} does")
    return low, high


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(text, str) and text for text in value)
    ):
        raise ScenarioError(f"{name} must be a list of at least one text, not {value!r}")
    return tuple(value)


def _weights(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise ScenarioError(f"{name} must be texts with their weights, not {value!r}")
    weights = {_words(name, text): _number(name, weight) for text, weight in value.items()}
    if min(weights.values()) <= 0:
        raise ScenarioError(f"{name} must have weights above 0")
    return weights


def _rates_by_code(known: Mapping[Code, object]) -> Any:
    codes = {str(code): code for code in known}  # JSON has only text for keys

    def read(name: str, value: Any) -> dict[Code, float]:
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{name} must be codes with their rates, not {value!r}")
        unknown = [code for code in value if str(code) not in codes]
        if unknown:
            raise ScenarioError(f"{name} has the unknown code {unknown[0]!r}")
        rates = {codes[str(code)]: _share(f"{name} {code}", rate) for code, rate in value.items()}
        _at_most_one(name, rates.values())
        return rates

    return read


def _at_most_one(name: str, rates: Any) -> None:
    if sum(rates) > 1 + 1e-9:
        raise ScenarioError(f"{name} must not add up to more than 1")


def _setting(read: Any, default: Any) -> Any:
    return field(default_factory=lambda: default, metadata={"read": read})


def _dialects(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{name} must be dialects with their settings, not {value!r}")
    unknown = sorted(str(one) for one in value if one not in DIALECTS)
    if unknown:
        raise ScenarioError(f"{name} has the unknown dialect {unknown[0]!r}")
    return dict(value)


@dataclass(frozen=True)
class Scenario:
    """Shares (``*_rate``) are from 0 to 1, times in seconds, spans [from, to] drawn evenly."""

    #: Shown in the summary; no effect.
    description: str = _setting(_words, "")
    #: Another seed is another world: who fails, who replies, who stops.
    seed: int = _setting(_whole, 1)

    # -- one request, at most one of these faults -------------------------------------
    #: The socket is closed at once; nothing was accepted.
    drop_request_rate: float = _setting(_share, 0.0)
    #: Nothing is accepted; the request is held for ``hang_s``, then the socket is closed.
    hang_before_accept_rate: float = _setting(_share, 0.0)
    #: A 500 or 503; nothing was accepted.
    error_before_accept_rate: float = _setting(_share, 0.0)
    #: 429 (Twilio's 20429, AWS's ThrottlingException); nothing was accepted.
    too_many_requests_rate: float = _setting(_share, 0.0)
    #: Accepted, then the socket is closed without an answer.
    drop_reply_rate: float = _setting(_share, 0.0)
    #: Accepted, then held for ``hang_s`` before the answer.
    hang_after_accept_rate: float = _setting(_share, 0.0)
    #: Accepted, but answered with a 500 or 503.
    error_after_accept_rate: float = _setting(_share, 0.0)
    #: All receipts are delivered before the answer is written.
    receipts_before_answer_rate: float = _setting(_share, 0.0)
    hang_s: float = _setting(_seconds, 12.0)
    #: Share of those errors that are a 503; the rest is a 500.
    error_503_rate: float = _setting(_share, 0.5)
    #: How long an answer takes.
    answer_delay_s: tuple[float, float] = _setting(_span, (0.0, 0.0))
    #: Retry-After of a 429, rounded up to whole seconds. 0 sends none, AWS never does.
    retry_after_s: float = _setting(_seconds, 0.0)
    #: Accepted messages per second for each dialect, more is a 429. 0 is no limit.
    messages_per_second: float = _setting(_per_second, 0.0)
    #: Refused for good: share by code, such as 21211, 21614 or 20005 (the account is suspended).
    rejection_rates: Mapping[Code, float] = _setting(_rates_by_code(REFUSALS), {})
    #: How long a new message stays out of the list that we reconcile with (AWS has none).
    list_lag_s: float = _setting(_seconds, 0.0)

    # -- delivery and its receipts ----------------------------------------------------
    #: From acceptance to the final state.
    delivery_delay_s: tuple[float, float] = _setting(_span, (0.0, 0.0))
    #: Whether ``sent`` is reported before the final state.
    sent_receipt: bool = _setting(_flag, True)
    #: Share of accepted messages that end undelivered, by code, such as 30003.
    failure_rates: Mapping[Code, float] = _setting(_rates_by_code(FAILURES), {})
    #: Share of those failures that end as ``failed`` (never ``sent``), not ``undelivered``.
    failed_share: float = _setting(_share, 0.0)
    #: A receipt is called twice, the second time up to ``delivery_delay_s`` later.
    duplicate_receipt_rate: float = _setting(_share, 0.0)
    #: A receipt is never called.
    lost_receipt_rate: float = _setting(_share, 0.0)
    #: The final receipt is called before ``sent``.
    reorder_rate: float = _setting(_share, 0.0)

    # -- what phones text back --------------------------------------------------------
    #: To every accepted message; by default only to the first one a phone got.
    reply_to_every_message: bool = _setting(_flag, False)
    reply_delay_s: tuple[float, float] = _setting(_span, (0.0, 0.0))
    #: Shares of the delivered that reply, stop or ask for help: one or none of them.
    reply_rate: float = _setting(_share, 0.0)
    stop_rate: float = _setting(_share, 0.0)
    help_rate: float = _setting(_share, 0.0)
    #: Share of those who stopped that text START another reply delay later.
    start_rate: float = _setting(_share, 0.0)
    reply_texts: Mapping[str, float] = _setting(_weights, {"Yes please": 3.0, "Who is this?": 1.0})
    stop_texts: tuple[str, ...] = _setting(_texts, ("STOP", "stop", "Unsubscribe"))
    help_texts: tuple[str, ...] = _setting(_texts, ("HELP", "info"))
    start_texts: tuple[str, ...] = _setting(_texts, ("START", "unstop"))
    #: An inbound webhook is called twice with the same message id.
    duplicate_inbound_rate: float = _setting(_share, 0.0)
    #: The provider's own opt-out handling: it confirms, blocks (21610) and names the keyword
    #: (AWS tells us of no STOP and HELP that it has answered).
    provider_handles_stop: bool = _setting(_flag, False)

    # -- one dialect alone --------------------------------------------------------------
    #: By dialect: settings over these ones (in code also a whole scenario instead of them).
    dialects: Mapping[str, Any] = _setting(_dialects, {})

    def __post_init__(self) -> None:
        for setting in fields(self):
            read = setting.metadata["read"]
            object.__setattr__(self, setting.name, read(setting.name, getattr(self, setting.name)))
        _at_most_one("the request faults", self.request_faults().values())
        _at_most_one("reply_rate, stop_rate and help_rate", self.text_rates().values())
        # Not a field: a copy with other settings (dataclasses.replace) must work it out anew.
        own = {name: self._over(name, settings) for name, settings in self.dialects.items()}
        object.__setattr__(self, "_own", own)

    def _over(self, name: str, settings: Any) -> "Scenario":
        if isinstance(settings, Scenario):
            return settings
        _check_names(settings, f"the scenario of {name}")
        if "dialects" in settings:
            raise ScenarioError("dialects cannot be set for one dialect")
        try:
            return replace(self, dialects={}, **settings)
        except ScenarioError as error:
            raise ScenarioError(f"dialects {name}: {error}") from error

    def of(self, dialect: str) -> "Scenario":
        """Return what holds for *dialect*: its own scenario, else this one."""
        own: dict[str, Scenario] = vars(self)["_own"]
        return own.get(dialect, self)

    def playing(self, dialect: str, own: "Scenario | Mapping[str, Any] | None") -> "Scenario":
        """Return this one with *own* (settings over it, or whole) for *dialect*; None for none."""
        if dialect not in DIALECTS:
            raise ScenarioError(f"{dialect!r} is not one of {', '.join(DIALECTS)}")
        others = {name: one for name, one in self.dialects.items() if name != dialect}
        return replace(self, dialects=others if own is None else {**others, dialect: own})

    def request_faults(self) -> dict[Fault, float]:
        """Return the share of requests that each fault befalls."""
        return {fault: getattr(self, f"{fault.value}_rate") for fault in Fault}

    def text_rates(self) -> dict[str, float]:
        """Return the share of phones that text back, by what they want."""
        return {"stop": self.stop_rate, "help": self.help_rate, "reply": self.reply_rate}


def _check_names(values: Any, what: str) -> None:
    if not isinstance(values, Mapping):
        raise ScenarioError(f"{what} must be a JSON object")
    known = {setting.name for setting in fields(Scenario)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ScenarioError(f"{unknown[0]} is not a scenario setting")


def parse_scenario(values: Any) -> Scenario:
    """Return the scenario that a JSON object describes; raises ScenarioError."""
    _check_names(values, "a scenario")
    return Scenario(**values)


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in a JSON file; raises ScenarioError with the file's name in it."""
    try:
        return parse_scenario(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ScenarioError(f"{path}: is not JSON ({error.msg}, line {error.lineno})") from error
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from error
