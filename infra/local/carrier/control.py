"""The carrier's own endpoints under ``/_carrier/``: read its ledger, set it up, send a text."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

from infra.local.carrier.aws_api import EventDestination
from infra.local.carrier.directory import Number
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.ledger import as_json
from infra.local.carrier.network import Network
from infra.local.carrier.scenario import ScenarioError, parse_scenario
from infra.local.carrier.twilio_api import Account
from infra.local.carrier.webhooks import is_callback_url

_KEYWORDS = ("", "stop", "start", "help")


class _Wrong(ValueError):
    """The caller's mistake, in one sentence."""


class Control:
    """
    Answers these, always in JSON; mistakes are a 400 or 404 with ``{"error": sentence}``.

    GET  /_carrier/idle             {idle, pending, requests}
    GET  /_carrier/summary          counts, see ``Ledger.summary``
    GET  /_carrier/ledger           {events: [...]}; ?kind= one of attempt, status, webhook,
                                    inbound, carrier_text; ?after=N only events behind place N
    GET  /_carrier/accepted         {phone: [attempt]}
    GET  /_carrier/opt-outs         {phone: opt-out}
    GET  /_carrier/finals           {sid: last status change}
    GET  /_carrier/credentials/{dialect}  the fields of a provider's secret
    PUT  /_carrier/numbers/{phone}  {inbound_url?, sms?, dialect?}: a number at one provider
    PUT  /_carrier/services/{sid}   {numbers: [phone]}
    PUT  /_carrier/events           {url}: where AWS's events go
    PUT  /_carrier/account          {auth_token, other_tokens?}: rotate Twilio's token
    PUT  /_carrier/scenario         a scenario object; holds from the next decision on
    PUT  /_carrier/scenario/{dialect}  settings over it for one dialect; {} ends them
    POST /_carrier/inbound          {from, to, body, keyword?} -> {sid}
    POST /_carrier/receipts         {sid, status, error_code?}: report a state out of turn
    """

    def __init__(
        self,
        network: Network,
        account: Account,
        events: EventDestination,
        requests_open: Callable[[], int],
    ) -> None:
        self._network = network
        self._account_of_twilio = account
        self._event_destination = events
        self._requests_open = requests_open

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        parts = [unquote(part) for part in request.path.split("/")[2:]]
        answers = {"GET": self._read, "PUT": self._set_up, "POST": self._act}
        try:
            found = answers.get(request.method, self._read)(parts, request)
        except (_Wrong, ScenarioError) as error:
            return _json(400, {"error": str(error)})
        if found is None:
            return _json(404, {"error": f"there is no {request.method} {request.path}"})
        return _json(200, found)

    def idle(self) -> dict[str, Any]:
        """Return whether nothing is under way any more, neither requests nor webhooks."""
        pending, requests = self._network.pending(), self._requests_open()
        return {"idle": not pending and not requests, "pending": pending, "requests": requests}

    def _read(self, parts: list[str], request: Request) -> dict[str, Any] | None:
        views: dict[str, Callable[[], dict[str, Any]]] = {
            "idle": self.idle,
            "summary": self._summary,
            "ledger": lambda: self._events(request.query_params()),
            "accepted": self._accepted,
            "opt-outs": lambda: _dicts(self._network.ledger.opt_outs()),
            "finals": lambda: _dicts(self._network.ledger.finals()),
        }
        if request.method != "GET":
            return None
        if parts[0] == "credentials" and len(parts) == 2:
            return self._credentials(parts[1], request)
        view = views.get("/".join(parts))
        return view() if view else None

    def _credentials(self, dialect: str, request: Request) -> dict[str, Any]:
        try:
            spoken = self._network.dialect(dialect)
        except ValueError as error:
            raise _Wrong(str(error)) from error
        return spoken.secret(f"http://{request.headers.get('host', '')}")

    def _summary(self) -> dict[str, Any]:
        scenario = self._network.scenario
        about = {"scenario": scenario.description, "seed": scenario.seed}
        return {**about, **self._network.ledger.summary()}

    def _accepted(self) -> dict[str, Any]:
        accepted = self._network.ledger.accepted_by_phone()
        return {phone: [asdict(one) for one in sent] for phone, sent in accepted.items()}

    def _events(self, query: dict[str, str]) -> dict[str, Any]:
        after = query.get("after", "-1")
        if not after.removeprefix("-").isdecimal():
            raise _Wrong("after must be a whole number")
        events = self._network.ledger.events(query.get("kind", ""), int(after))
        return {"events": [as_json(number, event) for number, event in events]}

    def _set_up(self, parts: list[str], request: Request) -> dict[str, Any] | None:
        set_up = {
            ("numbers", 2): self._number,
            ("services", 2): self._service,
            ("scenario", 2): self._scenario_of,
        }.get((parts[0], len(parts)))
        if set_up is not None:
            return set_up(parts[1], _object(request))
        whole = {
            "events": self._event_url,
            "account": self._account,
            "scenario": self._scenario,
        }.get("/".join(parts))
        return whole(_object(request)) if whole else None

    def _act(self, parts: list[str], request: Request) -> dict[str, Any] | None:
        match parts:
            case ["inbound"]:
                return self._inbound(_object(request))
            case ["receipts"]:
                return self._receipt(_object(request))
        return None

    def _event_url(self, values: dict[str, Any]) -> dict[str, Any]:
        url = _text(values, "url")
        if url and not is_callback_url(url):
            raise _Wrong(f"{url!r} is not an http or https URL")
        self._event_destination.url = url
        return {"url": url}

    def _scenario(self, values: dict[str, Any]) -> dict[str, Any]:
        self._network.scenario = parse_scenario(values)
        return {"scenario": self._network.scenario.description}

    def _scenario_of(self, dialect: str, values: dict[str, Any]) -> dict[str, Any]:
        self._network.scenario = self._network.scenario.playing(dialect, values or None)
        return {"scenario": self._network.scenario.of(dialect).description}

    def _service(self, sid: str, values: dict[str, Any]) -> dict[str, Any]:
        numbers = values.get("numbers")
        if not isinstance(numbers, list) or not set(numbers) <= set(
            self._network.directory.numbers
        ):
            raise _Wrong("numbers must be a list of the carrier's numbers")
        self._network.directory.services[sid] = tuple(numbers)
        return {"sid": sid, "numbers": numbers}

    def _number(self, phone: str, values: dict[str, Any]) -> dict[str, Any]:
        url, sms = _text(values, "inbound_url", ""), values.get("sms", True)
        dialect = _text(values, "dialect", "twilio")
        try:
            number = Number(phone, url, sms=sms is not False, dialect=dialect)
        except ValueError as error:
            raise _Wrong(str(error)) from error
        self._network.directory.numbers[phone] = number
        return asdict(number)

    def _account(self, values: dict[str, Any]) -> dict[str, Any]:
        others = values.get("other_tokens", [])
        if not isinstance(others, list) or not all(isinstance(one, str) for one in others):
            raise _Wrong("other_tokens must be a list of texts")
        account = self._account_of_twilio
        account.auth_token = _text(values, "auth_token")
        account.other_tokens = tuple(others)
        return {"account_sid": account.sid}

    def _inbound(self, values: dict[str, Any]) -> dict[str, Any]:
        keyword = values.get("keyword")
        if keyword is not None and keyword not in _KEYWORDS:
            raise _Wrong("keyword must be stop, start, help or empty")
        phone, number = _text(values, "from"), _text(values, "to")
        if number not in self._network.directory.numbers:
            raise _Wrong(f"{number} is not one of the carrier's numbers")
        body = _text(values, "body")
        sid = self._network.receive(phone=phone, number=number, body=body, keyword=keyword)
        return {"sid": sid}

    def _receipt(self, values: dict[str, Any]) -> dict[str, Any]:
        message = self._network.directory.log.get(_text(values, "sid"))
        if message is None:
            raise _Wrong("there is no message with this sid")
        code = values.get("error_code")
        if code is not None and not isinstance(code, int | str):
            raise _Wrong("error_code must be a number or a text")
        self._network.report(message, _text(values, "status"), code)
        return {"sid": message.sid}


def _object(request: Request) -> dict[str, Any]:
    try:
        values = json.loads(request.body or b"{}")
    except ValueError as error:
        raise _Wrong("the body must be JSON") from error
    if not isinstance(values, dict):
        raise _Wrong("the body must be a JSON object")
    return values


def _text(values: dict[str, Any], name: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise _Wrong(f"{name} must be a text")
    return value


def _dicts(found: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) for key, value in found.items()}


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode())
