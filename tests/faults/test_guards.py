"""The table of guards is about the code as it stands."""

import ast

import pytest

from tests.faults.guards import GUARDS, Guard
from tests.faults.mutation import ROOT, matches

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
