"""
How a campaign's messages will read for given contacts; nothing is sent (M1, M4, M6, M7, K16).

``Previewer`` says it for one contact and is what a simulation of a whole audience asks too.
Before the launch there is no key for short links: their codes are then made up, as long as
the real ones, and lead nowhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.campaign_offers import reaches
from carillon.domain.commands import Command, Entries
from carillon.domain.contacts import Contact, ContactList
from carillon.domain.content import variant_of
from carillon.domain.content_checks import Finding, findings_in
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.ids import SLOTS, lead_key
from carillon.domain.permissions import Access
from carillon.domain.segments import encoding, forcing_ucs_2, segment_count, smart_encode
from carillon.ports import Campaigns, Contacts, ManagedLists, ManagedSegments
from carillon.usecases.audience_sources import Source
from carillon.usecases.render_texts import Message, Texts, messages_of
from carillon.usecases.review_content import CompileText, ReviewContent

MOST_CONTACTS = 20
_SAMPLE = 3
# A segment may keep one in a million: a preview is one request, and does not look for that one.
_MOST_LOOKED_AT = 2_000
_NO_KEY_YET = "preview"
_LAST_SLOT = f"{SLOTS - 1:04x}"


@dataclass(frozen=True, kw_only=True)
class PreviewRequest(Command):
    """
    For whom: *phones* (E.164) of contacts of the campaign's lists and segments.

    Without any, a few of them.
    """

    phones: Annotated[tuple[str, ...], Entries(MOST_CONTACTS, 20)] = ()


@dataclass(frozen=True, kw_only=True)
class TextSize:
    """A text and what carriers bill for it."""

    text: str
    encoding: str
    segments: int

    @classmethod
    def of(cls, text: str) -> "TextSize":
        """Return the size of *text*."""
        return cls(text=text, encoding=encoding(text), segments=segment_count(text))


@dataclass(frozen=True, kw_only=True)
class MessagePreview:
    """
    One message to one contact: *step* 0 is the first, the others are follow-ups.

    ``text``, ``encoding`` and ``segments`` are as it will be sent; without a text, ``problem``
    says why (``missing_field`` with all of ``missing_fields``) and the lead would fail with it.
    ``forces_ucs_2`` are the characters that make it so. ``as_written`` and ``smart_encoded``
    are the same text without and with smart encoding (M4), whichever the campaign uses.
    """

    step: int
    variant: str | None
    text: str | None = None
    encoding: str | None = None
    segments: int = 0
    forces_ucs_2: tuple[str, ...] = ()
    problem: str | None = None
    missing_fields: tuple[str, ...] = ()
    as_written: TextSize | None = None
    smart_encoded: TextSize | None = None
    media: tuple[CampaignMedia, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContactPreview:
    """
    What one contact will read. ``problem`` says why nothing at all is sent to them.

    ``findings`` are about their first message (M7).
    """

    phone: str
    list_id: str | None = None
    problem: str | None = None
    messages: tuple[MessagePreview, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CampaignPreview:
    """The previews, and what is to be said about the texts themselves."""

    campaign_id: str
    smart_encoding: bool
    contacts: tuple[ContactPreview, ...]
    findings: tuple[Finding, ...]


class Previewer:
    """Says what a campaign's messages are for one contact; compiled once."""

    def __init__(
        self,
        campaign: Campaign,
        compile_text: CompileText,
        *,
        link_base_url: str,
        sender_names: Sequence[str],
    ) -> None:
        content = campaign.content
        self._campaign = campaign
        self._names = sender_names
        self._templates = {
            message: compile_text(body) for message, body in messages_of(content).items()
        }
        key = content.link_key or _NO_KEY_YET
        as_written = replace(content, smart_encoding=False, link_key=key)
        self._texts = Texts(
            as_written, campaign.id, lambda body: compile_text(body).render, link_base_url
        )

    def of(self, contact: Contact, list_id: str | None = None) -> ContactPreview:
        """Return all messages that *contact* would get, in their order."""
        own = variant_of(self._campaign.id, contact.key, self._campaign.variants)
        mine = (None, own.id if own else None)
        messages = tuple(
            self._message(message, contact) for message in self._templates if message[1] in mine
        )
        first = messages[0].text
        findings = findings_in(first, self._names, messages[0].variant) if first else ()
        return ContactPreview(
            phone=contact.phone, list_id=list_id, messages=messages, findings=tuple(findings)
        )

    def _message(self, message: Message, contact: Contact) -> MessagePreview:
        step, variant = message
        fields = contact.merge_fields()
        try:
            written = self._texts.render(step, variant, fields, contact.key)
        except InvalidInput as error:
            return MessagePreview(
                step=step,
                variant=variant,
                problem=error.code,
                missing_fields=tuple(self._templates[message].missing(fields)),
            )
        as_written, smart = TextSize.of(written), TextSize.of(smart_encode(written))
        media = () if step else self._campaign.media
        sent = smart if self._campaign.smart_encoding else as_written
        return MessagePreview(
            step=step,
            variant=variant,
            text=sent.text,
            encoding=sent.encoding,
            # An MMS is not counted in segments.
            segments=0 if media else sent.segments,
            media=media,
            forces_ucs_2=forcing_ucs_2(sent.text),
            as_written=as_written,
            smart_encoded=smart,
        )


