"""
Pace one sender: at most one pacer speaks for it, at its rate, fairly for its campaigns (F6).

A pacer holds the sender's lease, walks the open runs round robin, asks its
token bucket before each message and hands over before its time is up. It keeps
nothing that another pacer would need: a crash at any point leaves claims that
the next walk, a receipt or the reconciler resolves, and a lease that runs out.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from datetime import timedelta

from carillon.domain.campaign import CampaignStatus, HoldReason, Run, Sender
from carillon.domain.message import Lease
from carillon.domain.pacing import TokenBucket
from carillon.ports import Clock, Leases, Queue, SendingDirectory
from carillon.usecases.send_lead import Assignment, SendResult, Sent
from carillon.usecases.walk_parts import Feed, Render, Walking

LEASE_S = 15.0
RENEW_EVERY_S = 5.0
# How soon a pacer that is running sees a launch, a resume or an edit.
REFRESH_EVERY_S = 2.0
# Waiting longer than this for a retry is a queue's work, not a running function's.
LINGER_S = 3.0
# How long a campaign is left alone after its text or audience could not be read.
ASIDE_S = 20.0
_POLL_S = 0.25

SendOne = Callable[[Assignment, Lease], SendResult]


@dataclass(frozen=True, kw_only=True)
class PacingWorld:
    """Everything a pacer touches beside the single send."""

    leases: Leases
    directory: SendingDirectory
    walking: Walking
    send_queue: Queue
    reconcile_queue: Queue
    clock: Clock
    compile_body: Callable[[str], Render]
    send: SendOne
    executor: Executor
    workers: int
    on_error: Callable[[BaseException], None]


@dataclass
class PaceReport:
    """What one pacer did, for its log line and its metrics."""

    ran: bool = False
    handed_over: bool = False
    outcomes: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: str) -> None:
        """Add one to *outcome*."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


def pace_sender(sender_id: str, *, owner: str, stop_at: float, world: PacingWorld) -> PaceReport:
    """
    Send what *sender_id* has to send until done or until monotonic *stop_at*.

    Returns at once when another pacer holds the lease. Work that is left is
    handed over by a queue message.
    """
    now = world.clock.now()
    lease = world.leases.acquire(sender_id, owner, now + timedelta(seconds=LEASE_S), now)
    if lease is None:
        return PaceReport()
    pacer = _Pacer(world.directory.sender(sender_id), lease, stop_at, world)
    pacer.run()
    return pacer.report


