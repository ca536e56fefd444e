"""Inbound messages, first replies, answers and attribution, fake and real alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, RowRef
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, a_run, after, submit
from tests.support.stores import Stores

INBOUND = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
ANSWER = RowRef(LEAD.pk, f"{KEY}#out#help.SMin1")
MONTH = timedelta(days=30)


def test_an_inbound_message_is_stored_once_as_it_first_came(stores: Stores) -> None:
    first = a_reply("who is this?")
    repeated = replace(first, body="again", received_at=first.received_at + timedelta(minutes=1))

    for reply in (first, repeated):
        at = stores.messages.record_inbound(INBOUND, reply, keyword="help", office_id="off_north")
        assert at == first.received_at

    assert stores.row(INBOUND) == {
        "kind": "inbound",
        "office_id": "off_north",
        "sender_id": "snd_a",
        "phone": PHONE,
        "body": "who is this?",
        "provider_id": "SMin1",
        "received_at": "2026-11-22T12:01:00.000Z",
        "keyword": "help",
    }


def test_only_the_first_reply_and_the_first_opt_out_are_noted(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.messages.note_reply(LEAD, after(10), opt_out_kind=None)
    stores.messages.note_reply(LEAD, after(20), opt_out_kind="auto")
    stores.messages.note_reply(LEAD, after(30), opt_out_kind="manual")

    row = stores.row(LEAD) or {}
    assert (row["replied_at"], row["opted_out_at"], row["opt_out_kind"]) == (
        "2026-11-22T12:00:10.000Z",
        "2026-11-22T12:00:20.000Z",
        "auto",
    )
    assert row["last_inbound_at"] == "2026-11-22T12:00:30.000Z"


def test_a_reply_to_a_lead_without_a_row_creates_none(stores: Stores) -> None:
    stores.messages.note_reply(LEAD, after(10), opt_out_kind="auto")

    assert stores.row(LEAD) is None


def test_an_answer_is_claimed_once_and_then_treated_like_any_message(stores: Stores) -> None:
    claim = a_claim("claim-1", ANSWER)

    assert stores.messages.answer(ANSWER) is None
    assert stores.messages.claim_answer(claim, purpose="help")
    assert not stores.messages.claim_answer(a_claim("claim-2", ANSWER), purpose="help")
    stores.messages.record_submitted(claim, Accepted("SM9"), after(2))

    row = stores.row(ANSWER) or {}
    assert (row["kind"], row["author"], row["purpose"]) == ("outbound", "automatic", "help")
    answer = stores.messages.answer(ANSWER)
    assert answer is not None
    assert (answer.status, answer.provider_id) == (LeadStatus.SUBMITTED, "SM9")


def test_an_answer_that_waits_is_claimed_again_without_losing_what_it_is(stores: Stores) -> None:
    first = a_claim("claim-1", ANSWER)
    stores.messages.claim_answer(first, purpose="help")
    stores.messages.record_retry(first, "503", after(2))

    assert stores.messages.claim(a_claim("claim-2", ANSWER, retry_of="claim-1", attempts=2))

    row = stores.row(ANSWER) or {}
    assert (row["kind"], row["purpose"], row["claim_id"]) == ("outbound", "help", "claim-2")


@pytest.mark.parametrize("campaigns", [2, 120])
def test_a_reply_belongs_to_the_campaign_that_wrote_last(stores: Stores, campaigns: int) -> None:
    runs = [a_run(f"cmp_{number}", parts=1 + number % 5) for number in range(campaigns)]
    newest = campaigns // 2
    for number, run in enumerate(runs):
        at_s = 10_000 if number == newest else number
        submit(stores.messages, a_claim(f"claim-{number}", run.lead_ref(KEY)), at_s)

    found = stores.messages.newest_lead(runs, KEY, after(0))

    assert found is not None
    run, row = found
    assert (run, row.claim_id) == (runs[newest], f"claim-{newest}")


def test_a_campaign_that_has_not_written_to_the_contact_is_no_candidate(stores: Stores) -> None:
    never, claimed_only, unplanned = a_run("cmp_a"), a_run("cmp_b"), a_run("cmp_c", parts=0)
    suppressed = a_run("cmp_d")
    stores.messages.claim(a_claim("claim-b", claimed_only.lead_ref(KEY)))
    fenced = a_claim("claim-d", suppressed.lead_ref(KEY))
    stores.messages.claim(fenced)
    stores.messages.record_suppressed(fenced, after(1))

    runs = [never, claimed_only, unplanned, suppressed]

    assert stores.messages.newest_lead(runs, KEY, after(-60)) is None
    assert stores.messages.newest_lead([], KEY, after(-60)) is None


def test_a_message_exactly_thirty_days_old_still_counts_and_an_older_one_does_not(
    stores: Stores,
) -> None:
    run = a_run()
    submit(stores.messages, a_claim(ref=run.lead_ref(KEY)), 0)

    assert stores.messages.newest_lead([run], KEY, after(0)) is not None
    assert stores.messages.newest_lead([run], KEY, after(0.001)) is None
    assert stores.messages.newest_lead([run], KEY, after(0) + MONTH) is None


def test_a_message_written_after_the_reply_is_not_what_it_answers(stores: Stores) -> None:
    earlier, later = a_run("cmp_a"), a_run("cmp_b")
    submit(stores.messages, a_claim("claim-a", earlier.lead_ref(KEY)), 0)
    submit(stores.messages, a_claim("claim-b", later.lead_ref(KEY)), 60)

    found = stores.messages.newest_lead([earlier, later], KEY, after(-1), after(59.999))

    assert found is not None
    assert found[0] == earlier
    assert stores.messages.newest_lead([later], KEY, after(-1), after(60)) is not None