class PreviewCampaign:
    """Shows how a campaign's messages will read."""

    def __init__(
        self,
        campaigns: Campaigns,
        lists: ManagedLists,
        segments: ManagedSegments,
        contacts: Contacts,
        review: ReviewContent,
        *,
        compile_text: CompileText,
        link_base_url: str,
    ) -> None:
        self._campaigns = campaigns
        self._lists = lists
        self._segments = segments
        self._contacts = contacts
        self._review = review
        self._compile = compile_text
        self._link_base_url = link_base_url

    def preview(self, access: Access, campaign_id: str, wanted: PreviewRequest) -> CampaignPreview:
        """Return the previews; NotFound when the campaign is absent or another office's."""
        campaign = self._campaigns.get(campaign_id)
        if not reaches(access, campaign.office_id, campaign.agents):
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        previewer = Previewer(
            campaign,
            self._compile,
            link_base_url=self._link_base_url,
            sender_names=self._review.names_of(campaign),
        )
        included = self._sources(campaign.list_ids, campaign.segment_ids)
        excluded = self._sources(campaign.exclude_list_ids, campaign.exclude_segment_ids)
        if wanted.phones:
            phones = dict.fromkeys(wanted.phones)
            shown = [self._of_phone(phone, included, excluded, previewer) for phone in phones]
        else:
            shown = [
                self._unless_excluded(contact, list_id, excluded, previewer)
                for contact, list_id in islice(self._some(included), _SAMPLE)
            ]
        return CampaignPreview(
            campaign_id=campaign.id,
            smart_encoding=campaign.smart_encoding,
            contacts=tuple(shown),
            findings=tuple(self._review.findings(campaign)),
        )

    def _sources(self, list_ids: Iterable[str], segment_ids: Iterable[str]) -> list[Source]:
        """Return those that there still are, as a launch would read them: of others nobody is."""
        whole = [Source(one.id, one) for one in self._standing(list_ids)]
        return whole + list(self._segmented(segment_ids))

    def _segmented(self, segment_ids: Iterable[str]) -> Iterator[Source]:
        for segment_id in segment_ids:
            try:
                segment = self._segments.get(segment_id)
            except NotFound:
                continue
            for one in self._standing(segment.list_ids):
                yield Source(segment.id, one, segment.filter)

    def _standing(self, list_ids: Iterable[str]) -> Iterator[ContactList]:
        for list_id in list_ids:
            try:
                one = self._lists.get(list_id)
            except NotFound:
                continue
            yield ContactList(
                id=one.id,
                name=one.name,
                default_country=one.default_country,
                shards=one.shards,
                contacts=one.contacts,
            )

    def _of_phone(
        self,
        phone: str,
        included: Sequence[Source],
        excluded: Sequence[Source],
        previewer: Previewer,
    ) -> ContactPreview:
        # The first source that has a phone is the one whose fields count, as at the launch.
        for one in included:
            contact = self._find(one, phone)
            if contact is not None:
                return self._unless_excluded(contact, one.contacts.id, excluded, previewer)
        return ContactPreview(phone=phone, problem="contact_not_found")

    def _unless_excluded(
        self, contact: Contact, list_id: str, excluded: Sequence[Source], previewer: Previewer
    ) -> ContactPreview:
        if any(self._find(one, contact.phone) for one in excluded):
            return ContactPreview(phone=contact.phone, list_id=list_id, problem="excluded")
        return previewer.of(contact, list_id)

    def _find(self, one: Source, phone: str) -> Contact | None:
        key = lead_key(phone)
        return next(one.between(self._contacts, key, key), None)

    def _some(self, sources: Sequence[Source]) -> Iterator[tuple[Contact, str]]:
        """Yield contacts, each phone once, of the first that are looked at."""
        shown: set[str] = set()
        everybody = ((one, contact) for one in sources for contact in self._all(one))
        for one, contact in islice(everybody, _MOST_LOOKED_AT):
            if contact.phone not in shown and one.takes(contact):
                shown.add(contact.phone)
                yield contact, one.contacts.id

    def _all(self, one: Source) -> Iterator[Contact]:
        return replace(one, keeps=None).between(self._contacts, "0000", _LAST_SLOT)
