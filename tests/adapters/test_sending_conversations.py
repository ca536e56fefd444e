"""Inbound messages, first replies, answers and attribution, fake and real alike."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, RecordedReply, Reply, RowRef
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, a_run, after, submit
from tests.support.stores import Stores

INBOUND = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
ANSWER = RowRef(LEAD.pk, f"{KEY}#out#help.SMin1")
MONTH = timedelta(days=30)


def record(stores: Stores, reply: Reply, lead: RowRef = LEAD) -> RecordedReply:
    """Record *reply* in the thread of *lead*."""
    ref = RowRef(lead.pk, f"{lead.sk}#in#{reply.provider_id}")
    return stores.messages.record_inbound(ref, reply, keyword="none", office_id="off_north")


def kind(stores: Stores, provider_id: str, lead: RowRef = LEAD) -> tuple[str | None, str | None]:
    """Return the kind of a stored inbound message, and whose duplicate it is."""
    row = stores.row(RowRef(lead.pk, f"{lead.sk}#in#{provider_id}")) or {}
    return row.get("kind"), row.get("duplicate_of")


def test_an_inbound_message_is_stored_once_as_it_first_came(stores: Stores) -> None:
    first = a_reply("who is this?")
    repeated = replace(first, body="again", received_at=first.received_at + timedelta(minutes=1))

    for reply in (first, repeated):
        recorded = record(stores, reply)
        assert recorded == RecordedReply(first.received_at)

    assert stores.row(INBOUND) == {
        "kind": "inbound",
        "office_id": "off_north",
        "sender_id": "snd_a",
        "phone": PHONE,
        "body": "who is this?",
        "provider_id": "SMin1",
        "received_at": "2026-11-22T12:01:00.000Z",
        "keyword": "none",
    }


def test_the_addresses_of_what_came_along_are_kept_with_the_message(stores: Stores) -> None:
    urls = ("https://media.example.com/1", "https://media.example.com/2")

    record(stores, a_reply(media_urls=urls))

    row = stores.row(INBOUND) or {}
    assert (row["media_urls"], row["media"]) == (list(urls), {})


@pytest.mark.parametrize("apart_s", [0, 0.001, 4, 10])
def test_the_same_words_within_ten_seconds_are_kept_as_a_duplicate_of_the_first(
    stores: Stores, apart_s: float
) -> None:
    first, second = (
        a_reply("yes", "SMin1"),
        a_reply("yes", "SMin2", received_at=after(60 + apart_s)),
    )

    assert record(stores, first) == RecordedReply(after(60))
    assert record(stores, second) == RecordedReply(after(60 + apart_s), "SMin1", after(60))

    assert (kind(stores, "SMin1"), kind(stores, "SMin2")) == (
        ("inbound", None),
        ("duplicate", "SMin1"),
    )
    row = stores.row(RowRef(LEAD.pk, f"{KEY}#in#SMin2")) or {}
    assert (row["body"], row["keyword"], row["office_id"]) == ("yes", "none", "off_north")


def test_somebody_who_says_yes_again_after_twenty_seconds_has_said_it_twice(
    stores: Stores,
) -> None:
    said = [a_reply("yes", f"SMin{n}", received_at=after(60 + 20 * n)) for n in range(3)]

    recorded = [record(stores, reply) for reply in said]

    assert [one.duplicate_of for one in recorded] == [None] * 3
    assert [kind(stores, f"SMin{n}")[0] for n in range(3)] == ["inbound"] * 3


def test_repetitions_do_not_push_the_window_along(stores: Stores) -> None:
    said = [a_reply("yes", f"SMin{n}", received_at=after(60 + 6 * n)) for n in range(4)]

    recorded = [record(stores, reply) for reply in said]

    assert [one.duplicate_of for one in recorded] == [None, "SMin0", None, "SMin2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "Yes"},
        {"media_urls": ("https://media.example.com/1",)},
        {"phone": "+12025550199"},
        {"sender_id": "snd_b"},
    ],
)
def test_other_words_pictures_people_or_numbers_make_another_message(
    stores: Stores, changes: dict[str, Any]
) -> None:
    record(stores, a_reply("yes", "SMin1"))

    assert record(stores, a_reply(**{"body": "yes", "provider_id": "SMin2", **changes})) == (
        RecordedReply(after(60))
    )


@pytest.mark.parametrize("body", ["", " \n"])
def test_two_pictures_in_a_row_without_a_word_are_two(stores: Stores, body: str) -> None:
    for number in (1, 2):
        picture = (f"https://media.example.com/{number}",)
        recorded = record(stores, a_reply(body, f"SMin{number}", media_urls=picture))
        assert recorded.duplicate_of is None


def test_of_two_deliveries_the_one_that_is_stored_first_counts_whichever_came_first(
    stores: Stores,
) -> None:
    late = record(stores, a_reply("yes", "SMin2", received_at=after(63)))
    early = record(stores, a_reply("yes", "SMin1", received_at=after(60)))
    much_earlier = record(stores, a_reply("yes", "SMin0", received_at=after(40)))

    assert (late, early, much_earlier) == (
        RecordedReply(after(63)),
        RecordedReply(after(60), "SMin2", after(63)),
        RecordedReply(after(40)),
    )


def test_a_twin_is_known_although_a_campaign_wrote_in_between(stores: Stores) -> None:
    record(stores, a_reply("yes", "SMin1"))

    recorded = record(stores, a_reply("yes", "SMin2"), RowRef("cmp_b#00003", KEY))

    assert recorded.duplicate_of == "SMin1"


def test_a_redelivery_finds_its_row_as_it_was_a_duplicates_too(stores: Stores) -> None:
    first, second = a_reply("yes", "SMin1"), a_reply("yes", "SMin2", received_at=after(62))
    before = [record(stores, first), record(stores, second)]

    # By the queue with the same time, by the provider with another.
    again = [record(stores, reply) for reply in (second, first)]
    anew = [
        record(stores, replace(reply, received_at=after(60 + later)))
        for reply in (first, second)
        for later in (5, 90)
    ]

    assert again == before[::-1]
    assert anew == [before[0], before[0], before[1], before[1]]
    assert kind(stores, "SMin2") == ("duplicate", "SMin1")


def test_a_message_that_moves_to_another_thread_is_no_duplicate_of_itself(stores: Stores) -> None:
    record(stores, a_reply("yes", "SMin1"))

    moved = record(stores, a_reply("yes", "SMin1"), RowRef("cmp_b#00003", KEY))

    assert moved == RecordedReply(after(60))


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
    """I2: the newest text on the pair of numbers."""
    runs = [a_run(f"cmp_{number}", parts=1 + number % 5) for number in range(campaigns)]
    newest = campaigns // 2
    for number, run in enumerate(runs):
        at_s = 10_000 if number == newest else number
        submit(stores.messages, a_claim(f"claim-{number}", run.lead_ref(KEY)), at_s)

    found = stores.messages.newest_lead(runs, KEY, after(0))

    assert found is not None
    run, row = found
    assert (run, row.claim_id) == (runs[newest], f"claim-{newest}")


def test_what_is_written_after_a_reply_does_not_take_it_from_its_campaign(stores: Stores) -> None:
    """I2: a follow-up or an answer goes before the reply is processed, or processed again."""
    mine, earlier = a_run("cmp_mine"), a_run("cmp_earlier")
    submit(stores.messages, a_claim("claim-e", earlier.lead_ref(KEY)), 5)
    submit(stores.messages, a_claim("claim-m", mine.lead_ref(KEY)), 10)
    stores.messages.note_outbound(mine.lead_ref(KEY), after(60))

    found = stores.messages.newest_lead([earlier, mine], KEY, after(0), after(30))

    assert found is not None
    assert found[0] == mine


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
    """I2: 30 days, to the millisecond."""
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
