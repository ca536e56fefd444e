"""
What a campaign says to one person: its text with fields and short links, as it is sent.

Sending, transcripts and previews render by this alone, so that what is counted, priced and
shown is what goes out: merge fields (M1), the person's own short links (M6) and, where the
campaign asks for it, the GSM-7 spelling of typographic characters (M4).
"""

from collections.abc import Callable, Mapping

from carillon.domain.content import CampaignContent
from carillon.domain.segments import smart_encode
from carillon.domain.short_links import LeadLinks

# The text for a person's fields and links; InvalidInput where it cannot be had.
Render = Callable[[Mapping[str, str], Mapping[str, str]], str]
CompileBody = Callable[[str], Render]
# (step, variant): 0 is the initial; follow-ups have no variants.
Message = tuple[int, str | None]


class Texts:
    """A campaign's texts, compiled once: its body or variants, and its follow-ups."""

    def __init__(
        self,
        content: CampaignContent,
        campaign_id: str,
        compile_body: CompileBody,
        link_base_url: str = "",
    ) -> None:
        self._content = content
        self._campaign_id = campaign_id
        self._link_base_url = link_base_url
        self._renders = {
            message: compile_body(body) for message, body in messages_of(content).items()
        }

    def render(
        self, step: int, variant: str | None, fields: Mapping[str, str], lead: str = ""
    ) -> str:
        """
        Return message *step* for a person with *fields*, whose lead key is *lead*.

        Raises InvalidInput where it cannot be rendered, KeyError where there is no such message.
        """
        render = self._renders[step, None if step else variant]
        text = render(fields, self._links(lead))
        return smart_encode(text) if self._content.smart_encoding else text

    def _links(self, lead: str) -> Mapping[str, str]:
        said = self._content
        if not said.links:
            return {}
        return LeadLinks(
            self._link_base_url,
            campaign_id=self._campaign_id,
            link_key=said.link_key,
            links=said.links,
            lead=lead,
        )


def messages_of(content: CampaignContent) -> dict[Message, str]:
    """Return the template of every message that *content* can send, in order."""
    initials: dict[Message, str] = {(0, one.id): one.body for one in content.variants}
    follow_ups: dict[Message, str] = {
        (step, None): one.body for step, one in enumerate(content.follow_ups, start=1)
    }
    return {**(initials or {(0, None): content.body}), **follow_ups}
