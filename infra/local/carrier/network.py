"""What happens to a message after the carrier took it: delivery, receipts, texts back."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.carrier import dialects as known
from infra.local.carrier.dialect import Code, Dialect, translated
from infra.local.carrier.dice import Dice
from infra.local.carrier.directory import DIALECTS, Block, Directory
from infra.local.carrier.http import Request
from infra.local.carrier.keywords import CONFIRMATIONS, keyword_of
from infra.local.carrier.ledger import CarrierText, InboundText, Ledger, StatusChange, now
from infra.local.carrier.messages import Message
from infra.local.carrier.scenario import Scenario
from infra.local.carrier.webhooks import Postman, Webhook

# When ``sent`` is reported, as a share of the time to the final state.
_SENT_AFTER = 0.4


@dataclass
class Network:
    """The phones and everything under way, behind all dialects. Lives on one event loop."""

    scenario: Scenario
    directory: Directory
    dialects: Sequence[Dialect]
    ledger: Ledger
    postman: Postman
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def dialect(self, name: str) -> Dialect:
        """Return the dialect of that name; raises ValueError with a sentence."""
        for dialect in self.dialects:
            if dialect.name == name:
                return dialect
        raise ValueError(f"{name!r} is not one of {', '.join(DIALECTS)}")

    def dialect_for(self, request: Request) -> Dialect:
        """Return the dialect that *request* speaks; the first one answers what none does."""
        return next((one for one in self.dialects if one.serves(request)), self.dialects[0])

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
        self.directory.log.add(message)
        self._move(message, "queued", None)

    async def deliver(self, message: Message, dice: Dice, *, first: bool, at_once: bool) -> None:
        """
        Bring *message* to its final state and call its receipts.

        *first* says that the phone had no accepted message before; *at_once* skips
        the delays (receipts that overtake the answer to the request).
        """
        scenario = self.scenario.of(message.dialect)
        error = self._failure(message, dice.share("outcome", scenario.failure_rates))
        final = _final_status(error, scenario, dice)
        delay = 0.0 if at_once else dice.between("delivery", scenario.delivery_delay_s)
        sent_too = scenario.sent_receipt and final != "failed"
        reordered = dice.chance("reorder", scenario.reorder_rate)

        await asyncio.sleep(delay * _SENT_AFTER)
        if final != "failed":
            self._move(message, "sent", None)
        if sent_too and not reordered:
            await self._report(message, "sent", dice)
        await asyncio.sleep(delay * (1 - _SENT_AFTER))
        self._move(message, final, error)
        await self._report(message, final, dice)
        if sent_too and reordered:
            await self._report(message, "sent", dice)
        if final == "delivered" and (first or scenario.reply_to_every_message):
            self.later(self._text_back(message))

    def _failure(self, message: Message, drawn: Code | None) -> Code | None:
        """Return the code that *message*'s dialect has for a drawn one, perhaps of another."""
        if drawn is None:
            return None
        return translated(self.dialect(message.dialect).failures, known.FAILURES[drawn]).code

    def _move(self, message: Message, status: str, error_code: Code | None) -> None:
        time_s = now()
        message.status = status
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

    def report(self, message: Message, status: str, error_code: Code | None) -> None:
        """Move *message* to *status* and call that receipt, whatever the scenario says."""
        self._move(message, status, error_code)
        for webhook in self.dialect(message.dialect).receipts(message, status):
            self.later(self.postman.call(webhook))

    async def _report(self, message: Message, status: str, dice: Dice) -> None:
        scenario = self.scenario.of(message.dialect)
        lost = dice.chance(f"lost {status}", scenario.lost_receipt_rate)
        again = dice.chance(f"duplicate {status}", scenario.duplicate_receipt_rate)
        wait_s = dice.between(f"again {status}", (0.0, scenario.delivery_delay_s[1]))
        for webhook in self.dialect(message.dialect).receipts(message, status):
            if lost:
                self.postman.lose(webhook)
                continue
            await self.postman.call(webhook)
            if again:
                self.later(self._call_again(webhook, wait_s))

    async def _call_again(self, webhook: Webhook, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await self.postman.call(replace(webhook, duplicate=True))

    async def _text_back(self, message: Message) -> None:
        """Let the phone answer, or not. Its fate hangs on the phone alone, not on retries."""
        scenario, phone = self.scenario.of(message.dialect), message.to
        count = self.ledger.accepted_count(phone) if scenario.reply_to_every_message else 1
        dice = Dice(scenario.seed, phone, "texts", count)
        wish = dice.share("wish", scenario.text_rates())
        if wish is None:
            return
        await asyncio.sleep(dice.between("reply", scenario.reply_delay_s))
        keyword = "" if wish == "reply" else wish
        self.receive(
            phone=phone, number=message.sender, body=_words(wish, scenario, dice), keyword=keyword
        )
        if wish == "stop" and dice.chance("start", scenario.start_rate):
            await asyncio.sleep(dice.between("restart", scenario.reply_delay_s))
            start = _words("start", scenario, dice)
            self.receive(phone=phone, number=message.sender, body=start, keyword="start")

    def receive(self, *, phone: str, number: str, body: str, keyword: str | None = None) -> str:
        """
        Take a text from *phone* to our *number*, call its webhook, return its sid.

        *keyword* (stop, start, help or empty) is what the phone means by it; by
        default what carriers read in the body.
        """
        meant = keyword_of(body) if keyword is None else keyword
        ours = self.directory.numbers.get(number)
        dialect = self.dialect(ours.dialect) if ours else self.dialects[0]
        scenario = self.scenario.of(dialect.name)
        message = self._inbound_message(dialect, phone, number, body)
        self.directory.log.add(message)
        self.ledger.add(
            InboundText(
                dialect=dialect.name,
                sid=message.sid,
                phone=phone,
                sender=number,
                body=body,
                keyword=meant,
                **now(),
            )
        )
        handled = keyword_of(body) if scenario.provider_handles_stop else ""
        if handled:
            self._handle_keyword(handled, dialect, phone, number)
        for webhook in dialect.inbound(message, ours, handled) if ours else ():
            self._call_inbound(webhook, message, scenario)
        return message.sid

    def _inbound_message(self, dialect: Dialect, phone: str, number: str, body: str) -> Message:
        services = self.directory.services
        wall_s = time.time()
        return Message(
            dialect=dialect.name,
            sid=dialect.new_id(),
            to=number,
            sender=phone,
            body=body,
            direction="inbound",
            status="received",
            created_wall_s=wall_s,
            listed_from_wall_s=wall_s,
            service_sid=next((sid for sid, pool in services.items() if number in pool), ""),
            sent_wall_s=wall_s,
        )

    def _call_inbound(self, webhook: Webhook, message: Message, scenario: Scenario) -> None:
        self.later(self.postman.call(webhook))
        dice = Dice(scenario.seed, message.sender, message.body, "inbound")
        if dice.chance("duplicate", scenario.duplicate_inbound_rate):
            self.later(self._call_again(webhook, 0.05))

    def _handle_keyword(self, keyword: str, dialect: Dialect, phone: str, number: str) -> None:
        """Act as a provider's own opt-out list: block or unblock, and answer the phone."""
        pair = (dialect.block_scope(number), phone)
        if keyword == "help" and pair in self.directory.blocks:
            return
        if keyword == "stop":
            self.directory.blocks[pair] = Block(time.time(), by_phone=True)
        elif keyword == "start":
            self.directory.blocks.pop(pair, None)
        body = CONFIRMATIONS[keyword]
        wall_s = time.time()
        message = Message(
            dialect=dialect.name,
            sid=dialect.new_id(),
            to=phone,
            sender=number,
            body=body,
            direction="outbound-reply",
            status="delivered",
            created_wall_s=wall_s,
            listed_from_wall_s=wall_s,
            sent_wall_s=wall_s,
        )
        self.directory.log.add(message)
        self.ledger.add(CarrierText(sid=message.sid, to=phone, sender=number, body=body, **now()))


def _final_status(error: Code | None, scenario: Scenario, dice: Dice) -> str:
    if error is None:
        return "delivered"
    return "failed" if dice.chance("failed", scenario.failed_share) else "undelivered"


def _words(wish: str, scenario: Scenario, dice: Dice) -> str:
    if wish == "reply":
        return dice.weighted("words", scenario.reply_texts)
    texts = {
        "stop": scenario.stop_texts,
        "help": scenario.help_texts,
        "start": scenario.start_texts,
    }[wish]
    return dice.weighted(f"{wish} words", dict.fromkeys(texts, 1.0))
