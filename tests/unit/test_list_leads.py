"""Leads page by page: nobody twice, nobody left out, what it may cost, and whose numbers show."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.lead import LeadStatus
from carillon.domain.lead_list import LeadGroup, ListedLead
from carillon.domain.listing import Position
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.usecases.list_leads import QUERIES, ROWS_A_QUERY, LeadListWorld, list_leads
from tests.support.counters import CAMPAIGN, NOON, OFFICE, FakeCatalogue, StillClock, a_campaign
from tests.support.lead_pages import FakeLeadPages, a_key, a_listed_lead

MANAGER = Access(Caller("usr_1", Role.MANAGER, frozenset({OFFICE})), Scope.OWN)
ANALYST = Access(Caller("usr_2", Role.ANALYST, frozenset({OFFICE})), Scope.OWN)
STRANGER = Access(Caller("usr_3", Role.MANAGER, frozenset({"off_2"})), Scope.OWN)
GRACE = timedelta(seconds=60)


def a_world(pages: FakeLeadPages, *, parts: int = 1) -> LeadListWorld:
    return LeadListWorld(
        leads=pages,
        catalogue=FakeCatalogue(a_campaign(parts=parts)),
        clock=StillClock(),
        grace=GRACE,
    )


def listed(
    *leads: ListedLead,
    access: Access = MANAGER,
    limit: int = 50,
    position: Position | None = None,
    **query: str,
) -> list[dict[str, Any]]:
    """Return the first page's items of a campaign of one part."""
    world = a_world(FakeLeadPages(leads))
    answer, _ = list_leads(CAMPAIGN, query, access, world, limit=limit, position=position)
    items: list[dict[str, Any]] = answer["items"]
    return items


def walked(world: LeadListWorld, query: dict[str, str], limit: int) -> list[list[str]]:
    """Return the keys of every page from the first to the last."""
    pages: list[list[str]] = []
    position: Position | None = None
    while position is not None or not pages:
        answer, position = list_leads(
            CAMPAIGN, query, MANAGER, world, limit=limit, position=position
        )
        pages.append([item["key"] for item in answer["items"]])
    return pages


STATES: list[tuple[LeadGroup, dict[str, Any]]] = [
    (
        LeadGroup.AMBIGUOUS,
        {"status": LeadStatus.CLAIMED, "claimed_at": NOON - GRACE - timedelta(seconds=1)},
    ),
    (LeadGroup.CLAIMED, {"status": LeadStatus.CLAIMED, "claimed_at": NOON - GRACE}),
    (LeadGroup.RETRYING, {"status": LeadStatus.RETRYING}),
    (LeadGroup.SUBMITTED, {"status": LeadStatus.SUBMITTED}),
    (LeadGroup.DELIVERED, {"status": LeadStatus.DELIVERED}),
    (LeadGroup.UNCONFIRMED, {"status": LeadStatus.UNCONFIRMED}),
    (LeadGroup.FAILED, {"status": LeadStatus.FAILED}),
    (LeadGroup.SUPPRESSED, {"status": LeadStatus.SUPPRESSED}),
    (LeadGroup.PARTIAL, {"status": LeadStatus.DELIVERED, "steps_left": 1}),
]
# A group that holds more than its own state's example.
WIDER = {
    LeadGroup.CLAIMED: {LeadGroup.AMBIGUOUS, LeadGroup.CLAIMED},
    LeadGroup.DELIVERED: {LeadGroup.DELIVERED, LeadGroup.PARTIAL},
}


@pytest.mark.parametrize("group", LeadGroup)
def test_a_group_shows_exactly_its_leads(group: LeadGroup) -> None:
    leads = [a_listed_lead(number, **fields) for number, (_, fields) in enumerate(STATES)]

    items = listed(*leads, status=group.value)

    wanted = WIDER.get(group, {group})
    assert [item["key"] for item in items] == [
        a_key(number) for number, (own, _) in enumerate(STATES) if own in wanted
    ]


def test_a_failed_lead_before_its_follow_ups_is_not_partial() -> None:
    failed = a_listed_lead(status=LeadStatus.FAILED, steps_left=2)

    assert listed(failed, status="partial") == []


def test_leads_are_found_by_sender_and_reason_together() -> None:
    """T9: filters add up."""
    failed = {"status": LeadStatus.FAILED, "error_code": "30003"}
    leads = [
        a_listed_lead(1, **failed),
        a_listed_lead(2, **failed, sender_id="snd_2"),
        a_listed_lead(3, **{**failed, "error_code": "30007"}, sender_id="snd_2"),
        # The code of an earlier attempt is no reason of where the lead stands now.
        a_listed_lead(4, error_code="30003", sender_id="snd_2"),
    ]

    items = listed(*leads, sender_id="snd_2", reason="30003")

    assert [item["key"] for item in items] == [a_key(2)]


