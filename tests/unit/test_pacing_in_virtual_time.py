"""A pacer before a provider that counts: all of its rate, nothing past it, fair shares (F6)."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.pacing import workers_for
from carillon.usecases.pace_sender import LEASE_S, REFRESH_EVERY_S
from tests.support.paced_world import STORAGE_S, TEXTS, PacedWorld

ONE, TWO, THREE, FOUR = TEXTS
MIXED = (ONE, FOUR, TWO, THREE)
ALL_DAY = 10_000_000


class Crash(BaseException):
    """The process died here."""


@pytest.mark.parametrize(
    ("mps", "texts"),
    [(1, [ONE]), (1, MIXED), (10, [ONE]), (10, MIXED), (100, [ONE]), (400, MIXED)],
)
def test_a_pacer_uses_its_whole_rate_and_is_never_refused(mps: float, texts: list[str]) -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", mps)
    world.launch("cmp_a", ALL_DAY, texts, ["snd_a"])

    # Long enough for one message of four segments, sent or not yet, to be less than 1 %.
    end = 1 + max(60.0, 600 / mps)
    world.pace("snd_a", for_s=end + 1)

    assert provider.use(1, end) >= 0.99
    assert provider.refused == []
    assert provider.segments() <= 1 + mps * (end + 1) + 3


def test_a_jitter_of_our_own_storage_costs_neither_rate_nor_refusals() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 100)
    world.storage_s = lambda: world.random.uniform(0.005, 0.05)
    world.launch("cmp_a", ALL_DAY, [ONE], ["snd_a"])

    world.pace("snd_a", for_s=62)

    assert provider.use(1, 61) >= 0.99
    assert provider.refused == []


def test_campaigns_of_one_sender_have_equal_segments_however_long_their_texts() -> None:
    """F6: a sender's rate is shared fairly."""
    world = PacedWorld()
    provider = world.add_sender("snd_a", 50)
    campaigns = [f"cmp_{number}" for number in range(10)]
    for number, campaign_id in enumerate(campaigns):
        world.launch(campaign_id, ALL_DAY, [MIXED[number % 4]], ["snd_a"])

    world.pace("snd_a", for_s=60)

    shares = provider.by_campaign()
    assert set(shares) == set(campaigns)
    assert max(shares.values()) - min(shares.values()) <= max(TEXTS.values())


def test_a_late_joiner_has_its_share_from_then_on_and_no_more() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 50)
    world.launch("cmp_early", ALL_DAY, [TWO], ["snd_a"])
    world.time.after(30.0, lambda: world.launch("cmp_late", ALL_DAY, [ONE], ["snd_a"]))

    world.pace("snd_a", for_s=60)

    joined = min(call.at for call in provider.calls if call.campaign_id == "cmp_late")
    assert joined <= 30.0 + REFRESH_EVERY_S + 0.1
    shares = provider.by_campaign(since=joined)
    assert abs(shares["cmp_early"] - shares["cmp_late"]) <= 2 * max(TEXTS.values())


def test_a_campaign_that_ends_leaves_its_share_to_the_others() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 50)
    world.launch("cmp_short", 500, [ONE], ["snd_a"])
    world.launch("cmp_long", ALL_DAY, [ONE], ["snd_a"])

    world.pace("snd_a", for_s=60)

    assert provider.by_campaign()["cmp_short"] == 500
    assert provider.use(1, 59) >= 0.99


@pytest.mark.parametrize("mps", [10, 100])
def test_hand_overs_neither_lose_nor_double_tokens(mps: float) -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", mps)
    world.launch("cmp_a", ALL_DAY, MIXED, ["snd_a"])

    reports = world.pace_in_turns("snd_a", turn_s=5.0, until_s=62.0)

    assert len(reports) >= 11
    assert provider.use(1, 61) >= 0.99
    assert provider.refused == []
    assert provider.segments() <= 1 + mps * world.time.monotonic() + 3
    assert max(Counter(item["phone"] for item in world.messages.items.values()).values()) == 1


