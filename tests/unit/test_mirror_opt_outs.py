"""A provider's own opt-out list and ours: the newest event wins, in pieces, whatever breaks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise, product

import pytest

from carillon.domain.errors import NotFound, Throttled, Unavailable
from carillon.domain.message import Suppression
from carillon.domain.opt_out_mirror import (
    ECHO_LASTS,
    ROUND_EVERY,
    ListedOptOut,
    MirrorState,
    Verdict,
    verdict,
)
from carillon.usecases.mirror_opt_outs import Mirroring, fair_shares, mirror_opt_outs
from tests.support.clock import NOON, FakeClock
from tests.support.messages import PHONE, after, an_event
from tests.support.mirroring import FakeConsents, FakeMirrorStates, FakeNews, FakeOptOutList

STOP, START = True, False
LIST = "aws:us-east-1:Default"
DAY_S = 24 * 3600


def listed(at_s: float, *, by_person: bool = True, phone: str = PHONE) -> ListedOptOut:
    return ListedOptOut(phone=phone, since=after(at_s), by_person=by_person)


def number(n: int) -> str:
    return f"+1202555{n:04d}"


@dataclass
class Scene:
    """Both sides a day after noon, when nothing is news any more."""

    clock: FakeClock
    consents: FakeConsents
    states: FakeMirrorStates
    theirs: FakeOptOutList

    def happens(self, out: bool, at_s: float, cause: str = "SM1", phone: str = PHONE) -> None:
        """Let somebody write STOP or START; it is committed and noted now."""
        event = replace(an_event(out, at_s, cause), phone=phone)
        (self.consents.opt_out if out else self.consents.opt_in)(event)

    def none_is_news(self) -> None:
        """Let all that happened so far have been recorded long ago."""
        self.consents.listed.clear()

    def is_listed(self, *entries: ListedOptOut) -> None:
        self.theirs.entries.update({entry.phone: entry for entry in entries})

    def run(self, theirs: FakeOptOutList | None = None, deadline: float = 1e9) -> Counter[str]:
        world = Mirroring(
            consents=self.consents,
            news=FakeNews(self.consents),
            states=self.states,
            clock=self.clock,
            deadline=deadline,
        )
        return mirror_opt_outs(theirs or self.theirs, world)

    def run_later(self, after_s: float = 900) -> Counter[str]:
        self.clock.sleep(after_s)
        self.theirs.calls.clear()
        return self.run()

    @property
    def state(self) -> MirrorState:
        return self.states.get(self.theirs.name)


@pytest.fixture
def scene() -> Scene:
    clock = FakeClock()
    clock.sleep(DAY_S)
    return Scene(clock, FakeConsents(clock.now), FakeMirrorStates(), FakeOptOutList(clock))


# Which of two entries counts -------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "entry", "expected"),
    [
        (None, listed(1), Verdict.OPT_OUT),
        (None, listed(1, by_person=False), Verdict.OPT_OUT),
        ((STOP, 5), listed(1), Verdict.IN_STEP),
        ((STOP, 5), listed(5), Verdict.IN_STEP),
        ((STOP, 5), listed(9), Verdict.OPT_OUT),
        ((STOP, 5), listed(9, by_person=False), Verdict.IN_STEP),
        ((START, 5), listed(1), Verdict.TAKE_OFF),
        ((START, 5), listed(1, by_person=False), Verdict.TAKE_OFF),
        ((START, 5), listed(5), Verdict.OPT_OUT),
        ((START, 5), listed(9), Verdict.OPT_OUT),
        ((START, 5), listed(9, by_person=False), Verdict.OPT_OUT),
    ],
)
def test_the_newest_event_wins(
    standing: tuple[bool, int] | None, entry: ListedOptOut, expected: Verdict
) -> None:
    ours = an_event(*standing, "SM1") if standing else None

    assert verdict(entry, ours, NOON + timedelta(days=1), LIST) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (after(9) + ECHO_LASTS - timedelta(seconds=1), Verdict.IN_STEP),
        (after(9) + ECHO_LASTS, Verdict.OPT_OUT),
    ],
)
def test_what_was_put_there_just_now_may_be_our_own_echo(now: datetime, expected: Verdict) -> None:
    assert verdict(listed(9, by_person=False), an_event(START, 5, "SM1"), now, LIST) is expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (listed(9, by_person=False), Verdict.TAKE_OFF),
        (listed(20, by_person=False), Verdict.OPT_OUT),
        (listed(9), Verdict.OPT_OUT),
    ],
    ids=["ours was there before", "put there since", "their own STOP"],
)
def test_an_opt_in_that_was_committed_after_our_entry_is_not_undone_by_it(
    entry: ListedOptOut, expected: Verdict
) -> None:
    """O5: a manager's removal bears the time of what it undoes."""
    removal = replace(an_event(START, 5, "opt_1"), committed_at=after(15))

    assert verdict(entry, removal, NOON + timedelta(days=1), LIST) is expected


