"""Who opted out before the ledger existed is entered there, once and as of then (O5, O6)."""

from dataclasses import replace

from carillon.domain.message import Suppression
from carillon.usecases.complete_ledger import complete_ledger
from tests.support.clock import NOON
from tests.support.messages import after, an_event
from tests.support.mirroring import FakeConsents, FakeMirrorStates


def number(n: int) -> str:
    return f"+1202555{n:04d}"


class Scene:
    """Five opt-outs and somebody who came back, none of them in the ledger."""

    def __init__(self) -> None:
        self.consents = FakeConsents(lambda: after(3600))
        self.states = FakeMirrorStates()
        for n in range(6):
            self.stand(replace(an_event(n != 3, n, f"SM{n}"), phone=number(n)))

    def stand(self, one: Suppression) -> None:
        self.consents.standing[one.phone] = one

    def run(self, rows: int = 2) -> int:
        return complete_ledger(self.consents, self.states, lambda: after(3600), rows=rows)


def test_all_who_are_out_are_entered_page_by_page_and_nobody_else() -> None:
    scene = Scene()

    entered = [scene.run() for _ in range(4)]

    assert entered == [2, 1, 2, 0]
    assert set(scene.consents.listed) == {number(n) for n in (0, 1, 2, 4, 5)}


def test_an_entry_says_when_it_was_said_and_that_it_bound_from_then() -> None:
    scene = Scene()
    scene.stand(replace(an_event(True, 1, "SM9"), phone=number(1), committed_at=after(7)))

    scene.run(rows=10)

    recorded = {
        one.phone: (one.event_at, one.recorded_at) for one in scene.consents.listed.values()
    }
    assert recorded[number(0)] == (NOON, NOON)
    assert recorded[number(1)] == (after(1), after(7))


def test_a_run_that_died_is_done_again() -> None:
    scene = Scene()
    scene.run()
    scene.states.states.clear()

    assert [scene.run(), scene.run(), scene.run()] == [0, 1, 2]


def test_once_all_are_through_nothing_is_read_any_more() -> None:
    scene = Scene()
    scene.run(rows=10)
    scene.stand(replace(an_event(True, 1, "SM9"), phone=number(9)))

    assert scene.run(rows=10) == 0
    assert number(9) not in scene.consents.listed