def test_a_lead_is_shown_with_its_last_action_and_its_reason_in_words() -> None:
    """T9, R5: sender, status, last action, and the reason in words."""
    lead = a_listed_lead(
        7,
        status=LeadStatus.FAILED,
        error_code="30007",
        attempts=3,
        variant="b",
        last_action_at=NOON + timedelta(minutes=5),
    )

    assert listed(lead) == [
        {
            "key": a_key(7),
            "phone": "+12025550007",
            "status": "failed",
            "ambiguous": False,
            "partial": False,
            "sender_id": "snd_1",
            "last_action_at": "2026-11-22T12:05:00.000Z",
            "attempts": 3,
            "variant": "b",
            "steps_left": 0,
            "reason": {
                "code": "30007",
                "reason": "The carrier filtered the message as unwanted.",
                "advice": "Review message for spam triggers.",
            },
        }
    ]


def test_an_analyst_sees_four_digits_of_a_number() -> None:
    (shown,) = listed(a_listed_lead(7), access=ANALYST)
    (erased,) = listed(a_listed_lead(8, phone=None), access=ANALYST)

    assert shown["phone"] == "***0007"
    assert erased["phone"] is None


@pytest.mark.parametrize(
    ("role", "whole"),
    [
        (Role.ADMIN, True),
        (Role.MANAGER, True),
        (Role.ANALYST, False),
        (Role.AGENT, False),
        (Role.LIMITED, False),
    ],
)
def test_whole_numbers_are_for_whom_contact_lists_are(role: Role, whole: bool) -> None:
    access = Access(Caller("usr_1", role, frozenset({OFFICE})), Scope.OWN)

    (shown,) = listed(a_listed_lead(7), access=access)

    assert shown["phone"] == ("+12025550007" if whole else "***0007")


@pytest.mark.parametrize("campaign_id", [CAMPAIGN, "cmp_absent"])
def test_leads_of_another_office_s_campaign_look_like_an_absent_one_s(campaign_id: str) -> None:
    world = a_world(FakeLeadPages([a_listed_lead()]))

    with pytest.raises(NotFound) as refused:
        list_leads(campaign_id, {}, STRANGER, world, limit=10, position=None)

    assert refused.value.code == "campaign_not_found"


@settings(deadline=None)
@given(
    numbers=st.sets(st.integers(0, 255), max_size=60),
    others=st.sets(st.integers(0, 255), max_size=20),
    parts=st.integers(1, 20),
    limit=st.integers(1, 25),
    group=st.sampled_from((None, LeadGroup.FAILED)),
)
def test_every_lead_is_on_exactly_one_page(
    numbers: set[int], others: set[int], parts: int, limit: int, group: LeadGroup | None
) -> None:
    """T9: pages lose and repeat nobody."""
    states = (LeadStatus.FAILED, LeadStatus.DELIVERED)
    leads = [a_listed_lead(number, status=states[number % 2]) for number in numbers]
    replies = [f"{a_key(number)}#in#SM{number}" for number in others]
    world = a_world(FakeLeadPages(leads, parts=parts, others=replies), parts=parts)

    pages = walked(world, {"status": group.value} if group else {}, limit)

    shown = sorted(number for number in numbers if group is None or number % 2 == 0)
    assert [key for page in pages for key in page] == [a_key(number) for number in shown]
    assert all(len(page) <= limit for page in pages)


def test_one_request_reads_a_bounded_number_of_rows_and_may_find_nothing() -> None:
    """F9: no call of the API grows with the audience."""
    leads = [a_listed_lead(number) for number in range(256)]
    pages = FakeLeadPages([*leads[:-1], a_listed_lead(255, status=LeadStatus.FAILED)], parts=20)
    world = a_world(pages, parts=20)

    answer, position = list_leads(
        CAMPAIGN, {"status": "failed"}, MANAGER, world, limit=50, position=None
    )

    assert answer["items"] == []
    assert position == {"campaign": CAMPAIGN, "part": str(QUERIES)}
    assert pages.queries == [(part, ROWS_A_QUERY) for part in range(QUERIES)]


def test_without_a_filter_no_more_rows_are_read_than_asked_for() -> None:
    pages = FakeLeadPages([a_listed_lead(number) for number in range(256)])

    list_leads(CAMPAIGN, {}, MANAGER, a_world(pages), limit=10, position=None)

    assert pages.queries == [(0, 10)]


def test_a_campaign_without_leads_has_one_empty_page() -> None:
    world = a_world(FakeLeadPages([]), parts=0)

    answer, position = list_leads(CAMPAIGN, {}, MANAGER, world, limit=10, position=None)

    assert (answer["items"], position) == ([], None)
    assert answer["as_of"] == "2026-11-22T12:00:00.000Z"


@pytest.mark.parametrize(
    "position",
    [
        {"pk": "CMP#cmp_1", "sk": "CMP"},
        {"campaign": "cmp_2", "part": "0"},
        {"campaign": CAMPAIGN, "part": "-1"},
        {"campaign": CAMPAIGN},
        {"campaign": CAMPAIGN, "part": "0", "after": "CKPT"},
        {"campaign": CAMPAIGN, "part": "0", "after": f"{a_key(1)}#in#{'x' * 201}"},
        {"campaign": CAMPAIGN, "part": "0", "more": "x"},
    ],
)
def test_a_position_of_another_listing_is_refused(position: Position) -> None:
    with pytest.raises(InvalidInput) as refused:
        listed(position=position)

    assert (refused.value.code, refused.value.field) == ("cursor_invalid", "cursor")


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        listed(status="pending")

    assert refused.value.field == "status"