# From them to us -------------------------------------------------------------------


def test_an_opt_out_at_the_provider_becomes_one_of_ours_as_of_then(scene: Scene) -> None:
    scene.is_listed(listed(5), listed(6, by_person=False, phone=number(2)))

    counts = scene.run()

    assert counts["opted_out_here"] == 2
    assert scene.consents.of(PHONE) == Suppression(
        phone=PHONE,
        opted_out=True,
        event_at=after(5),
        source="provider",
        cause="aws:us-east-1:Default",
        committed_at=scene.clock.now(),
    )
    assert scene.consents.of(number(2)) is not None


def test_what_came_from_a_list_goes_to_the_other_lists_and_not_back(scene: Scene) -> None:
    other = FakeOptOutList(scene.clock, name="aws:eu-west-1:Default")
    scene.is_listed(listed(5))
    scene.run()

    scene.run_later()
    scene.run(other)

    assert set(other.entries) == {PHONE}
    assert not [call for call in scene.theirs.calls if call.startswith("put")]


def test_a_stop_at_the_provider_is_newer_than_a_start_here_that_arrives_late(
    scene: Scene,
) -> None:
    scene.happens(STOP, 1)
    scene.is_listed(listed(9))
    scene.run()

    scene.happens(START, 5, "SM2")

    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.event_at) == (True, after(9))


def test_a_long_list_is_read_over_several_runs_and_then_from_its_beginning(scene: Scene) -> None:
    scene.is_listed(*(listed(5, phone=number(n)) for n in range(50)))

    first = scene.run()
    reached = scene.state.their_cursor
    second = scene.run_later()

    assert first["opted_out_here"] == 40
    assert (reached, second["opted_out_here"]) == (number(39), 10)
    assert scene.state.their_cursor is None


def test_a_cursor_that_the_provider_has_forgotten_begins_anew(scene: Scene) -> None:
    scene.states.save(scene.theirs.name, MirrorState(their_cursor="stale"))
    scene.is_listed(listed(5))

    assert scene.run()["opted_out_here"] == 1


# From us to them -------------------------------------------------------------------


def test_an_opt_out_of_ours_is_put_on_the_list_with_the_next_run(scene: Scene) -> None:
    scene.run()
    scene.happens(STOP, DAY_S)

    scene.run_later()

    assert set(scene.theirs.entries) == {PHONE}


def test_what_is_told_once_is_not_told_again(scene: Scene) -> None:
    scene.happens(STOP, 1)
    scene.run_later()

    scene.run_later()

    assert scene.theirs.calls == ["page"]


def test_what_was_noted_this_minute_waits_for_the_next_run(scene: Scene) -> None:
    scene.run()
    scene.happens(STOP, DAY_S)

    scene.run_later(59)
    assert scene.theirs.entries == {}

    scene.run_later(900)
    assert set(scene.theirs.entries) == {PHONE}


def test_a_start_takes_the_number_off_the_list(scene: Scene) -> None:
    scene.is_listed(listed(5))
    scene.run()
    scene.happens(START, 9, "SM2")

    counts = scene.run_later()

    assert (counts["taken_off_there"], scene.theirs.entries) == (1, {})
    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert not standing.opted_out


def test_a_start_that_is_older_than_their_stop_takes_nothing_off(scene: Scene) -> None:
    scene.happens(STOP, 1)
    scene.happens(START, 5, "SM2")
    scene.is_listed(listed(9))

    scene.run_later()

    assert set(scene.theirs.entries) == {PHONE}
    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.cause) == (True, scene.theirs.name)


