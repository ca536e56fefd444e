"""Files of messages, conversations, campaigns, opt-outs and failed leads (T7)."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.exports import COLUMNS, ExportKind, ExportState, FileFormat
from carillon.domain.message import Suppression
from carillon.usecases.export_data import export_data, give_up_export
from tests.support.clock import NOON
from tests.support.exporting import ANN, BEN, CLEO, ExportWorld, a_message, a_reply
from tests.support.management import OFFICE, OTHER_OFFICE, a_campaign
from tests.support.parquet_reader import read_parquet
from tests.support.sending import a_sender

MINUTE = timedelta(minutes=1)
FIRST, SECOND = "cmp_a#00000", "cmp_a#00001"


@pytest.fixture
def world() -> ExportWorld:
    made = ExportWorld()
    made.messages.put(
        FIRST,
        a_message(
            claimed_at=NOON - MINUTE,
            submitted_at=NOON,
            final_at=NOON + MINUTE,
            segments=2,
            cost_micros=7900,
            currency="USD",
            variant="A",
            attempts=1,
            provider_id="SM0",
            replied_at=NOON + MINUTE,
        ),
        a_message(suffix="#s1", kind="follow_up", step=1, at=NOON + 3 * MINUTE),
        a_reply(),
        a_message(suffix="#out#agent.1", kind="agent", text="=No", author_subject="usr_9"),
    )
    made.messages.put(
        SECOND,
        a_message(BEN, status="failed", error_code="30003", final_at=NOON, attempts=3),
        a_message(CLEO, status="suppressed", error_code="opted_out", final_at=NOON),
    )
    made.messages.put("unsolicited#snd_1#01", a_reply(CLEO, 5, text="Who is this?", keyword="help"))
    return made


def test_a_message_export_holds_every_message_with_all_that_is_known(world: ExportWorld) -> None:
    """T7: every message, inbound too."""
    rows = world.exported()

    assert [(row["phone"], row["kind"], row["direction"], row["status"]) for row in rows] == [
        (f"'{ANN}", "initial", "out", "delivered"),
        (f"'{ANN}", "reply", "in", "received"),
        (f"'{ANN}", "agent", "out", "delivered"),
        (f"'{ANN}", "follow_up", "out", "delivered"),
        *[
            (f"'{phone}", "initial", "out", status)
            for phone, status in sorted(
                [(BEN, "failed"), (CLEO, "suppressed")],
                key=lambda pair: a_message(pair[0]).sk,
            )
        ],
        (f"'{CLEO}", "reply", "in", "received"),
    ]
    first = rows[0]
    assert (first["campaign_id"], first["campaign"], first["sender_id"]) == (
        "cmp_a",
        "Spring",
        "snd_1",
    )
    assert (first["claimed_at"], first["submitted_at"], first["final_at"]) == (
        "2026-11-22T11:59:00.000Z",
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T12:01:00.000Z",
    )
    assert (first["segments"], first["cost_micros"], first["currency"]) == ("2", "7900", "USD")
    assert (first["variant"], first["provider_id"], first["step"]) == ("A", "SM0", "0")
    failed = next(row for row in rows if row["status"] == "failed")
    assert failed["error_code"] == "30003"
    assert "unreachable" in failed["reason"].lower()


def test_a_text_never_runs_in_a_spreadsheet(world: ExportWorld) -> None:
    """T7: CSV is safe from formulas."""
    assert [row["text"] for row in world.exported() if row["kind"] == "agent"] == ["'=No"]


def test_a_message_that_answers_no_campaign_is_there_without_one(world: ExportWorld) -> None:
    alone = world.exported()[-1]

    assert (alone["campaign_id"], alone["text"], alone["keyword"]) == ("", "Who is this?", "help")


def test_of_named_campaigns_there_is_nothing_else(world: ExportWorld) -> None:
    world.keep(a_campaign("cmp_b", title="Other", parts=1, launched_at=NOON))
    world.messages.put("cmp_b#00000", a_message(CLEO))

    rows = world.exported(campaign_ids=("cmp_b",))

    assert [(row["campaign"], row["phone"]) for row in rows] == [("Other", f"'{CLEO}")]


@pytest.mark.parametrize("kind", [k for k in ExportKind if k is not ExportKind.OPT_OUTS])
def test_other_offices_stay_out(world: ExportWorld, kind: ExportKind) -> None:
    """Their campaigns, their senders, and what reached a sender while it was theirs (P2)."""
    world.jobs.kept.clear()
    theirs = ExportWorld()
    theirs.keep(
        a_campaign("cmp_a", title="Theirs", parts=1, launched_at=NOON, office_id=OTHER_OFFICE)
    )
    theirs.directory.all_senders.append(a_sender("snd_2", office_id=OTHER_OFFICE))
    row: dict[str, Any] = {"office_id": OTHER_OFFICE, "status": "failed", "final_at": NOON}
    theirs.messages.put("cmp_a#00000", a_message(**row), a_reply(office_id=OTHER_OFFICE))
    for sender in ("snd_1", "snd_2"):
        theirs.messages.put(f"unsolicited#{sender}#00", a_reply(CLEO, office_id=OTHER_OFFICE))

    assert theirs.exported(kind=kind) == []
    assert len(theirs.exported(export_id="exp_b", kind=kind, offices=None)) > 0


def test_only_what_happened_inside_the_range_counts(world: ExportWorld) -> None:
    inside = {"start": NOON + MINUTE, "end": NOON + 3 * MINUTE}

    assert [row["kind"] for row in world.exported(**inside)] == ["reply"]
    talks = world.exported(export_id="exp_b", kind=ExportKind.CONVERSATIONS, **inside)
    assert [(row["incoming"], row["outgoing"]) for row in talks] == [("1", "0")]
    assert world.exported(export_id="exp_c", kind=ExportKind.FAILED_LEADS, **inside) == []
    assert world.exported(export_id="exp_d", kind=ExportKind.CAMPAIGNS, **inside) == []


def test_conversations_count_both_sides_and_leave_out_who_never_answered(
    world: ExportWorld,
) -> None:
    rows = world.exported(kind=ExportKind.CONVERSATIONS)

    assert [(row["phone"], row["incoming"], row["outgoing"]) for row in rows] == [
        (f"'{ANN}", "1", "3"),
        (f"'{CLEO}", "1", "0"),
    ]
    ann = rows[0]
    assert (ann["first_message_at"], ann["last_message_at"], ann["replied_at"]) == (
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T12:03:00.000Z",
        "2026-11-22T12:01:00.000Z",
    )


def test_failed_leads_come_with_reason_and_advice(world: ExportWorld) -> None:
    rows = {row["phone"]: row for row in world.exported(kind=ExportKind.FAILED_LEADS)}

    assert rows.keys() == {f"'{BEN}", f"'{CLEO}"}
    ben = rows[f"'{BEN}"]
    assert (ben["error_code"], ben["attempts"], ben["status"]) == ("30003", "3", "failed")
    assert ben["advice"]
    assert rows[f"'{CLEO}"]["error_code"] == "opted_out"


def test_campaigns_come_with_their_figures_oldest_launch_first(world: ExportWorld) -> None:
    world.keep(a_campaign("cmp_b", title="Later", launched_at=NOON + MINUTE, tags=("x", "y")))
    world.keep(a_campaign("cmp_c", title="Draft"))
    world.totals.counts["cmp_a"] = {"delivered": 3, "responded": 1}

    rows = world.exported(kind=ExportKind.CAMPAIGNS)

    assert [(row["campaign"], row["tags"]) for row in rows] == [("Spring", ""), ("Later", "x;y")]
    assert (rows[0]["contacts_messaged"], rows[0]["contacts_responded"]) == ("3", "1")
    assert rows[0]["rate_of_engagement"] == "33.3"


def test_opt_outs_are_who_was_out_when_it_was_asked_for(world: ExportWorld) -> None:
    out(world, ANN, minute=-5)
    out(world, BEN, minute=-4)
    world.ask(kind=ExportKind.OPT_OUTS, offices=None)
    world.clock.sleep(60)
    out(world, CLEO, minute=1)

    rows = world.read(world.run())

    assert {row["phone"] for row in rows} == {f"'{ANN}", f"'{BEN}"}
    assert rows[0]["source"] == "keyword"
    ranged = world.exported(
        export_id="exp_b", kind=ExportKind.OPT_OUTS, offices=None, start=NOON - 4 * MINUTE
    )
    assert {row["phone"] for row in ranged} == {f"'{BEN}"}


def out(world: ExportWorld, phone: str, minute: int) -> None:
    """Have somebody write STOP so many minutes after noon."""
    at = NOON + minute * MINUTE
    world.suppressions.opt_out(
        Suppression(phone=phone, opted_out=True, event_at=at, source="keyword", cause=phone)
    )


def test_without_the_right_to_numbers_neither_these_nor_texts_are_in_it(
    world: ExportWorld,
) -> None:
    for number, kind in enumerate(ExportKind):
        if kind is not ExportKind.OPT_OUTS:
            world.ask(export_id=f"exp_{number}", kind=kind, full=False)
            assert ANN[1:] not in world.body(world.run()).decode()

    rows = world.read(world.jobs.get("exp_0"))
    assert rows[0]["phone"] == "***0100"
    assert {row["text"] for row in rows} == {""}


def test_a_parquet_file_holds_the_same_with_types(world: ExportWorld) -> None:
    """T7: Parquet beside CSV."""
    world.ask(format=FileFormat.PARQUET)

    rows = read_parquet(world.body(world.run()))

    assert [row["phone"] for row in rows] == [
        row["phone"].removeprefix("'") for row in world.exported(export_id="exp_b")
    ]
    assert (rows[0]["at"], rows[0]["segments"], rows[0]["error_code"]) == (NOON, 2, None)
    assert len(world.jobs.get("exp_a").pieces) > 1


@pytest.mark.parametrize("kind", list(ExportKind))
def test_an_export_of_nothing_is_a_file_with_its_columns(kind: ExportKind) -> None:
    empty = ExportWorld()
    empty.directory.campaigns.clear()
    empty.directory.all_senders.clear()
    empty.ask(kind=kind)

    job = empty.run()

    assert (job.status, job.rows, job.progress) == (ExportState.DONE, 0, 100.0)
    header = empty.body(job).decode("utf-8-sig").strip()
    assert header == ",".join(column.name for column in COLUMNS[kind])


def test_progress_is_what_share_of_the_units_is_read(world: ExportWorld) -> None:
    """T7: with progress."""
    world.ask()
    seen = []
    while not world.jobs.get("exp_a").is_over:
        world.queue.messages.clear()
        export_data(world.world, export_id="exp_a", budget_s=0)
        seen.append(world.jobs.get("exp_a").progress)

    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert 0 < seen[2] < 99
    assert seen[-2] == 99.9
    assert seen[-1] == 100.0


def test_memory_is_bounded_by_the_size_of_a_piece(world: ExportWorld) -> None:
    """Of a piece of two rows there are never more than a query's more (two, of the fake)."""
    world.ask()
    world.run()

    pieces = [body for key, body in world.files.objects.items() if "/part-" in key]
    assert max(body.count(b"\r\n") for body in pieces) <= 3


