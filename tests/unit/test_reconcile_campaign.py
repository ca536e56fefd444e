"""What the reconciler does with each kind of lead, and what it must not do too early (F2, R4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import NotFound, Unavailable
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord, Recipient, Watch
from carillon.usecases.reconcile_campaign import (
    ReconcilingWorld,
    reconcile_campaign,
    unsettled_campaigns,
)
from carillon.usecases.send_lead import MAX_ATTEMPTS
from tests.support.clock import FakeClock
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_receipt, a_run, a_watch, after
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeMessages,
    FakeQueue,
    a_campaign,
    a_sender,
    no_law,
)

GRACE, POLL_AFTER = timedelta(seconds=60), timedelta(seconds=600)


class Log:
    """Implements the reading half of ``ports.MessageProvider``."""

    def __init__(self) -> None:
        self.found: ProviderRecord | Exception | None = None
        self.fetched: ProviderRecord | Exception = NotFound("no such message")
        self.asked: list[str] = []

    def send(self, message: Outgoing) -> Accepted:
        raise AssertionError("the reconciler never sends")

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        self.asked.append("find")
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def fetch(self, provider_id: str) -> ProviderRecord:
        self.asked.append("fetch")
        if isinstance(self.fetched, Exception):
            raise self.fetched
        return self.fetched


class Overtaken(FakeDirectory):
    """Lets somebody else act right after the next look at the watches."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[Callable[[], None]] = []

    def next_due(self, campaign_id: str) -> datetime | None:
        found = super().next_due(campaign_id)
        while self.acts:
            self.acts.pop()()
        return found


@dataclass
class Scene:
    """One lead in one part, dispatched and watched."""

    clock: FakeClock = field(default_factory=FakeClock)
    messages: FakeMessages = field(default_factory=FakeMessages)
    directory: Overtaken = field(default_factory=Overtaken)
    audiences: FakeAudiences = field(default_factory=FakeAudiences)
    log: Log = field(default_factory=Log)
    send_queue: FakeQueue = field(default_factory=FakeQueue)
    recounts: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.directory.campaigns["cmp_a"] = a_campaign(parts=1, total=1)
        self.directory.sender_by_id["snd_a"] = a_sender()
        done = a_run(parts=1, next_part=1, state="done")
        self.directory.run_by_key["snd_a", "cmp_a"] = done
        self.audiences.parts["cmp_a", 0] = [Recipient(key=KEY, phone=PHONE)]
        self.directory.put(a_watch(0, 0))

    def look(self, after_s: float = 0.0) -> datetime | None:
        self.clock.sleep(after_s)
        world = ReconcilingWorld(
            directory=self.directory,
            leads=self.messages,
            audiences=self.audiences,
            watches=self.directory,
            provider_of=lambda _: self.log,
            clock=self.clock,
            send_queue=self.send_queue,
            recount_queue=self.recounts,
            rules=no_law(),
            ambiguous_grace=GRACE,
            poll_after=POLL_AFTER,
            unsolicited_partition=lambda sender, key: f"unsolicited#{sender}#{key[:2]}",
        )
        return reconcile_campaign("cmp_a", world)

    def submitted(self) -> None:
        self.messages.claim(a_claim())
        self.messages.record_submitted(a_claim(), Accepted("SM1"), after(0))

    def row(self) -> dict[str, Any]:
        return self.messages.items[LEAD]

    def is_finished(self) -> bool:
        return self.directory.campaign("cmp_a").status is CampaignStatus.FINISHED

    def run_state(self) -> tuple[str, int]:
        run = self.directory.run_by_key["snd_a", "cmp_a"]
        return run.state, run.next_part


