"""
Every rule has a test that says so in its name or docstring, or stands in a list that shrinks.

``python -m tests.architecture.rules`` prints which tests those are.
"""

import pytest

from tests.architecture.rules import PARTLY, RULES, UNTESTED, named_in, proofs

PROOFS = proofs()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in UNTESTED])
def test_a_rule_is_named_by_a_test(rule: str) -> None:
    assert rule in PROOFS, f"No test names {rule}: {RULES[rule]}."


def test_a_rule_without_a_test_says_why() -> None:
    assert [rule for rule in UNTESTED if rule not in RULES] == []
    assert [rule for rule, why in UNTESTED.items() if not why.endswith(".")] == []


def test_a_rule_leaves_the_list_with_its_first_test() -> None:
    tested = {rule: PROOFS[rule].files() for rule in UNTESTED if rule in PROOFS}

    assert tested == {}, "Take these out of UNTESTED in tests/architecture/rules.py."


def test_what_is_kept_in_part_is_tested_in_that_part() -> None:
    assert [rule for rule in PARTLY if rule not in RULES or rule in UNTESTED] == []
    assert [rule for rule, missing in PARTLY.items() if not missing.endswith(".")] == []


def test_no_test_names_a_rule_that_there_is_not() -> None:
    assert {rule: proof.files() for rule, proof in PROOFS.items() if rule not in RULES} == {}


def test_titles_are_short_and_distinct() -> None:
    assert [rule for rule, title in RULES.items() if len(title) > 80] == []
    assert len(set(RULES.values())) == len(RULES)


def test_a_rule_is_found_in_names_and_docstrings_and_nowhere_else() -> None:
    source = '''
"""A module about waiting (F5)."""

def test_one_waits_f6_and_utf_16_is_no_rule():
    """K3: it says why; GSM-7 and /v1 are none, and no comment counts."""
    "M1"  # M2

class TestTwo:
    def test_two(self):
        pass

def not_a_test():
    """N1"""
'''

    assert list(named_in(source)) == [
        ("F5", ""),
        ("F6", "test_one_waits_f6_and_utf_16_is_no_rule"),
        ("K3", "test_one_waits_f6_and_utf_16_is_no_rule"),
    ]
