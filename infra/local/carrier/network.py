"""What happens to a message after the carrier took it: delivery, receipts, texts back."""

import asyncio
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.carrier import twilio_api
from infra.local.carrier.ledger import CarrierText, InboundText, Ledger, StatusChange, now
from infra.local.carrier.messages import Message, MessageLog
from infra.local.carrier.scenario import Dice, Scenario
from infra.local.carrier.webhooks import Account, Postman, Webhook

# When ``sent`` is reported, as a share of the time to the final state.
_SENT_AFTER = 0.4


@dataclass
class Number:
    """One of our numbers at the carrier; raises ValueError with a sentence when it cannot be."""

    phone: str
    inbound_url: str = ""
    sms: bool = True

    def __post_init__(self) -> None:
        if not twilio_api.E164.fullmatch(self.phone):
            raise ValueError(f"{self.phone!r} is not a number in E.164, such as +12025550100")
        if self.inbound_url and not twilio_api.is_callback_url(self.inbound_url):
            raise ValueError(f"{self.inbound_url!r} is not an http or https URL")


@dataclass
class Network:
    """The phones, the numbers and everything under way. Lives on one event loop."""

    scenario: Scenario
    account: Account
    ledger: Ledger
    postman: Postman
    log: MessageLog = field(default_factory=MessageLog)
    numbers: dict[str, Number] = field(default_factory=dict)
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: (our number, phone) pairs that the carrier itself blocks.
    blocked: set[tuple[str, str]] = field(default_factory=set)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def pending(self) -> int:
        """Return how many deliveries, receipts and texts are still to come."""
        return len(self._under_way)

    async def stop(self) -> None:
        """Drop what is still to come."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let *work* run on its own; the carrier is not idle before it ends."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def take(self, message: Message) -> None:
        """Put an accepted message into the log as ``queued``."""
        self.log.add(message)
        self._move(message, "queued", None)

    async def deliver(self, message: Message, dice: Dice, *, first: bool, at_once: bool) -> None:
        """
        Bring *message* to its final state and call its receipts.

        *first* says that the phone had no accepted message before; *at_once* skips
        the delays (receipts that overtake the answer to the request).
        """
        scenario = self.scenario
        error = dice.share("outcome", scenario.failure_rates)
        final = self._final_status(error, dice)
        delay = 0.0 if at_once else dice.between("delivery", scenario.delivery_delay_s)
        sent_too = scenario.sent_receipt and final != "failed"
        reordered = dice.chance("reorder", scenario.reorder_rate)

        await asyncio.sleep(delay * _SENT_AFTER)
        if final != "failed":
            self._move(message, "sent", None)
        if sent_too and not reordered:
            await self._report(message, "sent", None, dice)
        await asyncio.sleep(delay * (1 - _SENT_AFTER))
        self._move(message, final, error)
        await self._report(message, final, error, dice)
        if sent_too and reordered:
            await self._report(message, "sent", None, dice)
        if final == "delivered" and (first or scenario.reply_to_every_message):
            self.later(self._text_back(message))

    def _final_status(self, error: int | None, dice: Dice) -> str:
        if error is None:
            return "delivered"
        return "failed" if dice.chance("failed", self.scenario.failed_share) else "undelivered"

    def _move(self, message: Message, status: str, error_code: int | None) -> None:
        time_s = now()
        # A service's message stays ``accepted`` in answers until its number is chosen.
        message.status = "accepted" if status == "queued" and message.service_sid else status
        message.error_code = error_code
        message.updated_wall_s = time_s["wall_s"]
        if status == "sent" or (message.sent_wall_s is None and status != "queued"):
            message.sent_wall_s = time_s["wall_s"]
        self.ledger.add(
            StatusChange(
                sid=message.sid,
                to=message.to,
                status=status,
                error_code=error_code,
                **time_s,
            )
        )

    def report(self, message: Message, status: str, error_code: int | None) -> None:
        """Move *message* to *status* and call that receipt, whatever the scenario says."""
        self._move(message, status, error_code)
        if message.status_callback:
            self.later(self.postman.call(self._receipt(message, status, error_code)))

    def _receipt(self, message: Message, status: str, error_code: int | None) -> Webhook:
        form = twilio_api.receipt_form(
            account_sid=self.account.sid,
            message=message,
            status=status,
            error_code=error_code,
            wall_s=time.time(),
        )
        return Webhook(
            purpose="receipt",
            url=message.status_callback,
            form=tuple(form),
            sid=message.sid,
            phone=message.to,
            message_status=status,
        )

    async def _report(
        self, message: Message, status: str, error_code: int | None, dice: Dice
    ) -> None:
        if not message.status_callback:
            return
        webhook = self._receipt(message, status, error_code)
        if dice.chance(f"lost {status}", self.scenario.lost_receipt_rate):
            self.postman.lose(webhook)
            return
        await self.postman.call(webhook)
        if dice.chance(f"duplicate {status}", self.scenario.duplicate_receipt_rate):
            wait_s = dice.between(f"again {status}", (0.0, self.scenario.delivery_delay_s[1]))
            self.later(self._call_again(webhook, wait_s))

    async def _call_again(self, webhook: Webhook, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await self.postman.call(replace(webhook, duplicate=True))

    async def _text_back(self, message: Message) -> None:
        """Let the phone answer, or not. Its fate hangs on the phone alone, not on retries."""
        scenario, phone = self.scenario, message.to
        count = self.ledger.accepted_count(phone) if scenario.reply_to_every_message else 1
        dice = Dice(scenario.seed, phone, "texts", count)
        wish = dice.share("wish", scenario.text_rates())
        if wish is None:
            return
        await asyncio.sleep(dice.between("reply", scenario.reply_delay_s))
        keyword = "" if wish == "reply" else wish
        self.receive(
            phone=phone, number=message.sender, body=self._words(wish, dice), keyword=keyword
        )
        if wish == "stop" and dice.chance("start", scenario.start_rate):
            await asyncio.sleep(dice.between("restart", scenario.reply_delay_s))
            start = self._words("start", dice)
            self.receive(phone=phone, number=message.sender, body=start, keyword="start")

    def _words(self, wish: str, dice: Dice) -> str:
        scenario = self.scenario
        if wish == "reply":
            return dice.weighted("words", scenario.reply_texts)
        texts = {
            "stop": scenario.stop_texts,
            "help": scenario.help_texts,
            "start": scenario.start_texts,
        }[wish]
        return dice.weighted(f"{wish} words", dict.fromkeys(texts, 1.0))

    def receive(self, *, phone: str, number: str, body: str, keyword: str | None = None) -> str:
        """
        Take a text from *phone* to our *number*, call its webhook, return its sid.

        *keyword* (stop, start, help or empty) is what the phone means by it; by
        default Twilio's own reading of the body.
        """
        meant = twilio_api.keyword_of(body) if keyword is None else keyword
        message = self._inbound_message(phone, number, body)
        self.log.add(message)
        self.ledger.add(
            InboundText(
                sid=message.sid, phone=phone, sender=number, body=body, keyword=meant, **now()
            )
        )
        handled = twilio_api.keyword_of(body) if self.scenario.provider_handles_stop else ""
        if handled:
            self._handle_keyword(handled, phone, number)
        self._call_inbound(message, handled)
        return message.sid

    def _inbound_message(self, phone: str, number: str, body: str) -> Message:
        service = next((sid for sid, pool in self.services.items() if number in pool), "")
        wall_s = time.time()
        return Message(
            sid=new_sid(),
            to=number,
            sender=phone,
            body=body,
            direction="inbound",
            status="received",
            created_wall_s=wall_s,
            listed_from_wall_s=wall_s,
            service_sid=service,
            sent_wall_s=wall_s,
        )

    def _call_inbound(self, message: Message, handled: str) -> None:
        number = self.numbers.get(message.to)
        if number is None or not number.inbound_url:
            return
        form = twilio_api.inbound_form(
            account_sid=self.account.sid, message=message, opt_out_type=handled.upper()
        )
        webhook = Webhook(
            purpose="inbound",
            url=number.inbound_url,
            form=tuple(form),
            sid=message.sid,
            phone=message.sender,
            message_status="received",
        )
        self.later(self.postman.call(webhook))
        dice = Dice(self.scenario.seed, message.sender, message.body, "inbound")
        if dice.chance("duplicate", self.scenario.duplicate_inbound_rate):
            self.later(self._call_again(webhook, 0.05))

    def _handle_keyword(self, keyword: str, phone: str, number: str) -> None:
        """Twilio's own opt-out list: it blocks or unblocks the pair and answers the phone."""
        pair = (number, phone)
        if keyword == "help" and pair in self.blocked:
            return
        if keyword == "stop":
            self.blocked.add(pair)
        elif keyword == "start":
            self.blocked.discard(pair)
        body = twilio_api.CONFIRMATIONS[keyword]
        wall_s = time.time()
        message = Message(
            sid=new_sid(),
            to=phone,
            sender=number,
            body=body,
            direction="outbound-reply",
            status="delivered",
            created_wall_s=wall_s,
            listed_from_wall_s=wall_s,
            sent_wall_s=wall_s,
        )
        self.log.add(message)
        self.ledger.add(CarrierText(sid=message.sid, to=phone, sender=number, body=body, **now()))


def new_sid() -> str:
    """Return a message sid; never the same in two runs, unlike everything else here."""
    return f"SM{uuid.uuid4().hex}"
