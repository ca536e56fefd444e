"""The endpoints of Twilio's Messages resource, with the scenario's faults in their place."""

import asyncio
import base64
import binascii
import hmac
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from infra.local.carrier import twilio_api
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.ledger import Attempt, Ledger, body_hash
from infra.local.carrier.messages import BadQuery, Message
from infra.local.carrier.network import Network, new_sid
from infra.local.carrier.scenario import UNACCEPTED, Dice, Fault, Scenario

_PATH = re.compile(rf"/{twilio_api.API_VERSION}/Accounts/([^/]+)/Messages(?:/([^/]+))?\.json")


@dataclass(frozen=True)
class _Order:
    """A request to send, as posted."""

    to: str
    sender: str
    body: str
    service_sid: str
    status_callback: str
    media: int
    arrived_wall_s: float

    @classmethod
    def of(cls, form: dict[str, list[str]], arrived_wall_s: float) -> "_Order":
        def one(name: str) -> str:
            return form.get(name, [""])[-1]

        return cls(
            to=one("To"),
            sender=one("From"),
            body=one("Body"),
            service_sid=one("MessagingServiceSid"),
            status_callback=one("StatusCallback"),
            media=len(form.get("MediaUrl", [])),
            arrived_wall_s=arrived_wall_s,
        )

    @property
    def ref(self) -> str:
        query = self.status_callback.partition("#")[0].partition("?")[2]
        return parse_qs(query).get("ref", [""])[0]


