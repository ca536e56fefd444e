"""
Follow-ups for those who have not clicked, over a whole campaign (M3, M6).

The links are those that stand in the texts the carrier was handed: what a person taps is what
was sent.
"""

from datetime import timedelta

from carillon.domain.campaign import CampaignStatus
from carillon.domain.clicks import Opening
from carillon.domain.content import FollowUp, StepCondition
from carillon.domain.short_links import Link
from carillon.usecases.follow_link import FollowingWorld, follow_link
from tests.faults.test_sending_rules import DAY_S, change, crash_everywhere, texts_to
from tests.faults.world import World
from tests.support.clicks import FakeClicks

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Safari/604.1"
URL = "https://shop.example.com/spring"


def a_world(leads: int = 2) -> World:
    world = World(leads=leads, parts=1)
    change(
        world,
        body="Hi {{first_name}} {{offer}}",
        links=(Link("offer", URL),),
        link_key="0123456789abcdef0123456789abcdef",
        follow_ups=(
            FollowUp(300, StepCondition.NO_CLICK, "Second"),
            FollowUp(600, StepCondition.ALWAYS, "Third"),
        ),
    )
    return world


def tap_link(world: World, phone: str, *, method: str = "GET") -> None:
    """Open the link in the first text to *phone*, if it has come."""
    texts = texts_to(world, phone)
    if not texts:
        return
    code = texts[0].rpartition("https://go.example.org/")[2]
    opening = Opening(method, {"user-agent": BROWSER}, world.clock.now(), f"{phone} {method}")
    clicks = FakeClicks(world.directory, world.messages)
    errors: list[Exception] = []
    followed = follow_link(code, opening, FollowingWorld(clicks=clicks, on_error=errors.append))
    assert (followed.url, errors) == (URL, [])


def later_texts(world: World, phone: str) -> list[str]:
    return texts_to(world, phone)[1:]


def test_somebody_who_clicked_before_the_due_time_is_not_texted() -> None:
    world = a_world()
    clicked, other = world.phones
    world.at(200, lambda: tap_link(world, clicked))

    world.run(until_s=DAY_S)

    world.assert_never_twice_never_lost()
    assert later_texts(world, clicked) == ["Third"]
    assert later_texts(world, other) == ["Second", "Third"]
    first, third = [s.started_at for s in world.carrier.ledger if s.recipient == clicked]
    assert third - first >= timedelta(minutes=15)
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_scanner_that_opens_the_link_keeps_nobody_from_the_follow_up() -> None:
    world = a_world(leads=1)
    (phone,) = world.phones
    world.at(200, lambda: tap_link(world, phone, method="HEAD"))

    world.run(until_s=DAY_S)

    assert later_texts(world, phone) == ["Second", "Third"]


def test_a_click_while_the_follow_up_is_being_claimed_still_cancels_it() -> None:
    world = a_world(leads=1)
    (phone,) = world.phones
    is_done = False

    def tap(where: str) -> None:
        nonlocal is_done
        # The first message to be claimed after the initial is the follow-up.
        if where == "after leads.claim" and world.clock.monotonic() > 200 and not is_done:
            is_done = True
            tap_link(world, phone)

    world.tap = tap
    world.run(until_s=DAY_S)

    assert is_done
    assert later_texts(world, phone) == ["Third"]
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_click_while_the_follow_up_waits_for_another_try_cancels_it() -> None:
    world = a_world(leads=1)
    (phone,) = world.phones
    is_done = False

    def tap(where: str) -> None:
        nonlocal is_done
        if where == "after leads.record_retry" and not is_done:
            is_done = True
            tap_link(world, phone)

    world.carrier.behave = lambda call: "unavailable" if call == 2 else "accept"
    world.tap = tap
    world.run(until_s=DAY_S)

    assert is_done
    assert later_texts(world, phone) == ["Third"]
    assert world.settled()
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_crash_at_any_point_texts_nobody_who_has_clicked() -> None:
    def make() -> World:
        world = a_world(leads=1)
        (phone,) = world.phones
        world.at(100, lambda: tap_link(world, phone))
        return world

    for world in crash_everywhere(make, 3 * 3600.0, every=6):
        world.assert_never_twice_never_lost()
        (phone,) = world.phones
        assert later_texts(world, phone) == ["Third"]
