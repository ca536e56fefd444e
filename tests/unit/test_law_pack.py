import json
from datetime import date
from importlib.resources import files

import pytest

from carillon.domain.hours import ALL_DAY
from carillon.domain.law_pack import LawPack, Rule, lowest, open_spans, rules_of, shipped_pack
from carillon.domain.optout import Keyword, classify

TODAY = date(2026, 7, 15)  # a Wednesday
MONDAY = 13


def hours(*jurisdictions: str, on: date = TODAY) -> list[tuple[int, int]]:
    """Return the open local hours, whole ones."""
    spans = open_spans(shipped_pack().rules_for(jurisdictions, on), on)
    assert all(minute % 60 == 0 for span in spans for minute in span)
    return [(start // 60, end // 60) for start, end in spans]


def caps(*jurisdictions: str, on: date = TODAY) -> int | None:
    rules = shipped_pack().rules_for(jurisdictions, on)
    return lowest(rule.max_contacts_per_24h for rule in rules)


@pytest.mark.parametrize(
    ("jurisdiction", "weekdays", "saturday", "sunday", "cap"),
    [
        # 47 CFR 64.1200(c)(1): from 8 a.m. to 9 p.m., every day.
        ("US", (8, 21), (8, 21), (8, 21), None),
        ("US-NY", (8, 21), (8, 21), (8, 21), None),
        # Fla. Stat. 501.616(6); Okla. Stat. 15-775C; Md. Com. Law 14-4502: to 8 p.m., thrice.
        ("US-FL", (8, 20), (8, 20), (8, 20), 3),
        ("US-OK", (8, 20), (8, 20), (8, 20), 3),
        ("US-MD", (8, 20), (8, 20), (8, 20), 3),
        # Conn. Gen. Stat. 42-288a: from 9 a.m. to 8 p.m.
        ("US-CT", (9, 20), (9, 20), (9, 20), None),
        # Tex. Bus. & Com. Code 301.051: from 9 a.m., on Sundays from noon, to 9 p.m.
        ("US-TX", (9, 21), (9, 21), (12, 21), None),
        # Va. Code 59.1-511: from 8 a.m. to 9 p.m.
        ("US-VA", (8, 21), (8, 21), (8, 21), None),
        ("US-NJ", (8, 21), (8, 21), (8, 21), 3),
        # House rules.
        ("GB", (8, 20), (8, 20), (8, 20), None),
        ("JE", (8, 20), (8, 20), (8, 20), None),
        ("DE", (8, 20), (8, 20), (8, 20), None),
        ("FR", (8, 20), (8, 20), (8, 20), None),
        ("CA", (8, 21), (8, 21), (8, 21), None),
        ("JM", (8, 21), (8, 21), (8, 21), None),
        ("NP", (8, 21), (8, 21), (8, 21), None),
    ],
)
def test_each_place_has_the_hours_and_the_cap_of_its_rules(
    jurisdiction: str,
    weekdays: tuple[int, int],
    saturday: tuple[int, int],
    sunday: tuple[int, int],
    cap: int | None,
) -> None:
    """L1: hours and caps by place, each from its statute."""
    federal = ("US",) if jurisdiction.startswith("US-") else ()

    week = [hours(jurisdiction, *federal, on=date(2026, 7, MONDAY + day)) for day in range(7)]

    assert week == [[weekdays]] * 5 + [[saturday], [sunday]]
    assert caps(jurisdiction, *federal) == cap


def test_two_states_leave_only_what_both_allow() -> None:
    assert hours("US", "US-TX", "US-FL", on=date(2026, 7, 19)) == [(12, 20)]
    assert hours("US", "US-CT", "US-TX") == [(9, 20)]
    assert caps("US", "US-TX", "US-FL") == 3


def test_an_unknown_state_is_bound_by_the_rules_of_all() -> None:
    assert hours("US", "US-*") == [(9, 20)]
    assert hours("US", "US-*", on=date(2026, 7, 19)) == [(12, 20)]
    assert caps("US", "US-*") == 3


def test_the_rules_of_one_country_do_not_bind_another() -> None:
    assert hours("CA", "CA-*") == [(8, 21)]
    assert caps("CA", "CA-*") is None


@pytest.mark.parametrize(
    ("jurisdiction", "first_day", "before", "since"),
    [
        ("US-FL", date(2021, 7, 1), [(8, 21)], [(8, 20)]),
        ("US-OK", date(2022, 11, 1), [(8, 21)], [(8, 20)]),
        ("US-MD", date(2024, 1, 1), [(8, 21)], [(8, 20)]),
        ("US-CT", date(2023, 10, 1), [(8, 21)], [(9, 20)]),
    ],
)
def test_a_statute_binds_from_the_day_it_takes_effect(
    jurisdiction: str,
    first_day: date,
    before: list[tuple[int, int]],
    since: list[tuple[int, int]],
) -> None:
    """L1: rules are dated."""
    day_before = date.fromordinal(first_day.toordinal() - 1)

    assert hours("US", jurisdiction, on=day_before) == before
    assert hours("US", jurisdiction, on=first_day) == since


FCC_WORDS = {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"}
CTIA_WORDS = {"stop", "end", "unsubscribe", "cancel", "quit"}


def test_the_words_of_the_fcc_and_of_the_carriers_opt_out() -> None:
    words = shipped_pack().keywords(("US",), TODAY)

    assert words == FCC_WORDS | CTIA_WORDS


def test_before_the_fccs_rule_only_the_carriers_words_are_in_the_pack() -> None:
    assert shipped_pack().keywords(("US",), date(2025, 4, 10)) == CTIA_WORDS


@pytest.mark.parametrize("word", sorted(FCC_WORDS | CTIA_WORDS))
def test_every_word_of_the_pack_opts_out_when_someone_replies_with_it(word: str) -> None:
    assert classify(word) is Keyword.STOP


def test_the_deadlines_of_an_opt_out_are_in_the_pack() -> None:
    rules = shipped_pack().rules_for(("US",), TODAY)

    # 47 CFR 64.1200(a)(12) and (a)(10): five minutes; ten business days.
    assert shipped_pack().confirmation_within_s(("US",), TODAY) == 300
    assert lowest(rule.honour_within_business_days for rule in rules) == 10


@pytest.mark.parametrize(
    ("jurisdictions", "on", "years"),
    [
        # 47 CFR 64.1200(d)(6): five years. Va. Code 59.1-514 since 2026: ten.
        (("US",), TODAY, 5),
        (("US", "US-VA"), TODAY, 10),
        (("US", "US-VA"), date(2025, 12, 31), 5),
        (("US", "US-*"), TODAY, 10),
        (("DE",), TODAY, None),
    ],
)
def test_an_opt_out_is_kept_as_long_as_the_strictest_rule_asks(
    jurisdictions: tuple[str, ...], on: date, years: int | None
) -> None:
    assert shipped_pack().retention_years(jurisdictions, on) == years


def documents() -> list[dict[str, object]]:
    folder = files("carillon.domain") / "law"
    return [json.loads(file.read_text("utf-8")) for file in folder.iterdir()]


def test_every_file_says_that_it_is_not_legal_advice() -> None:
    assert {document["note"] for document in documents()} == {"Not legal advice."}


@pytest.mark.parametrize("rule", shipped_pack().rules, ids=lambda rule: rule.id)
def test_every_rule_has_its_source_and_says_what_it_says(rule: Rule) -> None:
    """L1: each with its source."""
    assert rule.source
    assert rule.source_url.startswith("https://")
    assert rule.summary.endswith(".")
    assert rule.week or rule.keywords or rule.confirmation_within_s or rule.retention_years


def test_what_no_statute_says_is_marked_as_a_house_rule() -> None:
    marked = {rule.id for rule in shipped_pack().rules if "ouse rule" in rule.source}

    assert marked == {"everywhere-hours", "gb-hours", "eu-hours", "us-nj-contacts"}


def test_no_two_rules_have_one_name() -> None:
    names = [rule.id for rule in shipped_pack().rules]

    assert len(set(names)) == len(names)


def test_no_rule_of_the_pack_is_looser_than_nothing() -> None:
    """Even in a place that no file names, nobody is texted at night."""
    assert hours() == [(8, 21)]


A_RULE = {
    "id": "xx", "summary": "A rule.", "source": "A statute", "source_url": "https://example.org",
    "valid_from": "2026-01-01",
}  # fmt: skip


def test_a_rule_that_names_no_hours_leaves_them_open() -> None:
    rules = rules_of({"jurisdiction": "XX", "rules": [A_RULE]})

    assert open_spans(rules, TODAY) == ALL_DAY


def test_a_rule_is_over_on_its_last_day() -> None:
    rule = A_RULE | {"valid_to": "2026-07-15", "days": {}}
    pack = LawPack(tuple(rules_of({"jurisdiction": "XX", "rules": [rule]})))

    assert [r.id for r in pack.rules_for(("XX",), date(2026, 7, 14))] == ["xx"]
    assert pack.rules_for(("XX",), date(2026, 7, 15)) == []


def test_a_misspelt_rule_is_refused_and_not_read_as_no_rule() -> None:
    with pytest.raises(ValueError, match="xx: unknown max_contact"):
        rules_of({"jurisdiction": "XX", "rules": [A_RULE | {"max_contact": 3}]})
