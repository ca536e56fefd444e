"""Short links found and clicks counted, the same for the fake and the real tables (M6)."""

import pytest

from carillon.domain.clicks import MOST_COUNTED, Click, Clicker, Machine
from carillon.domain.message import RowRef, step_key
from carillon.domain.short_links import Link, LinkedCampaign, campaign_code
from tests.support.messages import KEY, LEAD, Messages, a_claim, a_reply, after, submit
from tests.support.sending import a_campaign
from tests.support.stores import Stores

LINKS = (Link("offer", "https://example.com/a"), Link("terms", "https://example.com/b"))
LINKED = LinkedCampaign(id="cmp_a", parts=1, links=LINKS, link_key="k" * 32)
CODE = campaign_code("cmp_a")


def a_click(click_id: str = "request-1", number: int = 0, at_s: float = 60) -> Click:
    return Click(LEAD, number, click_id, after(at_s))


def a_machines(click_id: str, number: int = 0) -> Click:
    return Click(LEAD, number, click_id, after(2), Machine.HEAD)


def clicked_at(messages: Messages) -> object:
    row = messages.answer(LEAD)
    return row and row.clicked_at


def test_a_launched_campaign_is_found_by_its_codes(stores: Stores) -> None:
    stores.keep_campaign(a_campaign(links=LINKS, link_key="k" * 32))

    assert list(stores.clicks.campaigns(CODE)) == [LINKED]
    assert list(stores.clicks.campaigns("00000" if CODE != "00000" else "00001")) == []


def test_what_was_found_is_kept_until_it_is_asked_for_anew(stores: Stores) -> None:
    assert list(stores.clicks.campaigns(CODE)) == []

    stores.keep_campaign(a_campaign(links=LINKS, link_key="k" * 32))

    assert list(stores.clicks.campaigns(CODE)) == []
    assert list(stores.clicks.campaigns(CODE, fresh=True)) == [LINKED]


def test_a_campaign_without_a_key_has_no_short_links(stores: Stores) -> None:
    stores.keep_campaign(a_campaign(links=LINKS))

    assert list(stores.clicks.campaigns(CODE)) == []


def test_leads_are_found_by_the_first_digits_of_their_keys(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)
    other = RowRef("cmp_a#00000", ("0" if KEY[0] != "0" else "1") + KEY[1:])
    submit(stores.messages, a_claim("claim-2", other), 1)

    assert list(stores.clicks.clickers(LINKED, KEY[:6])) == [Clicker(LEAD, after(1))]


def test_of_a_leads_rows_only_its_own_is_a_clicker(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)
    follow_up = RowRef(LEAD.pk, step_key(KEY, 1))
    submit(stores.messages, a_claim("claim-2", follow_up, step=1), 90)
    stores.messages.note_outbound(LEAD, after(90))
    inbound = RowRef(LEAD.pk, f"{KEY}#in#SM9")
    stores.messages.record_inbound(inbound, a_reply(), keyword="", office_id="off_north")

    # And the time is that of the last message, which may have brought the link.
    assert list(stores.clicks.clickers(LINKED, KEY[:6])) == [Clicker(LEAD, after(90))]


def test_before_the_acceptance_is_noted_the_claim_tells_the_time(stores: Stores) -> None:
    stores.messages.claim(a_claim())

    assert list(stores.clicks.clickers(LINKED, KEY[:6])) == [Clicker(LEAD, after(0))]


def test_a_campaign_without_an_audience_has_no_clickers(stores: Stores) -> None:
    unplanned = LinkedCampaign(id="cmp_a", parts=0, links=LINKS, link_key="k" * 32)

    assert list(stores.clicks.clickers(unplanned, KEY[:6])) == []


def test_a_persons_first_click_is_kept_with_its_time_and_all_are_counted(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.clicks.note(a_click("request-1", at_s=60))
    stores.clicks.note(a_click("request-2", at_s=70))
    stores.clicks.note(a_click("request-3", number=1, at_s=80))

    row = stores.row(LEAD)
    assert row is not None
    assert (row["clicks_0"], row["clicks_1"]) == (2, 1)
    assert clicked_at(stores.messages) == after(60)
    assert row["status"] == "submitted"


def test_the_same_click_again_counts_once(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.clicks.note(a_click("request-1"))
    stores.clicks.note(a_click("request-1"))

    row = stores.row(LEAD)
    assert row is not None
    assert row["clicks_0"] == 1


def test_a_machines_opening_is_no_click_of_the_persons(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.clicks.note(a_machines("request-1"))
    stores.clicks.note(a_machines("request-2", number=1))

    row = stores.row(LEAD)
    assert row is not None
    assert (row["machine_clicks_0"], row["machine_clicks_1"]) == (1, 1)
    assert clicked_at(stores.messages) is None
    assert "clicks_0" not in row


def test_nobody_can_count_more_than_so_many_clicks_of_a_link(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    for number in range(MOST_COUNTED + 3):
        stores.clicks.note(a_click(f"request-{number}"))

    row = stores.row(LEAD)
    assert row is not None
    assert row["clicks_0"] == MOST_COUNTED


def test_a_click_makes_no_row_where_there_is_none(stores: Stores) -> None:
    stores.clicks.note(a_click())

    assert stores.row(LEAD) is None


def test_the_gate_sees_that_a_person_has_clicked(stores: Stores) -> None:
    """M3: right before a follow-up that is only for those who have not."""
    submit(stores.messages, a_claim(), 1)
    asked = {"phone": "+12025550142", "campaign_id": "cmp_a", "sender_id": "snd_a", "lead": LEAD}

    assert not stores.gate.look(**asked).has_clicked  # type: ignore[arg-type]  # a table of arguments
    stores.clicks.note(a_machines("request-1"))
    assert not stores.gate.look(**asked).has_clicked  # type: ignore[arg-type]  # a table of arguments
    stores.clicks.note(a_click("request-2"))
    assert stores.gate.look(**asked).has_clicked  # type: ignore[arg-type]  # a table of arguments


@pytest.mark.parametrize("number", [0, 9, 15])
def test_every_link_of_a_campaign_has_counts_of_its_own(stores: Stores, number: int) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.clicks.note(a_click(number=number))

    row = stores.row(LEAD)
    assert row is not None
    assert row[f"clicks_{number}"] == 1