def test_someone_who_comes_back_while_being_put_on_the_list_is_taken_off_and_stays_in(
    scene: Scene,
) -> None:
    scene.happens(STOP, DAY_S - 60)
    scene.clock.sleep(120)
    # Their START is older than the entry on the list, and committed when that was written.
    scene.theirs.put(PHONE)
    scene.happens(START, DAY_S + 110, "SM2")

    for _ in range(8):
        scene.run_later()

    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, scene.theirs.entries) == (False, {})


def test_a_number_that_the_provider_keeps_is_left_there_and_counted(scene: Scene) -> None:
    scene.is_listed(listed(5))
    scene.theirs.kept_for_good.add(PHONE)
    scene.happens(START, 9)

    counts = scene.run_later()

    assert counts["opt_in_refused_there"] >= 1
    assert set(scene.theirs.entries) == {PHONE}
    assert scene.state.told_until != ""


def removed_by_a_manager(scene: Scene) -> None:
    """Let our opt-out be put on the list, which keeps it, and a manager remove it here."""
    scene.happens(STOP, DAY_S)
    scene.run_later()
    scene.theirs.kept_for_good.add(PHONE)
    scene.clock.sleep(60)
    removal = replace(
        an_event(START, DAY_S + 0.001, "opt_1"), source="manager", committed_at=scene.clock.now()
    )
    scene.consents.opt_in(removal)


def test_a_managers_removal_stays_when_the_provider_keeps_the_number(scene: Scene) -> None:
    """O5: what is still on the list because they refused is no opt-out of anybody's."""
    removed_by_a_manager(scene)

    counts: Counter[str] = Counter()
    for _ in range(200):
        counts += scene.run_later()

    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.cause) == (False, "opt_1")
    assert counts["opted_out_here"] == 0
    assert counts["kept_there"] > 100


def test_an_entry_of_ours_that_was_made_after_the_removal_and_is_kept_undoes_nothing(
    scene: Scene,
) -> None:
    """The put was under way while the manager removed: it is newer, and still our own echo."""
    scene.is_listed(listed(DAY_S + 120, by_person=False))
    scene.theirs.kept_for_good.add(PHONE)
    scene.clock.sleep(120)
    scene.happens(START, DAY_S + 119)

    for _ in range(20):
        scene.run_later()

    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert not standing.opted_out


def test_a_provider_that_refuses_is_asked_again_ever_more_seldom(scene: Scene) -> None:
    removed_by_a_manager(scene)
    tries = []

    for _ in range(24 * 4 * 16):
        if scene.run_later()["opt_in_refused_there"]:
            tries.append(scene.clock.now())

    hours = [round((b - a) / timedelta(hours=1)) for a, b in pairwise(tries)]
    assert hours == [1, 2, 4, 8, 16, 32, 64, 128]
    standing = scene.consents.of(PHONE)
    assert standing is not None
    assert [(kept.list, kept.tries) for kept in standing.kept_by] == [(LIST, 9)]


def test_a_number_that_is_let_go_after_all_is_taken_off_with_the_next_try(scene: Scene) -> None:
    removed_by_a_manager(scene)
    scene.run_later()

    scene.theirs.kept_for_good.clear()
    counts = scene.run_later(3600)

    assert (counts["taken_off_there"], scene.theirs.entries) == (1, {})


def test_a_stop_to_the_provider_after_a_refusal_opts_out_here(scene: Scene) -> None:
    removed_by_a_manager(scene)
    scene.run_later()
    scene.clock.sleep(60)
    scene.is_listed(ListedOptOut(phone=PHONE, since=scene.clock.now(), by_person=True))

    assert scene.run_later()["opted_out_here"] == 1


def test_each_list_has_its_share_of_a_run_whatever_the_ones_before_it_took(scene: Scene) -> None:
    world = Mirroring(
        consents=scene.consents,
        news=FakeNews(scene.consents),
        states=scene.states,
        clock=scene.clock,
        deadline=scene.clock.monotonic() + 90,
    )
    shares = []

    for share in fair_shares(world, 3):
        shares.append(share.deadline - scene.clock.monotonic())
        # The first ends at once, the second takes a little more than it may.
        scene.clock.sleep({1: 0, 2: 50}.get(len(shares), 0))

    assert shares == [30, 45, 40]