def test_a_part_whose_leads_are_final_loses_its_watch_and_the_campaign_is_finished() -> None:
    scene = Scene()
    scene.submitted()
    scene.messages.apply_receipt(a_receipt(LeadStatus.DELIVERED))

    assert scene.look() is None

    assert scene.is_finished()
    assert scene.directory.watches == {}
    assert scene.run_state() == ("settled", 1)
    assert scene.recounts.messages == [{"campaign_id": "cmp_a", "reason": "close"}]


def test_a_settled_campaign_is_closed_once() -> None:
    scene = Scene()
    scene.submitted()
    scene.messages.apply_receipt(a_receipt(LeadStatus.DELIVERED))

    scene.look()
    scene.look()

    assert len(scene.recounts.messages) == 1
    assert unsettled_campaigns(scene.directory) == set()


def test_a_claim_within_its_grace_may_still_become_a_call_and_is_left_alone() -> None:
    scene = Scene()
    scene.messages.claim(a_claim())

    again_at = scene.look(GRACE.total_seconds() - 0.001)

    assert scene.log.asked == []
    assert scene.row()["status"] == LeadStatus.CLAIMED
    assert not scene.is_finished()
    assert again_at is not None
    assert again_at <= after(GRACE.total_seconds() + 2)


def test_a_claim_past_its_grace_that_the_log_has_is_submitted() -> None:
    """F2: a call of unknown outcome is looked up in the provider's log."""
    scene = Scene()
    scene.messages.claim(a_claim())
    scene.log.found = ProviderRecord(provider_id="SM9", status=LeadStatus.SUBMITTED)

    assert scene.look(61) is not None

    assert (scene.row()["status"], scene.row()["provider_id"]) == ("submitted", "SM9")
    assert not scene.is_finished()


def test_a_claim_whose_message_the_log_calls_final_is_final() -> None:
    scene = Scene()
    scene.messages.claim(a_claim())
    scene.log.found = ProviderRecord(
        provider_id="SM9", status=LeadStatus.FAILED, error_code="30003"
    )

    assert scene.look(61) is None

    assert (scene.row()["status"], scene.row()["error_code"]) == ("failed", "30003")
    assert scene.is_finished()


def test_a_claim_that_the_log_lacks_is_sent_again_by_the_pacer() -> None:
    scene = Scene()
    scene.messages.claim(a_claim())

    scene.look(61)

    assert scene.row()["status"] == LeadStatus.RETRYING
    assert scene.run_state() == ("open", 0)
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]


def test_a_claim_that_the_log_lacks_after_the_last_attempt_has_failed() -> None:
    scene = Scene()
    scene.messages.claim(a_claim(attempts=MAX_ATTEMPTS))

    assert scene.look(61) is None

    assert scene.row()["status"] == LeadStatus.FAILED
    assert scene.row()["error_code"] == "provider_never_accepted"
    assert scene.is_finished()


def test_a_claim_waits_while_the_log_cannot_be_read() -> None:
    scene = Scene()
    scene.messages.claim(a_claim())
    scene.log.found = Unavailable("not now")

    assert scene.look(3600) is not None

    assert scene.row()["status"] == LeadStatus.CLAIMED
    assert scene.send_queue.messages == []


def test_a_submitted_lead_is_asked_about_only_when_its_receipt_is_late() -> None:
    scene = Scene()
    scene.submitted()
    scene.log.fetched = ProviderRecord(provider_id="SM1", status=LeadStatus.DELIVERED)

    scene.look(POLL_AFTER.total_seconds() - 1)
    early = list(scene.log.asked)
    scene.look(20)

    assert (early, scene.log.asked) == ([], ["fetch"])
    assert scene.row()["status"] == "delivered"
    assert scene.is_finished()


@pytest.mark.parametrize("hours", [71, 73])
def test_a_message_without_a_final_word_is_unconfirmed_after_72_hours(hours: int) -> None:
    """R4: asked about for 72 hours, then unconfirmed."""
    scene = Scene()
    scene.submitted()

    scene.look(hours * 3600)

    assert scene.row()["status"] == ("submitted" if hours == 71 else "unconfirmed")