def test_an_export_whose_pieces_are_gone_fails_with_a_sentence(world: ExportWorld) -> None:
    world.ask()
    export_data(world.world, export_id="exp_a", budget_s=0)
    world.files.objects.clear()

    job = world.run()

    assert (job.status, job.error_code) == (ExportState.FAILED, "file_missing")
    assert job.error == "What this export had stored is gone. Ask for it again."
    assert world.queue.messages == []


def test_an_export_that_is_given_up_says_so_and_a_finished_one_does_not(
    world: ExportWorld,
) -> None:
    world.ask()

    given_up = give_up_export(world.world, export_id="exp_a")
    done = world.ask(export_id="exp_b")
    world.run()
    after = give_up_export(world.world, export_id=done.id)

    assert (given_up.status, given_up.error_code) == (ExportState.FAILED, "export_stopped")
    assert world.jobs.get("exp_a") == given_up
    assert after.status is ExportState.DONE


def test_a_failed_export_is_not_gone_on_with(world: ExportWorld) -> None:
    world.ask()
    give_up_export(world.world, export_id="exp_a")

    assert world.run().status is ExportState.FAILED
    assert world.files.objects == {}


def test_offices_of_the_plan_are_those_of_the_reach(world: ExportWorld) -> None:
    """A campaign named by id is still left out when its office is not in reach any more."""
    moved: Any = a_campaign("cmp_a", parts=2, launched_at=NOON, office_id=OTHER_OFFICE)
    world.keep(moved)

    assert world.exported(campaign_ids=("cmp_a",), offices=(OFFICE,)) == []