def test_many_numbers_that_the_provider_keeps_do_not_hold_up_the_list(scene: Scene) -> None:
    scene.theirs.page_size = 100
    for n in range(350):
        scene.consents.opt_in(replace(an_event(START, 9, "SM2"), phone=number(n)))
        scene.is_listed(listed(5, phone=number(n)))
        scene.theirs.kept_for_good.add(number(n))
    scene.is_listed(listed(5, phone=number(999)))
    scene.none_is_news()

    first, second = scene.run_later(), scene.run_later()

    assert (first["opt_in_refused_there"], first["opted_out_here"]) == (200, 0)
    assert (second["opt_in_refused_there"], second["opted_out_here"]) == (150, 1)


def test_what_was_read_too_early_is_looked_at_again(scene: Scene) -> None:
    scene.is_listed(listed(DAY_S, by_person=False))
    scene.consents.read_behind = True
    scene.happens(START, DAY_S - 1)

    counts = scene.run()

    assert (counts["opted_out_here"], counts["taken_off_there"]) == (0, 0)


def test_a_start_whose_note_was_lost_is_found_at_the_list_itself(scene: Scene) -> None:
    scene.is_listed(listed(5))
    scene.run()
    scene.consents.opt_in(an_event(START, 9, "SM2"))

    scene.run_later()

    assert scene.theirs.entries == {}


def test_an_opt_out_that_the_news_missed_is_put_there_within_a_week(scene: Scene) -> None:
    scene.run()
    scene.consents.opt_out(an_event(STOP, 1, "SM1"))
    scene.none_is_news()

    scene.run_later()
    assert scene.theirs.entries == {}

    scene.run_later(ROUND_EVERY.total_seconds())
    assert set(scene.theirs.entries) == {PHONE}


def test_a_new_list_gets_all_that_we_have_in_pieces(scene: Scene) -> None:
    for n in range(450):
        scene.consents.opt_out(replace(an_event(STOP, 1, "SM1"), phone=number(n)))
    scene.none_is_news()

    put = []
    for _ in range(4):
        put.append(scene.run_later()["put_there"])

    assert put == [200, 200, 50, 0]
    assert len(scene.theirs.entries) == 450


def test_a_number_of_which_the_provider_will_not_be_asked_holds_up_nobody(scene: Scene) -> None:
    scene.theirs.no_numbers.add(number(1))
    scene.happens(START, 9, phone=number(1))
    scene.happens(STOP, 9, phone=number(2))

    scene.run_later()

    assert set(scene.theirs.entries) == {number(2)}


def test_a_number_that_is_none_for_the_provider_holds_up_nobody(scene: Scene) -> None:
    scene.theirs.no_numbers.add(number(1))
    for n in (1, 2):
        scene.happens(STOP, 1, phone=number(n))

    counts = scene.run_later()

    assert set(scene.theirs.entries) == {number(2)}
    assert counts["not_taken_there"] >= 1


def test_a_flood_of_news_comes_before_the_comparison(scene: Scene) -> None:
    for n in range(250):
        scene.happens(STOP, 1, phone=number(n))

    scene.run_later()
    assert "page" not in scene.theirs.calls
    assert len(scene.theirs.entries) == 200

    scene.run_later()
    assert "page" in scene.theirs.calls
    assert len(scene.theirs.entries) == 250


# What breaks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Throttled("Slow.", retry_after_s=1), Unavailable("Gone."), NotFound("None.")]
)
def test_a_run_that_the_provider_ends_goes_on_where_it_stopped(
    scene: Scene, error: Throttled | Unavailable | NotFound
) -> None:
    for n in range(5):
        scene.happens(STOP, 1, phone=number(n))
    scene.theirs.refusal, scene.theirs.calls_left = error, 3

    with pytest.raises(type(error)):
        scene.run_later()
    assert set(scene.theirs.entries) == {number(n) for n in range(3)}

    scene.theirs.refusal = None
    scene.run_later()
    assert [call for call in scene.theirs.calls if call.startswith("put")][:2] == [
        f"put {number(3)}",
        f"put {number(4)}",
    ]


@pytest.mark.parametrize("calls", range(12))
def test_a_run_may_die_at_any_call_and_the_next_ones_repair_it(scene: Scene, calls: int) -> None:
    scene.happens(STOP, 1, phone=number(1))
    scene.happens(START, 9, phone=number(2))
    scene.is_listed(listed(5, phone=number(2)), listed(5, phone=number(3)))
    scene.consents.opt_out(replace(an_event(STOP, 1, "SM4"), phone=number(4)))
    scene.theirs.refusal, scene.theirs.calls_left = RunKilled("Killed."), calls

    try:
        scene.run_later()
    except RunKilled:
        # A killed run keeps nothing of how far it came.
        scene.states.states.clear()
    scene.theirs.refusal = None
    scene.run_later()
    scene.run_later()

    assert set(scene.theirs.entries) == {number(1), number(3), number(4)}
    out = {phone: one.opted_out for phone, one in scene.consents.standing.items()}
    assert out == {number(1): True, number(2): False, number(3): True, number(4): True}