@dataclass
class _RateLimit:
    """A token bucket of one second's messages. Refused requests cost nothing."""

    tokens: float = 1.0
    filled_monotonic_s: float = field(default_factory=time.monotonic)

    def allows(self, per_second: float) -> bool:
        if per_second <= 0:
            return True
        now_s = time.monotonic()
        refill = (now_s - self.filled_monotonic_s) * per_second
        self.tokens = min(self.tokens + refill, max(per_second, 1.0))
        self.filled_monotonic_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class MessagesApi:
    """Answers requests under ``/2010-04-01/``; None closes the socket unanswered."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._limit = _RateLimit()

    @property
    def _scenario(self) -> Scenario:
        return self._network.scenario

    @property
    def _ledger(self) -> Ledger:
        return self._network.ledger

    async def handle(self, request: Request) -> Answer | None:
        """Answer one request."""
        matched = _PATH.fullmatch(unquote(request.path))
        if matched is None:
            return _refusal(20404, path=request.path)
        account_sid, sid = matched.groups()
        order = None
        if sid is None and request.method == "POST":
            order = _Order.of(request.form(), time.time())
        if not self._signed_in(request, account_sid):
            if order is not None:
                self._record(order, 0, code=20003)
            return _refusal(20003)
        if order is not None:
            return await self._send(order)
        if request.method != "GET":
            return _refusal(20004)
        return self._list(request) if sid is None else self._fetch(sid, request.path)

    def _signed_in(self, request: Request, account_sid: str) -> bool:
        account = self._network.account
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        tokens = (account.auth_token, *account.other_tokens)
        right = any(hmac.compare_digest(token.encode(), one.encode()) for one in tokens)
        return scheme.lower() == "basic" and right and user == account_sid == account.sid

    def _fetch(self, sid: str, path: str) -> Answer:
        message = self._network.log.get(sid)
        if message is None:
            return _refusal(20404, path=path)
        return _json(200, message.as_json(self._network.account.sid))

    def _list(self, request: Request) -> Answer:
        account_sid = self._network.account.sid
        try:
            page = self._network.log.page(account_sid, request.query_params(), time.time())
        except BadQuery as error:
            body = {"code": 20001, "message": str(error), "more_info": "", "status": 400}
            return _json(400, body)
        return _json(200, page)

    async def _send(self, order: _Order) -> Answer | None:
        number = self._ledger.next_number(order.to)
        dice = Dice(self._scenario.seed, order.to, number)
        await _wait(dice.between("answer", self._scenario.answer_delay_s))
        order, code = self._check(order)
        fault = None if code else dice.share("fault", self._scenario.request_faults())
        if fault in UNACCEPTED:
            return await self._turn_away(order, number, dice, fault)
        code = code or self._refused_for(order, dice)
        if code:
            self._record(order, number, code=code)
            return _refusal(code, to=order.to, sender=order.sender)
        return await self._accept(order, number, dice, fault)

    def _check(self, order: _Order) -> tuple[_Order, int | None]:
        """Return *order* with its sender chosen, and the error code of what is wrong with it."""
        if order.service_sid and not order.sender:
            pool = self._network.services.get(order.service_sid)
            if not pool:
                return order, 21701 if pool is None else 21704
            # A pool's sender sticks to the recipient.
            chosen = pool[int(Dice(0, order.to).unit("sender") * len(pool))]
            order = _Order(**{**vars(order), "sender": chosen})
        return order, self._wrong_with(order)

    def _wrong_with(self, order: _Order) -> int | None:
        number = self._network.numbers.get(order.sender)
        url = order.status_callback
        wrong = (
            (not order.to, 21604),
            (not order.sender, 21603),
            (not twilio_api.E164.fullmatch(order.to) or order.to == order.sender, 21211),
            (not order.body and not order.media, 21602),
            (len(order.body) > twilio_api.MAX_BODY_CHARS, 21617),
            (number is None, 21659),
            (number is not None and not number.sms, 21606),
            (bool(url) and not twilio_api.is_callback_url(url), 21609),
        )
        return next((code for is_wrong, code in wrong if is_wrong), None)

    def _refused_for(self, order: _Order, dice: Dice) -> int | None:
        if (order.sender, order.to) in self._network.blocked:
            return 21610
        if refused := dice.share("refusal", self._scenario.rejection_rates):
            return refused
        return None if self._limit.allows(self._scenario.messages_per_second) else 20429

    async def _turn_away(
        self, order: _Order, number: int, dice: Dice, fault: Fault | None
    ) -> Answer | None:
        code = None
        if fault is Fault.TOO_MANY_REQUESTS:
            code = 20429
        elif fault is Fault.ERROR_BEFORE_ACCEPT:
            code = self._server_error(dice)
        self._record(order, number, code=code, fault=fault)
        if fault is Fault.HANG_BEFORE_ACCEPT:
            await asyncio.sleep(self._scenario.hang_s)
        return _refusal(code) if code else None

    async def _accept(
        self, order: _Order, number: int, dice: Dice, fault: Fault | None
    ) -> Answer | None:
        first = self._ledger.accepted_count(order.to) == 0
        message = self._message(order)
        code = self._server_error(dice) if fault is Fault.ERROR_AFTER_ACCEPT else None
        self._record(order, number, sid=message.sid, code=code, fault=fault)
        self._network.take(message)
        created = message.as_json(self._network.account.sid)  # as it is now, not after delivery
        overtaken = fault is Fault.RECEIPTS_BEFORE_ANSWER
        delivery = self._network.deliver(message, dice, first=first, at_once=overtaken)
        if overtaken:
            await delivery
        else:
            self._network.later(delivery)
        if fault is Fault.HANG_AFTER_ACCEPT:
            await asyncio.sleep(self._scenario.hang_s)
        if fault is Fault.DROP_REPLY:
            return None
        return _refusal(code) if code else _json(201, created)

    def _message(self, order: _Order) -> Message:
        wall_s = time.time()
        return Message(
            sid=new_sid(),
            to=order.to,
            sender=order.sender,
            body=order.body,
            direction="outbound-api",
            status="queued",
            created_wall_s=wall_s,
            listed_from_wall_s=wall_s + self._scenario.list_lag_s,
            service_sid=order.service_sid,
            status_callback=order.status_callback,
            media=order.media,
        )

    def _server_error(self, dice: Dice) -> int:
        return 20503 if dice.chance("503", self._scenario.error_503_rate) else 20500

    def _record(
        self,
        order: _Order,
        number: int,
        *,
        sid: str | None = None,
        code: int | None = None,
        fault: Fault | None = None,
    ) -> None:
        unanswered = (Fault.DROP_REQUEST, Fault.DROP_REPLY, Fault.HANG_BEFORE_ACCEPT)
        status = twilio_api.status_of(code) if code else 201
        self._ledger.add(
            Attempt(
                to=order.to,
                sender=order.sender,
                body=order.body,
                body_sha256=body_hash(order.body),
                status_callback=order.status_callback,
                ref=order.ref,
                number=number,
                accepted=sid is not None,
                sid=sid,
                code=code,
                fault=fault.value if fault else None,
                answer_status=None if fault in unanswered else status,
                arrived_wall_s=order.arrived_wall_s,
                wall_s=time.time(),
                monotonic_s=time.monotonic(),
            )
        )


async def _wait(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _headers() -> tuple[tuple[str, str], ...]:
    return (("Twilio-Request-Id", f"RQ{uuid.uuid4().hex}"), ("Twilio-Concurrent-Requests", "1"))


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), _headers())


def _refusal(code: int, **details: str) -> Answer:
    headers = _headers()
    if code == 20003:
        headers = (*headers, ("WWW-Authenticate", 'Basic realm="Twilio API"'))
    return Answer(twilio_api.status_of(code), twilio_api.error_body(code, **details), headers)
