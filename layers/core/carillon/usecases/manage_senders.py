"""Senders: the numbers that campaigns are sent from (N1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from carillon.domain.campaign import Sender
from carillon.domain.commands import Between, Command, Length, OneOf, Origin
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.ports import Clock, Offices, Senders
from carillon.usecases.manage_offices import require_new_home

PROVIDERS = ("twilio",)


@dataclass(frozen=True, kw_only=True)
class NewSender(Command):
    """
    What a new sender needs.

    *mps* is segments per second. *credentials_secret* names the secret that
    holds the provider's credentials. A *single_use* number serves one campaign.
    """

    office_id: Annotated[str, Length(1, 80)]
    name: Annotated[str, Length(1, 200)]
    phone: Annotated[str, Length(1, 40)]
    provider: Annotated[str, OneOf(PROVIDERS)] = "twilio"
    mps: Annotated[float, Between(0.1, 1000)] = 1.0
    credentials_secret: Annotated[str, Length(1, 512)]
    kind: Annotated[str, OneOf(("reusable", "single_use"))] = "reusable"


class ManageSenders:
    """Creates and lists senders. *parse_phone* gives E.164 or raises InvalidInput."""

    def __init__(
        self,
        senders: Senders,
        offices: Offices,
        clock: Clock,
        *,
        parse_phone: Callable[[str, str], str],
        default_country: str,
    ) -> None:
        self._senders = senders
        self._offices = offices
        self._clock = clock
        self._parse_phone = parse_phone
        self._default_country = default_country

    def create(self, access: Access, origin: Origin, new: NewSender) -> Sender:
        """Create a sender in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        sender = Sender(
            id=origin.new_id("snd"),
            office_id=new.office_id,
            name=new.name.strip(),
            phone=self._number(new.phone),
            provider=new.provider,
            mps=new.mps,
            credentials_secret=new.credentials_secret,
            created_at=self._clock.now(),
            kind=new.kind,
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

    def _number(self, text: str) -> str:
        try:
            return self._parse_phone(text, self._default_country)
        except InvalidInput as error:
            raise InvalidInput(error.detail, field="phone", code=error.code) from error