def test_a_lead_without_a_row_sends_the_pacer_back_to_its_part() -> None:
    scene = Scene()

    assert scene.look() is not None

    assert scene.run_state() == ("open", 0)
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]
    assert len(scene.directory.watches) == 1


def test_a_pacer_that_has_not_come_to_a_part_yet_is_not_sent_back() -> None:
    scene = Scene()
    walking = a_run(parts=1)
    scene.directory.run_by_key["snd_a", "cmp_a"] = walking

    scene.look()

    assert scene.directory.run_by_key["snd_a", "cmp_a"] == walking
    assert scene.send_queue.messages == []


def test_a_paused_campaigns_lead_is_kept_for_its_resume_without_waking_the_pacer() -> None:
    scene = Scene()
    scene.directory.campaigns["cmp_a"] = a_campaign(status=CampaignStatus.PAUSED)

    assert scene.look() is not None

    assert scene.run_state() == ("open", 0)
    assert scene.send_queue.messages == []


@pytest.mark.parametrize("status", [CampaignStatus.FINISHED, CampaignStatus.ARCHIVED])
def test_leads_that_an_ended_campaign_never_sent_need_nothing_more(
    status: CampaignStatus,
) -> None:
    scene = Scene()
    waiting = Recipient(key=lead_key("+12025550143"), phone="+12025550143")
    scene.audiences.parts["cmp_a", 0].append(waiting)
    scene.directory.campaigns["cmp_a"] = a_campaign(status=status)
    scene.messages.claim(a_claim())
    scene.messages.record_retry(a_claim(), "503", after(1))

    assert scene.look() is None

    assert scene.run_state()[0] == "settled"
    assert scene.directory.campaign("cmp_a").status is status


def test_a_campaign_with_an_open_run_is_left_to_its_pacer() -> None:
    scene = Scene()
    scene.directory.watches.clear()
    scene.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1)

    assert scene.look() is None
    assert not scene.is_finished()


def test_a_pacer_that_finishes_between_the_two_looks_does_not_close_its_campaign_early() -> None:
    # The last part's watch and the done run are written between the reconciler's reads.
    scene = Scene()
    scene.directory.watches.clear()
    scene.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1)
    scene.submitted()

    def finish() -> None:
        scene.directory.put(a_watch(0, 5))
        done = a_run(parts=1, next_part=1, state="done")
        scene.directory.run_by_key["snd_a", "cmp_a"] = done

    scene.directory.acts.append(finish)

    scene.look()

    assert not scene.is_finished()
    assert scene.run_state()[0] == "done"


def test_a_watch_is_replaced_by_its_successor_and_never_missing() -> None:
    scene = Scene()
    scene.submitted()
    counts: list[int] = []

    class Counting(dict[tuple[str, str, int], Watch]):
        def __setitem__(self, key: tuple[str, str, int], watch: Watch) -> None:
            super().__setitem__(key, watch)
            counts.append(len(self))

        def pop(self, key: tuple[str, str, int], *default: Any) -> Any:
            found = super().pop(key, *default)
            counts.append(len(self))
            return found

    scene.directory.watches = Counting(scene.directory.watches)

    for _ in range(5):
        again_at = scene.look()
        assert again_at is not None
        scene.clock.sleep((again_at - scene.clock.now()).total_seconds())

    assert min(counts) == 1
    (watch,) = scene.directory.watches.values()
    assert watch.checks == 5


def test_looks_become_rarer_but_never_rarer_than_a_quarter_of_an_hour() -> None:
    scene = Scene()
    scene.submitted()
    waits = []
    for _ in range(14):
        again_at = scene.look()
        assert again_at is not None
        waits.append((again_at - scene.clock.now()).total_seconds())
        scene.clock.sleep(waits[-1])

    assert waits[:3] == [10, 20, 40]
    assert max(waits) == 900
    assert waits[-1] == 900