class RunKilled(Unavailable):
    """The end of a process, as far as a fake can bring it about."""


def test_a_run_ends_in_time_in_the_middle_of_a_page(scene: Scene) -> None:
    scene.theirs.page_size = 100
    scene.is_listed(*(listed(5, phone=number(n)) for n in range(50)))

    counts = scene.run(deadline=scene.clock.monotonic())

    assert (counts["opted_out_here"], scene.state) == (1, MirrorState())


def test_a_run_ends_in_time_and_keeps_how_far_it_came(scene: Scene) -> None:
    for n in range(5):
        scene.happens(STOP, 1, phone=number(n))
    scene.clock.sleep(900)

    scene.run(deadline=scene.clock.monotonic())

    assert len(scene.theirs.entries) == 1
    assert scene.state.told_until.endswith(number(0))


# Any life ------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Something that the person writes, *wait_s* after what they wrote before."""

    what: str
    wait_s: int
    # How long after it was written it is committed here.
    late_s: int = 0


# With these times a START is written before the run that puts its STOP on the list, and
# committed so shortly before the next run that its note is not told in that one.
STEPS = [
    Step(what, wait_s, late_s)
    for wait_s in (30, 860)
    for what, late_s in [
        *(("stop", 0), ("stop", 880), ("start", 0), ("start", 880)),
        *(("stop, not noted", 0), ("start, not noted", 0), ("stop there", 0)),
    ]
]


@pytest.mark.parametrize(
    "first", STEPS, ids=lambda step: f"{step.what}-{step.wait_s}-{step.late_s}"
)
def test_in_the_end_both_sides_say_what_the_person_said_last(first: Step) -> None:
    for life in ((first, *more) for n in range(3) for more in product(STEPS, repeat=n)):
        scene, says_stop = lived(life)

        standing = scene.consents.of(PHONE)
        out_here = standing is not None and standing.opted_out
        assert (out_here, PHONE in scene.theirs.entries) == (says_stop, says_stop), life


def lived(life: Sequence[Step]) -> tuple[Scene, bool]:
    """Return how it stands two weeks after *life*, and whether the last word was STOP."""
    clock = FakeClock()
    scene = Scene(clock, FakeConsents(clock.now), FakeMirrorStates(), FakeOptOutList(clock))
    pending: list[tuple[float, Suppression]] = []
    for number, step in enumerate(life):
        pass_time(scene, step.wait_s, pending)
        event = Suppression(
            phone=PHONE,
            opted_out=step.what.startswith("stop"),
            event_at=clock.now(),
            source="keyword",
            cause=f"SM{number}",
        )
        if step.what == "stop there":
            scene.is_listed(ListedOptOut(phone=PHONE, since=clock.now(), by_person=True))
        elif "not noted" in step.what:
            (scene.consents.opt_out if event.opted_out else scene.consents.opt_in)(event)
        else:
            pending.append((clock.monotonic() + step.late_s, event))
    pass_time(scene, 3 * 3600, pending)
    for _ in range(2):
        clock.sleep(ROUND_EVERY.total_seconds())
        pass_time(scene, 900, pending)
    return scene, event.opted_out


def pass_time(scene: Scene, seconds: float, pending: list[tuple[float, Suppression]]) -> None:
    """Let the runs of every quarter hour, and what is committed late, happen in their order."""
    until = scene.clock.monotonic() + seconds
    while True:
        now = scene.clock.monotonic()
        run_at = (now // 900 + 1) * 900
        commit_at, event = min(pending, key=lambda one: one[0], default=(until + 1, None))
        if min(run_at, commit_at) > until:
            scene.clock.sleep(until - now)
            return
        scene.clock.sleep(min(run_at, commit_at) - now)
        if event is None or run_at < commit_at:
            scene.run()
            continue
        pending.remove((commit_at, event))
        (scene.consents.opt_out if event.opted_out else scene.consents.opt_in)(event)
