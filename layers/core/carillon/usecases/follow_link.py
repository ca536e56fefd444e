"""
Follow a short link: whose it is, where it leads, and that it was opened (M6).

    phone                    follow_links                       tables
      | GET /{code} ------------->| campaigns of its bits -------->| (kept a minute)
      |                           | leads of its bits ------------>|
      |                           |   the tag tells which one      |
      |                           | note the click (conditional) ->|
      |<--- 302 to the address ---|
      |     the campaign recorded |

Nothing but an address recorded in the campaign is ever led to: what a request says decides
at most which of those. A click that cannot be noted does not keep anybody from the page; the
caller is told of the error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from carillon.domain.clicks import Click, Clicker, Machine, Opening, machine_of
from carillon.domain.errors import NotFound
from carillon.domain.short_links import Code, LinkedCampaign, read_code
from carillon.ports import Clicks


@dataclass(frozen=True, kw_only=True)
class FollowingWorld:
    """What following touches; *on_error* is told of a click that could not be noted."""

    clicks: Clicks
    on_error: Callable[[Exception], None]


@dataclass(frozen=True)
class Followed:
    """Where the link leads, and by which rule its opening was a machine's (None: a person's)."""

    url: str
    machine: Machine | None


def follow_link(text: str, opening: Opening, world: FollowingWorld) -> Followed:
    """Return where the code *text* leads, its click noted; NotFound for what is no code of ours."""
    code = read_code(text)
    if code is None:
        raise _no_such_link()
    campaign, clicker = _found(code, world)
    _, number = code.unmasked(campaign.link_key)
    machine = machine_of(opening, clicker.handed_over_at)
    click = Click(clicker.row, number, opening.id, opening.at, machine)
    try:
        world.clicks.note(click)
    except Exception as error:  # noqa: BLE001 - a person who clicked is not kept from the page
        world.on_error(error)
    return Followed(campaign.links[number].url, machine)


def _found(code: Code, world: FollowingWorld) -> tuple[LinkedCampaign, Clicker]:
    # What is kept may be from before a link was added: look again before saying no.
    for is_fresh in (False, True):
        for campaign in world.clicks.campaigns(code.campaign, fresh=is_fresh):
            for clicker in _candidates(code, campaign, world.clicks):
                if code.is_of(campaign.id, campaign.link_key, clicker.key):
                    return campaign, clicker
    raise _no_such_link()


def _candidates(code: Code, campaign: LinkedCampaign, clicks: Clicks) -> Iterator[Clicker]:
    start, number = code.unmasked(campaign.link_key)
    if number < len(campaign.links):
        yield from clicks.clickers(campaign, start)


def _no_such_link() -> NotFound:
    return NotFound("There is no such link.", code="link_not_found")
