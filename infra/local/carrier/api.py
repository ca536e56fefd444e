"""Requests to send, in any dialect, with the scenario's faults in their place."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field

from infra.local.carrier import dialects as known
from infra.local.carrier.dialect import Cause, Dialect, Order, Refusal, caused, translated
from infra.local.carrier.dice import Dice
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.ledger import Attempt, Ledger, body_hash
from infra.local.carrier.messages import Message
from infra.local.carrier.network import Network
from infra.local.carrier.scenario import UNACCEPTED, Fault, Scenario


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
    """Answers requests; None closes the socket unanswered."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._limits: dict[str, _RateLimit] = defaultdict(_RateLimit)

    async def handle(self, request: Request) -> Answer | None:
        """Answer one request."""
        dialect = self._network.dialect_for(request)
        asked = dialect.read(request, time.time())
        if isinstance(asked, Answer):
            return asked
        return await _Request(self._network, dialect, self._limits[dialect.name], asked).answer()


@dataclass
class _Request:
    """One request to send, on its way to an answer."""

    network: Network
    dialect: Dialect
    limit: _RateLimit
    order: Order
    #: Which request for this phone it is; 0 before it has signed in.
    number: int = 0

    @property
    def _scenario(self) -> Scenario:
        return self.network.scenario.of(self.dialect.name)

    @property
    def _ledger(self) -> Ledger:
        return self.network.ledger

    async def answer(self) -> Answer | None:
        if not self.order.signed_in:
            return self._refuse(self._caused(Cause.NOT_SIGNED_IN))
        self.number = self._ledger.next_number(self.order.to)
        dice = Dice(self._scenario.seed, self.order.to, self.number)
        await _wait(dice.between("answer", self._scenario.answer_delay_s))
        refusal = self.order.problem
        if refusal is None:
            self.order, refusal = self.dialect.check(self.order)
        fault = None if refusal else dice.share("fault", self._scenario.request_faults())
        if fault in UNACCEPTED:
            return await self._turn_away(dice, fault)
        refusal = refusal or self._refused_for(dice)
        return self._refuse(refusal) if refusal else await self._accept(dice, fault)

    def _caused(self, cause: Cause) -> Refusal:
        return caused(self.dialect.refusals, cause)

    def _refused_for(self, dice: Dice) -> Refusal | None:
        blocks, order = self.network.directory.blocks, self.order
        if (self.dialect.block_scope(order.sender), order.to) in blocks:
            return self._caused(Cause.OPTED_OUT)
        if drawn := dice.share("refusal", self._scenario.rejection_rates):
            return translated(self.dialect.refusals, known.REFUSALS[drawn])
        allowed = self.limit.allows(self._scenario.messages_per_second)
        return None if allowed else self._caused(Cause.TOO_MANY_REQUESTS)

    def _refuse(self, refusal: Refusal, fault: Fault | None = None) -> Answer:
        answer = self._refusal(refusal)
        self._record(answer, refusal=refusal, fault=fault)
        return answer

    def _refusal(self, refusal: Refusal) -> Answer:
        slow_down = refusal.cause is Cause.TOO_MANY_REQUESTS
        retry_after_s = self._scenario.retry_after_s if slow_down else 0
        return self.dialect.refuse(refusal, self.order, retry_after_s=retry_after_s)

    async def _turn_away(self, dice: Dice, fault: Fault | None) -> Answer | None:
        if fault is Fault.TOO_MANY_REQUESTS:
            return self._refuse(self._caused(Cause.TOO_MANY_REQUESTS), fault)
        if fault is Fault.ERROR_BEFORE_ACCEPT:
            return self._refuse(self._server_error(dice), fault)
        self._record(None, fault=fault)
        if fault is Fault.HANG_BEFORE_ACCEPT:
            await asyncio.sleep(self._scenario.hang_s)
        return None

    async def _accept(self, dice: Dice, fault: Fault | None) -> Answer | None:
        first = self._ledger.accepted_count(self.order.to) == 0
        message = self._message()
        refusal = self._server_error(dice) if fault is Fault.ERROR_AFTER_ACCEPT else None
        # The answer shows the message as it is now, not after delivery.
        answer = self._refusal(refusal) if refusal else self.dialect.accepted(message)
        told = None if fault is Fault.DROP_REPLY else answer
        self._record(told, sid=message.sid, refusal=refusal, fault=fault)
        self.network.take(message)
        overtaken = fault is Fault.RECEIPTS_BEFORE_ANSWER
        delivery = self.network.deliver(message, dice, first=first, at_once=overtaken)
        if overtaken:
            await delivery
        else:
            self.network.later(delivery)
        if fault is Fault.HANG_AFTER_ACCEPT:
            await asyncio.sleep(self._scenario.hang_s)
        return told

    def _message(self) -> Message:
        order, wall_s = self.order, time.time()
        return Message(
            dialect=self.dialect.name,
            sid=self.dialect.new_id(),
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
            configuration_set=order.configuration_set,
            context=order.context,
        )

    def _server_error(self, dice: Dice) -> Refusal:
        is_503 = dice.chance("503", self._scenario.error_503_rate)
        return self._caused(Cause.UNAVAILABLE if is_503 else Cause.SERVER_ERROR)

    def _record(
        self,
        answer: Answer | None,
        *,
        sid: str | None = None,
        refusal: Refusal | None = None,
        fault: Fault | None = None,
    ) -> None:
        order = self.order
        self._ledger.add(
            Attempt(
                dialect=self.dialect.name,
                account=self.dialect.account,
                to=order.to,
                sender=order.sender,
                body=order.body,
                body_sha256=body_hash(order.body),
                status_callback=order.status_callback,
                ref=order.ref,
                number=self.number,
                accepted=sid is not None,
                sid=sid,
                code=refusal.code if refusal else None,
                fault=fault.value if fault else None,
                answer_status=answer.status if answer else None,
                arrived_wall_s=order.arrived_wall_s,
                wall_s=time.time(),
                monotonic_s=time.monotonic(),
            )
        )


async def _wait(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
