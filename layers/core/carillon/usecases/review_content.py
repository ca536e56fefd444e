"""
What a campaign's texts still need before a launch (K6, M6, M7).

    links                a text names a link that the campaign does not have, or a follow-up
                         waits for a click although no message before it has a link
    sender_not_named     as found in a first message (``domain.content_checks``), where the
    opt_out_missing      organisation's policy makes it a reason
    media_not_supported, media_too_many, media_too_large
                         a provider of the campaign's senders does not carry its files (M5)
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Protocol

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_media import problems
from carillon.domain.content import StepCondition
from carillon.domain.content_checks import BLOCKING, Finding, findings_in
from carillon.domain.organisation import OrganisationPolicy
from carillon.usecases.render_texts import messages_of


class TextTemplate(Protocol):
    """A text with merge fields and links, checked and ready to be rendered."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of all merge fields."""
        ...

    @property
    def links(self) -> frozenset[str]:
        """The names of all short links."""
        ...

    def missing(self, fields: Mapping[str, str]) -> list[str]:
        """Return the fields that a contact with *fields* lacks."""
        ...

    def render(self, fields: Mapping[str, str], links: Mapping[str, str]) -> str:
        """Return the text; InvalidInput where it cannot be had."""
        ...


CompileText = Callable[[str], TextTemplate]


class ReviewContent:
    """
    Looks a campaign's texts over.

    *names_of* tells by which names the sender of an office's campaigns may be known: the
    organisation's, the office's, and those of the policy. *provider_of* a sender.
    """

    def __init__(
        self,
        compile_text: CompileText,
        policy: Callable[[], OrganisationPolicy],
        names_of: Callable[[str], list[str]],
        provider_of: Callable[[str], str],
    ) -> None:
        self._compile = compile_text
        self._policy = policy
        self._names_of = names_of
        self._provider_of = provider_of

    def at_once(self) -> "ReviewContent":
        """Return one that reads policy and names once, for many campaigns in one answer."""
        return ReviewContent(
            self._compile, cache(self._policy), cache(self._names_of), cache(self._provider_of)
        )

    def findings(self, campaign: Campaign) -> list[Finding]:
        """Return what is to be said about the first message, variant by variant (M7)."""
        names = self.names_of(campaign)
        initials = {
            variant: body for (step, variant), body in messages_of(campaign.content).items()
            if not step and body.strip()
        }  # fmt: skip
        return [
            finding
            for variant, body in initials.items()
            for finding in findings_in(body, names, variant)
        ]

    def names_of(self, campaign: Campaign) -> list[str]:
        """Return by which names the campaign's sender may be known."""
        return [*self._names_of(campaign.office_id), *self._policy().sender_names]

    def missing(self, campaign: Campaign) -> list[str]:
        """Return what keeps *campaign* from a launch, by name; empty when nothing does."""
        missing = [] if self._has_its_links(campaign) else ["links"]
        if campaign.media:
            providers = [self._provider_of(sender_id) for sender_id in campaign.sender_ids]
            missing += problems(campaign.media, providers)
        if self._policy().content_checks == "block":
            found = {one.check for one in self.findings(campaign)}
            missing += [check for check in BLOCKING if check in found]
        return missing

    def _has_its_links(self, campaign: Campaign) -> bool:
        known = {link.name for link in campaign.links}
        linked_before = False
        for (step, _), body in messages_of(campaign.content).items():
            waits_for_click = (
                step > 0 and campaign.follow_ups[step - 1].condition is StepCondition.NO_CLICK
            )
            if waits_for_click and not linked_before:
                return False
            links = self._compile(body).links if body.strip() else frozenset()
            if not links <= known:
                return False
            linked_before = linked_before or bool(links)
        return True
