"""Senders: the numbers that campaigns are sent from (N1)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from carillon.domain.campaign import Sender, Unsolicited
from carillon.domain.commands import Between, Command, Entries, Length, OneOf, Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.domain.provider_codes import PROVIDERS
from carillon.ports import Clock, Offices, Queue, Senders
from carillon.usecases.manage_offices import require_new_home

ADDRESS_KINDS = ("number", "short_code", "alphanumeric", "pool")
_SHORT_CODE = re.compile(r"\d{3,8}", re.ASCII)
# GSM letters that every network shows; a letter, or it would be a number.
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", re.ASCII)
_POOL = re.compile(r"[!-~]{2,200}")

STOPPED_BY_PERSON = "stopped_by_person"


_Rate = Annotated[float, Between(0.1, 1000)]
_Messages = Annotated[int, Between(1, 100_000_000)]


@dataclass(frozen=True, kw_only=True)
class NewSender(Command):
    """
    What a new sender needs.

    *mps* is segments per second, *daily_limit* messages a day in the office's zone.
    *credentials_secret* names the secret that holds the provider's credentials. A
    *single_use* number serves one campaign. *phone* is, by *address_kind*, a number, a
    short code, an alphanumeric ID, or what the provider names a pool or service by.
    *unsolicited* says whose the messages are that answer no campaign (I3):
    ``{"to": "office"}``, the default, or ``{"to": "agents", "agents": [users]}``.
    """

    office_id: Annotated[str, Length(1, 80)]
    name: Annotated[str, Length(1, 200)]
    phone: Annotated[str, Length(1, 200)]
    address_kind: Annotated[str, OneOf(ADDRESS_KINDS)] = "number"
    provider: Annotated[str, OneOf(PROVIDERS)] = "twilio"
    mps: _Rate = 1.0
    credentials_secret: Annotated[str, Length(1, 512)]
    kind: Annotated[str, OneOf(("reusable", "single_use"))] = "reusable"
    daily_limit: _Messages | None = None
    unsolicited: Unsolicited | None = None


@dataclass(frozen=True, kw_only=True)
class SenderChange(Command):
    """What to change; fields left out stay as they are, *unset* may name ``daily_limit``."""

    name: Annotated[str, Length(1, 200)] | None = None
    mps: _Rate | None = None
    daily_limit: _Messages | None = None
    unsolicited: Unsolicited | None = None
    unset: Annotated[tuple[str, ...], Entries(1, 40)] = ()


_CHANGEABLE = ("name", "mps", "daily_limit", "unsolicited")
_ANY_STATUS = frozenset({"active", "suspended"})
_SHAPES = {
    "short_code": (_SHORT_CODE, "A short code has 3 to 8 digits"),
    "alphanumeric": (
        _ALPHANUMERIC,
        "An alphanumeric ID has at most 11 letters, digits and spaces, and a letter",
    ),
    "pool": (_POOL, "A pool or service is named by its provider's id, without spaces"),
}


class ManageSenders:
    """Creates, lists, changes and stops senders. *parse_phone* gives E.164 or InvalidInput."""

    def __init__(
        self,
        senders: Senders,
        offices: Offices,
        clock: Clock,
        *,
        send_queue: Queue,
        parse_phone: Callable[[str, str], str],
        default_country: str,
    ) -> None:
        self._senders = senders
        self._offices = offices
        self._clock = clock
        self._send_queue = send_queue
        self._parse_phone = parse_phone
        self._default_country = default_country

    def create(self, access: Access, origin: Origin, new: NewSender) -> Sender:
        """Create a sender in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        sender = Sender(
            id=origin.new_id("snd"),
            office_id=new.office_id,
            name=new.name.strip(),
            phone=self._address(new),
            provider=new.provider,
            mps=new.mps,
            credentials_secret=new.credentials_secret,
            created_at=self._clock.now(),
            kind=new.kind,
            address_kind=new.address_kind,
            daily_limit=new.daily_limit,
            unsolicited=new.unsolicited or Unsolicited(),
        )
        return self._senders.create(sender, origin.digest)

    def get(self, access: Access, sender_id: str) -> Sender:
        """Return the sender; NotFound when it is absent or another office's."""
        sender = self._senders.get(sender_id)
        access.require_object(
            sender.office_id, NotFound("There is no such sender.", code="sender_not_found")
        )
        return sender

    def page(self, access: Access, limit: int, after: Position | None) -> Listing[Sender]:
        """Return senders of the caller's offices, newest first."""
        return self._senders.page(access.offices, limit, after)

    def change(self, access: Access, sender_id: str, change: SenderChange) -> Sender:
        """Write the fields that *change* names; a limit that is raised binds at once (F6)."""
        self.get(access, sender_id)
        if set(change.unset) - {"daily_limit"}:
            raise InvalidInput("unset may name daily_limit.", field="unset")
        if change.unset and change.daily_limit is not None:
            raise InvalidInput("daily_limit is both set and unset.", field="unset")
        named = {field: getattr(change, field) for field in _CHANGEABLE}
        changes: dict[str, Any] = {k: value for k, value in named.items() if value is not None}
        changes |= dict.fromkeys(change.unset)
        if "daily_limit" in changes:
            # It may be resting because the old one was used up.
            changes["resting_until"] = None
        changed = self._senders.change(sender_id, changes, allowed=_ANY_STATUS)
        return self._awoken(changed)

    def suspend(self, access: Access, sender_id: str) -> Sender:
        """Stop it until somebody resumes it; Conflict (``sender_state``) when it is stopped."""
        self.get(access, sender_id)
        changes = {
            "status": "suspended",
            "problem": STOPPED_BY_PERSON,
            "suspended_at": self._clock.now(),
        }
        # Its pacer sees it within seconds, and lets other senders take over.
        return self._awoken(self._senders.change(sender_id, changes, allowed=frozenset({"active"})))

    def resume(self, access: Access, sender_id: str) -> Sender:
        """Let it go on, suspended or resting; Conflict (``sender_state``) when it is neither."""
        sender = self.get(access, sender_id)
        if sender.is_available(self._clock.now()):
            raise Conflict("This sender is not stopped.", code="sender_state")
        changes = {
            "status": "active",
            "problem": None,
            "suspended_at": None,
            "resting_until": None,
        }
        # A suspension that comes in between stands: nobody has seen it yet.
        seen = frozenset({sender.status})
        return self._awoken(self._senders.change(sender_id, changes, allowed=seen))

    def _awoken(self, sender: Sender) -> Sender:
        self._send_queue.put({"sender_id": sender.id})
        return sender

    def _address(self, new: NewSender) -> str:
        """Return the address as the provider takes it; InvalidInput (field ``phone``)."""
        if new.address_kind == "number":
            return self._number(new.phone)
        address = new.phone.strip()
        shape, words = _SHAPES[new.address_kind]
        if not shape.fullmatch(address):
            raise InvalidInput(f"{words}.", field="phone", code="address_invalid")
        return address

    def _number(self, text: str) -> str:
        try:
            return self._parse_phone(text, self._default_country)
        except InvalidInput as error:
            raise InvalidInput(error.detail, field="phone", code=error.code) from error