class _Pacer:
    def __init__(self, sender: Sender, lease: Lease, stop_at: float, world: PacingWorld) -> None:
        self._sender = sender
        self._lease = lease
        self._stop_at = stop_at
        self._world = world
        self._clock = world.clock
        self._bucket = TokenBucket(rate=sender.mps, now=world.clock.monotonic())
        self._feeds: dict[str, Feed] = {}
        # Campaign -> monotonic time until which it is left alone.
        self._aside: dict[str, float] = {}
        self._turn = 0
        self._in_flight: dict[Future[SendResult], tuple[Feed, Assignment]] = {}
        self._renew_at = world.clock.monotonic() + RENEW_EVERY_S
        self._refresh_at = 0.0
        self._revoked = False
        # The account cannot send: the minute's safety net tries again, not a hot loop.
        self._stopped = False
        self.report = PaceReport(ran=True)

    def run(self) -> None:
        """Send until done, revoked or out of time; leaves no call running, whatever happens."""
        try:
            self._pace()
        finally:
            # A call that outlives its run is frozen with the process and may start minutes
            # later, when its gate is long out of date.
            wait(self._in_flight)

    def _pace(self) -> None:
        self._refresh()
        while self._may_go_on():
            found = self._next_assignment()
            if found is not None:
                self._dispatch(*found)
            elif self._in_flight:
                self._collect(wait_s=_POLL_S)
            elif not self._linger():
                break
        while self._in_flight:
            self._keep_lease()
            self._collect(wait_s=_POLL_S)
        if not self._revoked:
            self._finish_exhausted()
            self._hand_over()

    def _may_go_on(self) -> bool:
        self._keep_lease()
        now = self._clock.monotonic()
        if self._revoked or self._stopped or now >= self._stop_at:
            return False
        if now >= self._refresh_at:
            self._finish_exhausted()
            self._refresh()
        return True

    def _keep_lease(self) -> None:
        now = self._clock.monotonic()
        if self._revoked or now < self._renew_at:
            return
        until = self._clock.now() + timedelta(seconds=LEASE_S)
        renewed = self._world.leases.renew(self._lease, until)
        self._renew_at = now + RENEW_EVERY_S
        if renewed is None:
            self._revoked = True
        else:
            self._lease = renewed

    def _refresh(self) -> None:
        """Look at the open runs anew: launches join, paused and edited ones are rebuilt."""
        kept: dict[str, Feed] = {}
        for run in _open(self._world.directory.runs(self._sender.id)):
            if self._is_aside(run.campaign_id):
                continue
            try:
                feed = self._feed_of(run)
            except Exception as error:  # noqa: BLE001 - one campaign never stops the others (F8)
                self._set_aside(run.campaign_id, error)
                continue
            if feed is not None:
                kept[run.campaign_id] = feed
        self._feeds = kept
        self._refresh_at = self._clock.monotonic() + REFRESH_EVERY_S

    def _feed_of(self, run: Run) -> Feed | None:
        """Return the feed of *run*, as it stands or made anew; None while it may not send."""
        campaign = self._world.directory.campaign(run.campaign_id)
        if campaign.status is not CampaignStatus.ACTIVE:
            return None
        feed = self._feeds.get(run.campaign_id)
        if feed is None or feed.stale or feed.campaign.body != campaign.body:
            render = self._world.compile_body(campaign.body)
            feed = Feed(run, campaign, self._sender, render, self._world.walking)
        return feed

    def _set_aside(self, campaign_id: str, error: Exception) -> None:
        """Leave alone for a while a campaign whose text or audience cannot be read."""
        self._world.on_error(error)
        self._aside[campaign_id] = self._clock.monotonic() + ASIDE_S
        self._feeds.pop(campaign_id, None)

    def _is_aside(self, campaign_id: str) -> bool:
        return self._clock.monotonic() < self._aside.get(campaign_id, 0.0)

    def _next_assignment(self) -> tuple[Feed, Assignment] | None:
        """Return the next assignment in turn among the campaigns (fair share), or None."""
        feeds = list(self._feeds.values())
        for step in range(len(feeds)):
            feed = feeds[(self._turn + step) % len(feeds)]
            try:
                assignment = feed.take()
            except Exception as error:  # noqa: BLE001 - one campaign never stops the others (F8)
                self._set_aside(feed.run.campaign_id, error)
                continue
            if assignment is not None:
                self._turn += step + 1
                return feed, assignment
        return None

    def _dispatch(self, feed: Feed, assignment: Assignment) -> None:
        if not self._wait_for_turn(feed, assignment):
            # Time is up, or the campaign stopped while we waited: nothing was claimed.
            feed.settle(assignment, SendResult(outcome=Sent.HELD))
            return
        future = self._world.executor.submit(self._world.send, assignment, self._lease)
        self._in_flight[future] = (feed, assignment)
        self._collect(wait_s=0.0)

    def _wait_for_turn(self, feed: Feed, assignment: Assignment) -> bool:
        while True:
            if not self._may_go_on() or self._feeds.get(feed.run.campaign_id) is not feed:
                return False
            if len(self._in_flight) >= self._world.workers:
                self._collect(wait_s=_POLL_S)
                continue
            pause = self._bucket.wait_for(max(assignment.segments, 1), self._clock.monotonic())
            if pause <= 0:
                return True
            self._collect(wait_s=0.0)
            self._clock.sleep(min(pause, _POLL_S))

    def _collect(self, *, wait_s: float) -> None:
        if not self._in_flight:
            return
        done, _ = wait(self._in_flight, timeout=wait_s, return_when=FIRST_COMPLETED)
        for future in done:
            feed, assignment = self._in_flight.pop(future)
            self._settle(feed, assignment, self._result_of(future))

    def _result_of(self, future: "Future[SendResult]") -> SendResult:
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, Exception):
            raise error
        # One lead never stops the others (F8); the next walk reads what its row says.
        self._world.on_error(error)
        return SendResult(outcome=Sent.BROKEN)

    def _settle(self, feed: Feed, assignment: Assignment, result: SendResult) -> None:
        self.report.count(result.outcome)
        if result.outcome is Sent.THROTTLED:
            self._bucket.close_for(result.after_s, self._clock.monotonic())
        if result.outcome is Sent.ACCOUNT_BLOCKED:
            self._stopped = True
            self._hold(feed, HoldReason.ACCOUNT)
        elif result.outcome is Sent.SUBMITTED and feed.campaign.hold_reason is not HoldReason.NONE:
            self._hold(feed, HoldReason.NONE)
        if result.outcome is Sent.HELD:
            # Paused, ended or superseded: stop drawing from it until the next refresh tells.
            self._drop(feed)
            return
        feed.settle(assignment, result)

    def _hold(self, feed: Feed, reason: HoldReason) -> None:
        self._world.directory.hold_campaign(feed.campaign.id, reason)
        feed.campaign = replace(feed.campaign, hold_reason=reason)

    def _drop(self, feed: Feed) -> None:
        if self._feeds.get(feed.run.campaign_id) is feed:
            del self._feeds[feed.run.campaign_id]

    def _linger(self) -> bool:
        """Wait a little for a retry that is nearly due; False when there is nothing to wait for."""
        dues = [due for feed in self._feeds.values() if (due := feed.next_due()) is not None]
        if not dues:
            return False
        pause = (min(dues) - self._clock.now()).total_seconds()
        if pause > LINGER_S:
            return False
        self._clock.sleep(min(max(pause, 0.01), _POLL_S))
        return True

    def _finish_exhausted(self) -> None:
        for campaign_id, feed in list(self._feeds.items()):
            if not feed.exhausted() or feed.stale:
                continue
            now = self._clock.now()
            if self._world.directory.finish_run(feed.run, now):
                del self._feeds[campaign_id]
                self._note_finished(feed)
            else:
                feed.stale = True

    def _note_finished(self, feed: Feed) -> None:
        directory = self._world.directory
        others = [directory.run(sender, feed.campaign.id) for sender in feed.run.senders]
        if all(run is not None and run.state != "open" for run in others):
            directory.note_all_submitted(feed.campaign.id, self._clock.now())
        self._world.reconcile_queue.put({"campaign_id": feed.campaign.id, "round": 0}, delay_s=5)

    def _hand_over(self) -> None:
        """
        Give the lease back, then look once more.

        A wake-up that came while we held the lease was dropped, but the run it
        was for had been written before: this look sees it.
        """
        self._world.leases.release(self._lease)
        if self._stopped:
            return
        runs = list(_open(self._world.directory.runs(self._sender.id)))
        waiting = [run for run in runs if self._is_active(run)]
        if waiting:
            self.report.handed_over = True
            only_aside = all(self._is_aside(run.campaign_id) for run in waiting)
            delay_s = int(ASIDE_S) if only_aside else self._delay_s()
            self._world.send_queue.put({"sender_id": self._sender.id}, delay_s=delay_s)

    def _is_active(self, run: Run) -> bool:
        return self._world.directory.campaign(run.campaign_id).status is CampaignStatus.ACTIVE

    def _delay_s(self) -> int:
        """Return how long the next pacer may sleep: until a retry, if only retries are left."""
        if any(feed.stale for feed in self._feeds.values()):
            return int(REFRESH_EVERY_S)
        dues = [feed.next_due() for feed in self._feeds.values() if not feed.exhausted()]
        if not dues or any(due is None for due in dues):
            return 0
        now = self._clock.now()
        return max(0, int(min((due - now).total_seconds() for due in dues if due is not None)))


def _open(runs: Iterable[Run]) -> Iterator[Run]:
    return (run for run in runs if run.state == "open")


def wake_idle_senders(directory: SendingDirectory, send_queue: Queue) -> int:
    """Wake every sender with an open run; return how many. The minute's safety net."""
    woken = 0
    for sender in directory.senders():
        if any(_open(directory.runs(sender.id))):
            send_queue.put({"sender_id": sender.id})
            woken += 1
    return woken
