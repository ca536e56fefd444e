"""
Which of a campaign's senders speaks to whom (N3).

Every pacer and the reconciler come to the same answer by computing, without asking each
other: senders of the recipient's own area code first, and among those that are left the
one that wins a draw weighted by capacity. The draw is rendezvous hashing over the phone,
not the campaign, so a contact hears from the same number in every campaign that has it,
and a sender that drops out hands over its own contacts and nobody else's.
"""

import hashlib
import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

from carillon.domain.message import Recipient

_NANP = "+1"
_AREA_CODE = len("+1202")
_DRAW_BITS = 53


@dataclass(frozen=True)
class Candidate:
    """A sender as it stood at the launch: its address, and its capacity in segments a second."""

    sender_id: str
    phone: str
    weight: float


def chosen_sender(
    recipient: Recipient, candidates: Sequence[Candidate], available: Container[str]
) -> str:
    """
    Return the sender for *recipient* among those *available*.

    When none is, the one that would speak if all were: its messages wait for it.
    """
    standing = [one for one in candidates if one.sender_id in available] or list(candidates)
    if len(standing) == 1:
        return standing[0].sender_id
    near = [one for one in standing if _is_near(one.phone, recipient.phone)]
    return max(near or standing, key=lambda one: _score(one, recipient.key)).sender_id


def dealt_to(key: str, senders: Sequence[str]) -> str:
    """Return which of *senders* speaks to the lead *key* in runs without candidates."""
    return senders[int(key[-8:], 16) % len(senders)]


def why_chosen(recipient: Recipient, candidates: Sequence[Candidate], sender_id: str) -> str:
    """
    Return by what *sender_id* spoke to *recipient*, were all candidates available.

    ``only_sender``; ``own_area_code``; ``capacity``, by the weighted draw; ``took_over``:
    another one would have, and was not available; ``dealt`` in runs without candidates.
    """
    if not candidates:
        return "dealt"
    if len(candidates) == 1:
        return "only_sender"
    everybody = [one.sender_id for one in candidates]
    if chosen_sender(recipient, candidates, everybody) != sender_id:
        return "took_over"
    speaks = next(one for one in candidates if one.sender_id == sender_id)
    return "own_area_code" if _is_near(speaks.phone, recipient.phone) else "capacity"


def _is_near(sender: str, recipient: str) -> bool:
    """Whether both are North American numbers of one area code."""
    return sender.startswith(_NANP) and sender[:_AREA_CODE] == recipient[:_AREA_CODE]


def _score(candidate: Candidate, key: str) -> tuple[float, str]:
    digest = hashlib.blake2b(f"{candidate.sender_id}\x1f{key}".encode(), digest_size=8).digest()
    # In (0, 1); -weight/ln(draw) makes each candidate win in proportion to its weight.
    draw = ((int.from_bytes(digest) >> (64 - _DRAW_BITS)) + 0.5) / (1 << _DRAW_BITS)
    # The name only settles a tie, which nobody has seen yet.
    return -candidate.weight / math.log(draw), candidate.sender_id
