"""Simulations over the fakes that planning and sending use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from carillon.domain.message import RowRef
from carillon.domain.simulation import ContactState
from tests.support.sending import FakeContactCaps, FakeHolds, FakeSuppressions


@dataclass
class FakeContactStates:
    """Implements ``ContactStates`` over the fakes that the gate and the caps look at."""

    suppressions: FakeSuppressions
    holds: FakeHolds
    caps: FakeContactCaps

    def of(self, phones: Sequence[str]) -> Mapping[str, ContactState]:
        return {phone: self._state(phone) for phone in phones}

    def _state(self, phone: str) -> ContactState:
        consent = self.suppressions.of(phone)
        sent: dict[RowRef, datetime] = self.caps.sent.get(phone, {})
        return ContactState(
            opted_out=consent is not None and consent.opted_out,
            is_held=phone in self.holds.held,
            sent=tuple(sent.values()),
        )
