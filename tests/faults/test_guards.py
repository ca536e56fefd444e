"""The table of guards is about the code as it stands."""

import ast
from dataclasses import replace

import pytest

from tests.faults.guards import GUARDS, Guard
from tests.faults.mutation import ROOT, Ended, Task, matches, verdict_on

BY_NAME = {guard.name: guard for guard in GUARDS}


def test_every_guard_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(GUARDS)


@pytest.mark.parametrize("guard", GUARDS, ids=BY_NAME)
def test_a_guards_text_stands_exactly_once_and_breaking_it_leaves_python(guard: Guard) -> None:
    assert matches(guard) == 1, "say in tests/faults/guards.py where the guard stands now"

    source = (ROOT / guard.path).read_text(encoding="utf-8")
    assert ast.parse(source.replace(guard.text, guard.broken))
    assert guard.broken != guard.text


@pytest.mark.parametrize("guard", GUARDS, ids=BY_NAME)
def test_the_tests_that_must_notice_exist(guard: Guard) -> None:
    assert all((ROOT / test).is_file() for test in guard.tests)


NOTICED = "FAILED tests/unit/test_x.py::test_it - assert 1 == 2"


@pytest.mark.parametrize(
    ("code", "output", "noticed_by", "problem"),
    [
        (1, NOTICED, "tests/unit/test_x.py::test_it", ""),
        (1, "FAILED tests/a.py::test_it[no claim]", "tests/a.py::test_it[no claim]", ""),
        (None, "", "(the tests did not end)", ""),
        (0, "3 passed", "", "nobody noticed"),
        (5, "9 deselected", "", "the tests did not run"),
        (4, "ERROR: file or directory not found", "", "the tests did not run"),
        (1, "1 error", "", "the tests did not run"),
    ],
)
def test_only_a_failing_test_counts_as_noticing(
    code: int | None, output: str, noticed_by: str, problem: str
) -> None:
    guard = GUARDS[0]

    verdict = verdict_on(guard, Ended(Task(guard.tests, guard.only, guard), code, output))

    assert verdict.noticed_by == noticed_by
    assert verdict.problem.startswith(problem)
    assert bool(verdict.problem) is not bool(verdict.noticed_by)


def test_a_guard_that_is_not_found_is_a_problem() -> None:
    verdict = verdict_on(replace(GUARDS[0], text="no such text"), None)

    assert (verdict.noticed_by, verdict.problem) == ("", "its text stands there 0 times")