def test_a_crashed_pacers_sender_is_taken_over_within_its_lease() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 50)
    world.launch("cmp_a", ALL_DAY, [ONE], ["snd_a"])

    def die(_: str) -> tuple[int, int]:
        raise Crash

    with pytest.raises(Crash):
        # It looks at its receipts after ten seconds.
        world.pace("snd_a", receipts_of=die)
    died_at = world.time.monotonic()
    while not world.pace("snd_a", for_s=5).ran:
        world.time.sleep(1.0)

    resumed = min(call.at for call in provider.calls if call.at > died_at)
    assert resumed - died_at <= LEASE_S + 1.0
    assert provider.refused == []


def test_nothing_is_called_until_the_provider_has_said_that_it_may() -> None:
    """F6: a 429 slows its sender."""
    world = PacedWorld()
    slowed, other = world.add_sender("snd_a", 50), world.add_sender("snd_b", 50)
    for campaign_id, sender_id in (("cmp_a", "snd_a"), ("cmp_b", "snd_b")):
        world.launch(campaign_id, ALL_DAY, [ONE], [sender_id])
    slowed.refuse_at, slowed.retry_after_s = [10.0], 7.0

    world.time.together(
        lambda: world.pace("snd_a", for_s=30),
        lambda: world.pace("snd_b", for_s=30),
    )

    (refused_at,) = slowed.refused
    # What was claimed already is called; nothing is claimed from the answer on.
    assert slowed.segments(refused_at + STORAGE_S + 0.001, refused_at + 7.0) == 0
    assert slowed.segments(refused_at + 7.0, refused_at + 8.0) >= 45
    assert other.use(1, 29) >= 0.99


def test_a_paused_campaign_frees_its_share_at_once_and_has_its_own_again_when_resumed() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 50)
    for campaign_id in ("cmp_a", "cmp_b"):
        world.launch(campaign_id, ALL_DAY, [ONE], ["snd_a"])

    def become(status: CampaignStatus) -> None:
        campaign = world.directory.campaigns["cmp_a"]
        world.directory.campaigns["cmp_a"] = replace(
            campaign, status=status, version=campaign.version + 1
        )

    world.time.after(20.0, lambda: become(CampaignStatus.PAUSED))
    world.time.after(40.0, lambda: become(CampaignStatus.ACTIVE))

    world.pace("snd_a", for_s=62)

    assert provider.by_campaign(20.1, 40)["cmp_a"] == 0
    assert provider.use(1, 61) >= 0.99
    shares = provider.by_campaign(43, 61)
    assert abs(shares["cmp_a"] - shares["cmp_b"]) <= 2


@pytest.mark.parametrize(
    ("mps", "workers"), [(0.1, 4), (1, 4), (10, 4), (50, 18), (100, 35), (365, 128), (1000, 128)]
)
def test_a_senders_rate_tells_how_many_calls_are_in_flight(mps: float, workers: int) -> None:
    assert workers_for(mps) == workers


def test_a_provider_that_always_takes_300_ms_still_gets_the_whole_rate() -> None:
    world = PacedWorld()
    provider = world.add_sender("snd_a", 100)
    provider.latency_s = lambda: 0.3
    world.launch("cmp_a", ALL_DAY, [ONE], ["snd_a"])

    world.pace("snd_a", for_s=22)

    assert provider.use(1, 21) >= 0.99


def test_a_hundred_campaigns_on_four_senders_all_end_and_are_read_together() -> None:
    """F9: a hundred campaigns at once, and reads do not grow with them."""
    world = PacedWorld()
    senders = [f"snd_{number}" for number in range(4)]
    providers = [world.add_sender(sender_id, 50) for sender_id in senders]
    for number in range(100):
        world.launch(f"cmp_{number}", 30, [MIXED[number % 4]], senders)

    works = [partial(world.pace, sender_id) for sender_id in senders]
    world.time.together(*works)

    assert {run.state for run in world.directory.run_by_key.values()} == {"done"}
    assert sum(len(provider.calls) for provider in providers) == len(world.messages.items) == 3000
    assert all(provider.refused == [] for provider in providers)
    # One read for all campaigns of a sender, and of each sender once, a refresh.
    refreshes = world.directory.reads["campaigns_by_id"] - len(senders)
    assert refreshes <= len(senders) * (world.time.monotonic() / REFRESH_EVERY_S + 1)
    assert world.directory.reads["sender"] <= (refreshes + 2 * len(senders)) * (len(senders) + 1)
    assert world.directory.reads["campaign"] == 0
