"""
The other side: a carrier that takes every message, reports it, and people who answer.

All is drawn from the phone number, so every run and every size has the same mixture.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from carillon.domain.errors import NotFound
from carillon.domain.message import Accepted, Outgoing, ProviderRecord
from tests.bench.lambda_model import Timeline

# What the bench assumes of people and networks; printed with the figures.
REPLY_SHARE = 0.10
STOP_SHARE = 0.02
FAILED_SHARE = 0.03
SENT_AFTER_S = (0.2, 1.0)
FINAL_AFTER_S = (1.5, 6.0)
REPLY_AFTER_S = (15.0, 300.0)

Post = Callable[[str, dict[str, list[str]]], None]

_ACCOUNT = "AC" + "0" * 32


@dataclass
class BenchCarrier:
    """
    Implements ``ports.MessageProvider`` and posts Twilio's forms to *status* and *inbound*.

    *status* takes (callback URL, form), *inbound* (number written to, form).
    """

    timeline: Timeline
    status: Post
    inbound: Post
    calls: int = 0

    def send(self, message: Outgoing) -> Accepted:
        """Accept at once; receipts and answers follow in virtual time."""
        self.calls += 1
        sid = f"SM{self.calls:032x}"
        is_answer = message.sender == message.recipient or self._answered(message)
        failed = not is_answer and _share(message.recipient, "fate") < FAILED_SHARE
        for status, span in (("sent", SENT_AFTER_S), ("final", FINAL_AFTER_S)):
            word = status if status == "sent" else "undelivered" if failed else "delivered"
            form = _form(message.sender, message.recipient, sid)
            form |= {"MessageStatus": [word], "SmsStatus": [word]}
            if word == "undelivered":
                form["ErrorCode"] = ["30003"]
            self._later(message.recipient + status, span, self.status, message, form)
        if not failed and not is_answer:
            self._perhaps_reply(message)
        return Accepted(sid)

    def find(self, **_: object) -> ProviderRecord | None:
        """Nothing is ever ambiguous here."""
        raise NotFound("The bench loses nothing.", code="not_in_bench")

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Nothing is ever polled here."""
        raise NotFound("The bench loses nothing.", code="not_in_bench")

    def _answered(self, message: Outgoing) -> bool:
        # Only somebody who has written to us is answered, and a campaign texts once.
        return message.recipient in self._written

    def __post_init__(self) -> None:
        """Nobody has written yet."""
        self._written: set[str] = set()

    def _perhaps_reply(self, message: Outgoing) -> None:
        draw = _share(message.recipient, "reply")
        if draw >= REPLY_SHARE + STOP_SHARE:
            return
        body = "STOP" if draw < STOP_SHARE else "Yes please, Tuesday at ten would suit me"
        self._written.add(message.recipient)
        form = _form(message.recipient, message.sender, f"SM1{self.calls:031x}")
        form["Body"] = [body]
        low, high = REPLY_AFTER_S
        after_s = low + (high - low) * _share(message.recipient, "delay")
        self.timeline.after(after_s, lambda: self.inbound(message.sender, form))

    def _later(
        self,
        seed: str,
        span: tuple[float, float],
        post: Post,
        message: Outgoing,
        form: dict[str, list[str]],
    ) -> None:
        after_s = span[0] + (span[1] - span[0]) * _share(seed, "delay")
        self.timeline.after(after_s, lambda: post(message.status_callback, form))


def _form(sender: str, recipient: str, sid: str) -> dict[str, list[str]]:
    return {
        "MessageSid": [sid],
        "SmsSid": [sid],
        "AccountSid": [_ACCOUNT],
        "From": [sender],
        "To": [recipient],
        "ApiVersion": ["2010-04-01"],
    }


def _share(phone: str, what: str) -> float:
    """Return the same number from [0, 1) for the same phone, evenly spread over phones."""
    return zlib.crc32(f"{what}:{phone}:{what}".encode()) / 2**32
