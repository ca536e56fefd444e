"""
Pace one sender: at most one pacer speaks for it, at its rate, fairly for its campaigns (F6).

A pacer holds the sender's lease, draws from the open runs in turn, asks its token bucket
and its purse before each message and hands over before its time is up. It keeps
nothing that another pacer would need: a crash at any point leaves claims that
the next walk, a receipt or the reconciler resolves, and a lease that runs out.

    refused for the account's sake  -> the sender is suspended, others take over (F7, N3)
    no answer, again and again      -> the sender rests, others take over meanwhile (N3)
    too many messages fail          -> the campaign pauses itself (F7)
    a day's limit is used up        -> the campaign holds until midnight, or others take over
    a pilot's number is reached     -> the campaign pauses itself (K17)

Answers of agents and of the assistant go first (V5): under the same lease, rate and limit,
but whatever state a campaign is in.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason, Run, Sender
from carillon.domain.errors import NotFound
from carillon.domain.message import Lease
from carillon.domain.pacing import ErrorLimit, ErrorRate, TokenBucket
from carillon.ports import Budgets, Clock, Leases, Outbox, Queue, SendingDirectory
from carillon.usecases.availability import Availability
from carillon.usecases.render_texts import CompileBody, Texts
from carillon.usecases.send_lead import Assignment, SendResult, Sent
from carillon.usecases.spend_budgets import Limit, Purse, limits_of, sender_limits
from carillon.usecases.walk_outbox import Answering, Replies
from carillon.usecases.walk_parts import Feed, Walking

LEASE_S = 15.0
RENEW_EVERY_S = 5.0
# How soon a pacer that is running sees a launch, a resume or an edit.
REFRESH_EVERY_S = 2.0
# Waiting longer than this for a retry is a queue's work, not a running function's.
LINGER_S = 3.0
# How long a campaign is left alone after its text or audience could not be read.
ASIDE_S = 20.0
# How often the receipts' totals are looked at, for the error rate.
LOOK_AT_RECEIPTS_EVERY_S = 10.0
# So many calls in a row without an answer of the provider's, and its sender rests.
REST_AFTER_FAILURES = 10
REST_FOR = timedelta(minutes=5)
_POLL_S = 0.25

# What became of a message that used none of the budgets.
_UNUSED = frozenset(
    {
        Sent.THROTTLED,
        Sent.HELD,
        Sent.WAITS,
        Sent.CANCELLED,
        Sent.ACCOUNT_BLOCKED,
        Sent.ALREADY_CLAIMED,
        Sent.SUPPRESSED,
        Sent.WITHDRAWN,
        Sent.RETRY,
    }
)

SendOne = Callable[[Assignment, Lease], SendResult]
# As concurrent.futures.wait; a test in virtual time lets the time pass in it.
WaitForCalls = Callable[..., tuple[set[Future[SendResult]], set[Future[SendResult]]]]


@dataclass(frozen=True, kw_only=True)
class PacingWorld:
    """
    Everything a pacer touches beside the single send.

    *receipts_of* gives a campaign's running totals (delivered, failed by the provider).
    """

    leases: Leases
    directory: SendingDirectory
    walking: Walking
    answering: Answering
    budgets: Budgets
    receipts_of: Callable[[str], tuple[int, int]]
    error_limit: ErrorLimit
    send_queue: Queue
    reconcile_queue: Queue
    clock: Clock
    compile_body: CompileBody
    send: SendOne
    executor: Executor
    workers: int
    on_error: Callable[[BaseException], None]
    wait: WaitForCalls = wait
    # The organisation's own domain, under which short links stand (M6).
    link_base_url: str = ""


@dataclass
class PaceReport:
    """What one pacer did, for its log line and its metrics."""

    ran: bool = False
    handed_over: bool = False
    # The code for which the provider refuses the sender altogether (F7).
    suspended: str | None = None
    rests: bool = False
    paused: list[HoldReason] = field(default_factory=list)
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
    sender = world.directory.sender(sender_id)
    if not sender.is_available(now):
        hand_to_others(sender, world.directory, world.send_queue, now)
        return PaceReport()
    lease = world.leases.acquire(sender_id, owner, now + timedelta(seconds=LEASE_S), now)
    if lease is None:
        return PaceReport()
    pacer = _Pacer(sender, lease, stop_at, world)
    pacer.run()
    return pacer.report


@dataclass(frozen=True)
class _Sending:
    """A call under way; *feed* is the campaign's, None for an answer."""

    feed: Feed | None
    assignment: Assignment
    limits: list[Limit]


class _Pacer:
    def __init__(self, sender: Sender, lease: Lease, stop_at: float, world: PacingWorld) -> None:
        now = world.clock.monotonic()
        self._sender = sender
        self._lease = lease
        self._stop_at = stop_at
        self._world = world
        self._clock = world.clock
        self._bucket = TokenBucket(rate=sender.mps, now=now, tokens=_left_by_last(lease, sender))
        self._purse = Purse(world.budgets)
        self._replies = Replies(sender, world.answering)
        self._feeds: dict[str, Feed] = {}
        # Campaign -> segments it has had; who has had least is next (fair share).
        self._served: dict[str, int] = {}
        # Campaign -> monotonic time until which it is left alone.
        self._aside: dict[str, float] = {}
        self._errors: dict[str, ErrorRate] = {}
        self._zones: dict[str, ZoneInfo] = {}
        self._in_flight: dict[Future[SendResult], _Sending] = {}
        # Each call that is over puts itself here, so that nobody has to ask all of them.
        self._answered: deque[Future[SendResult]] = deque()
        self._unanswered = 0
        self._renew_at = now + RENEW_EVERY_S
        self._look_at = now + LOOK_AT_RECEIPTS_EVERY_S
        self._refresh_at = 0.0
        self._revoked = False
        # The sender cannot send: the minute's safety net tries again, not a hot loop.
        self._stopped = False
        self.report = PaceReport(ran=True)

    def run(self) -> None:
        """Send until done, revoked or out of time; leaves no call running, whatever happens."""
        try:
            self._pace()
        finally:
            # A call that outlives its run is frozen with the process and may start minutes
            # later, when its gate is long out of date.
            self._world.wait(self._in_flight)

    def _pace(self) -> None:
        self._refresh()
        while self._may_go_on():
            answer = self._next_answer()
            found = None if answer else self._next_assignment()
            if answer is not None:
                self._dispatch(None, *answer)
            elif found is not None:
                self._dispatch(*found)
            elif self._in_flight:
                self._collect(wait_s=_POLL_S)
            elif not self._linger():
                break
        while self._in_flight:
            self._keep_lease()
            self._collect(wait_s=_POLL_S)
        self._purse.empty()
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
        if now >= self._look_at:
            self._look_at_receipts(now)
        return not self._stopped

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

    # Which campaigns ------------------------------------------------------------

    def _refresh(self) -> None:
        """Look at the open runs anew: launches join, paused and edited ones are rebuilt."""
        directory = self._world.directory
        self._sender = directory.sender(self._sender.id)
        if not self._sender.is_available(self._clock.now()):
            self._stopped = True
            return
        self._replies.look()
        kept: dict[str, Feed] = {}
        runs = [run for run in _open(directory.runs(self._sender.id)) if not self._is_aside(run)]
        campaigns = directory.campaigns_by_id([run.campaign_id for run in runs])
        available = Availability(directory, self._clock.now())
        for run in runs:
            campaign = campaigns.get(run.campaign_id)
            if campaign is None or not self._is_sending(campaign):
                continue
            try:
                kept[run.campaign_id] = self._feed_of(run, campaign, available.among(run.senders))
            except Exception as error:  # noqa: BLE001 - one campaign never stops the others (F8)
                self._set_aside(run.campaign_id, error)
        for campaign_id in self._feeds.keys() - kept.keys():
            self._purse.empty(campaign_id)
        self._feeds = kept
        least = min((self._served.get(name, 0) for name in kept if name in self._served), default=0)
        # Who joins has no claim to what the others had before.
        self._served = {name: self._served.get(name, least) for name in kept}
        self._refresh_at = self._clock.monotonic() + REFRESH_EVERY_S

    def _is_sending(self, campaign: Campaign) -> bool:
        now = self._clock.now()
        is_over = campaign.ends_at is not None and now >= campaign.ends_at
        # A day's limit that is used up stays so until midnight, unless an edit changes it,
        # and resuming after the edit clears the hold.
        is_used_up = (
            campaign.daily_limit is not None
            and campaign.hold_reason is HoldReason.DAILY_LIMIT
            and campaign.hold_until is not None
            and now < campaign.hold_until
        )
        return campaign.status is CampaignStatus.ACTIVE and not is_over and not is_used_up

    def _feed_of(self, run: Run, campaign: Campaign, available: frozenset[str]) -> Feed:
        """Return the feed of *run*, as it stands or made anew."""
        feed = self._feeds.get(run.campaign_id)
        if (
            feed is not None
            and not feed.stale
            and feed.campaign.version == campaign.version
            and feed.available == available
        ):
            return feed
        if feed is not None:
            # A limit may be another one now.
            self._purse.empty(run.campaign_id)
        # Asked for here, where a campaign that cannot be read is left aside.
        self._zone(campaign.office_id)
        return Feed(
            run,
            campaign,
            self._sender,
            texts=Texts(
                campaign.content, campaign.id, self._world.compile_body, self._world.link_base_url
            ),
            available=available,
            world=self._world.walking,
        )

    def _zone(self, office_id: str) -> ZoneInfo:
        if office_id not in self._zones:
            try:
                self._zones[office_id] = ZoneInfo(self._world.directory.office_zone(office_id))
            except NotFound:
                self._zones[office_id] = ZoneInfo("UTC")
        return self._zones[office_id]

    def _set_aside(self, campaign_id: str, error: Exception) -> None:
        """Leave alone for a while a campaign whose text or audience cannot be read."""
        self._world.on_error(error)
        self._aside[campaign_id] = self._clock.monotonic() + ASIDE_S
        self._feeds.pop(campaign_id, None)

    def _is_aside(self, run: Run) -> bool:
        return self._clock.monotonic() < self._aside.get(run.campaign_id, 0.0)

    # What next ------------------------------------------------------------------

    def _next_answer(self) -> tuple[Assignment, list[Limit]] | None:
        """Return an answer that is due and what it spends, or None."""
        assignment = None if self._stopped else self._replies.take()
        if assignment is None:
            return None
        limits = sender_limits(self._sender, self._zone(self._sender.office_id), self._clock.now())
        gone = self._purse.take(limits)
        if gone is None:
            return assignment, limits
        self._replies.settle(assignment, SendResult(outcome=Sent.HELD))
        if gone.until is not None:
            self._rest(gone.until)
        return None

    def _next_assignment(self) -> tuple[Feed, Assignment, list[Limit]] | None:
        """Return an assignment of the campaign that has had least so far (fair share), or None."""
        for campaign_id in sorted(self._feeds, key=lambda name: self._served[name]):
            feed = self._feeds.get(campaign_id)
            if feed is None or self._stopped:
                continue
            try:
                assignment = feed.take()
            except Exception as error:  # noqa: BLE001 - one campaign never stops the others (F8)
                self._set_aside(campaign_id, error)
                continue
            if assignment is None:
                continue
            limits = self._spend(feed, assignment)
            if limits is not None:
                return feed, assignment, limits
        return None

    def _spend(self, feed: Feed, assignment: Assignment) -> list[Limit] | None:
        """Take the message from its limits and return them; None when one of them is used up."""
        zone = self._zone(feed.campaign.office_id)
        limits = limits_of(feed.campaign, self._sender, zone, self._clock.now())
        used_up = self._purse.take(limits)
        if used_up is None:
            return limits
        feed.settle(assignment, SendResult(outcome=Sent.HELD))
        self._stop_at_limit(feed, used_up)
        return None

    def _stop_at_limit(self, feed: Feed, limit: Limit) -> None:
        if limit.reason is HoldReason.PILOT:
            if not self._has_in_flight(feed):
                # Every message that it may send has its result.
                self._pause(feed, HoldReason.PILOT)
            return
        if limit.is_senders and limit.until is not None:
            self._rest(limit.until)
        self._hold(feed, limit.reason, limit.until)
        self._drop(feed)
        self._aside[feed.campaign.id] = self._clock.monotonic() + ASIDE_S

    def _has_in_flight(self, feed: Feed) -> bool:
        return any(one.feed is feed for one in self._in_flight.values())

    # One message ----------------------------------------------------------------

    def _dispatch(self, feed: Feed | None, assignment: Assignment, limits: list[Limit]) -> None:
        if not self._wait_for_turn(feed, assignment):
            # Time is up, or the campaign stopped while we waited: nothing was claimed.
            (feed or self._replies).settle(assignment, SendResult(outcome=Sent.HELD))
            self._purse.put_back(limits)
            return
        if feed is not None:
            self._served[feed.run.campaign_id] += max(assignment.segments, 1)
        future = self._world.executor.submit(self._world.send, assignment, self._lease)
        self._in_flight[future] = _Sending(feed, assignment, limits)
        future.add_done_callback(self._answered.append)
        self._collect(wait_s=0.0)

    def _wait_for_turn(self, feed: Feed | None, assignment: Assignment) -> bool:
        while True:
            if not self._may_go_on() or not self._is_drawn_from(feed):
                return False
            if len(self._in_flight) >= self._world.workers:
                self._collect(wait_s=_POLL_S)
                continue
            pause = self._bucket.wait_for(max(assignment.segments, 1), self._clock.monotonic())
            if pause <= 0:
                return True
            self._clock.sleep(min(pause, _POLL_S))
            # Before the next look at the bucket: an answer may have closed it meanwhile.
            self._collect(wait_s=0.0)

    def _is_drawn_from(self, feed: Feed | None) -> bool:
        return feed is None or self._feeds.get(feed.run.campaign_id) is feed

    def _collect(self, *, wait_s: float) -> None:
        if not self._in_flight:
            return
        if wait_s > 0 and not self._answered:
            self._world.wait(self._in_flight, timeout=wait_s, return_when=FIRST_COMPLETED)
        while self._answered:
            future = self._answered.popleft()
            self._settle(self._in_flight.pop(future), self._result_of(future))

    def _result_of(self, future: "Future[SendResult]") -> SendResult:
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, Exception):
            raise error
        # One lead never stops the others (F8); the next walk reads what its row says.
        self._world.on_error(error)
        return SendResult(outcome=Sent.BROKEN)

    def _settle(self, sending: _Sending, result: SendResult) -> None:
        feed, assignment = sending.feed, sending.assignment
        self.report.count(result.outcome)
        if result.outcome in _UNUSED or assignment.text is None:
            self._purse.put_back(sending.limits)
        if result.outcome is Sent.THROTTLED:
            self._bucket.close_for(result.after_s, self._clock.monotonic())
        if result.outcome is Sent.ACCOUNT_BLOCKED:
            self._suspend(result.code or "account_blocked")
        if feed is None:
            self._replies.settle(assignment, result)
            return
        match result.outcome:
            case Sent.ACCOUNT_BLOCKED if not self._has_stand_in(feed):
                self._hold(feed, HoldReason.ACCOUNT)
            case Sent.SUBMITTED if feed.campaign.hold_reason is not HoldReason.NONE:
                self._hold(feed, HoldReason.NONE)
            case Sent.HELD:
                # Paused, ended or superseded: stop drawing from it until the next refresh tells.
                self._drop(feed)
                return
        feed.settle(assignment, result)
        self._learn_from(feed, assignment, result)

    # What the answers tell --------------------------------------------------------

    def _learn_from(self, feed: Feed, assignment: Assignment, result: SendResult) -> None:
        if assignment.text is None:
            return
        if result.outcome in (Sent.RETRY, Sent.AMBIGUOUS):
            self._unanswered += 1
            if self._unanswered >= REST_AFTER_FAILURES and self._has_stand_in(feed):
                self._rest(self._clock.now() + REST_FOR)
        elif result.outcome in (Sent.SUBMITTED, Sent.FAILED):
            self._unanswered = 0
            now = self._clock.monotonic()
            errors = self._errors_of(feed)
            errors.answered(now, refused=result.outcome is Sent.FAILED)
            if result.outcome is Sent.FAILED and errors.is_exceeded(now):
                self._pause(feed, HoldReason.ERROR_RATE)

    def _look_at_receipts(self, now: float) -> None:
        self._look_at = now + LOOK_AT_RECEIPTS_EVERY_S
        for feed in list(self._feeds.values()):
            delivered, failed = self._world.receipts_of(feed.campaign.id)
            errors = self._errors_of(feed)
            errors.settled(now, delivered=delivered, failed=failed)
            if errors.is_exceeded(now):
                self._pause(feed, HoldReason.ERROR_RATE)

    def _errors_of(self, feed: Feed) -> ErrorRate:
        return self._errors.setdefault(feed.campaign.id, ErrorRate(self._world.error_limit))

    def _has_stand_in(self, feed: Feed) -> bool:
        return bool(feed.available - {self._sender.id})

    def _suspend(self, problem: str) -> None:
        """Stop the sender for everybody, until a person has looked (F7)."""
        self._stopped = True
        now = self._clock.now()
        if self._world.directory.suspend_sender(self._sender.id, problem, now):
            self.report.suspended = problem

    def _rest(self, until: datetime) -> None:
        """Leave the sender alone for a while; where there are others, they take over (N3)."""
        self._stopped = True
        self.report.rests = True
        self._world.directory.rest_sender(self._sender.id, until)

    def _pause(self, feed: Feed, reason: HoldReason) -> None:
        # Whoever else changed the campaign meanwhile has decided; the next refresh tells.
        if self._world.directory.pause_campaign(feed.campaign, reason, self._clock.now()):
            self.report.paused.append(reason)
        self._errors.pop(feed.campaign.id, None)
        self._drop(feed)

    def _hold(self, feed: Feed, reason: HoldReason, until: datetime | None = None) -> None:
        self._world.directory.hold_campaign(feed.campaign.id, reason, until)
        feed.campaign = replace(feed.campaign, hold_reason=reason, hold_until=until)

    def _drop(self, feed: Feed) -> None:
        if self._feeds.get(feed.run.campaign_id) is feed:
            del self._feeds[feed.run.campaign_id]
            self._purse.empty(feed.run.campaign_id)

    # The end ----------------------------------------------------------------------

    def _linger(self) -> bool:
        """Wait a little for a retry that is nearly due; False when there is nothing to wait for."""
        dues = [due for feed in self._feeds.values() if (due := feed.next_due()) is not None]
        if self._replies.ready_at is not None:
            dues.append(self._replies.ready_at)
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
            if not self._world.walking.watches.any_unsent(feed.campaign.id):
                directory.note_all_submitted(feed.campaign.id, self._clock.now())
            elif feed.rests_until is not None:
                self._hold(feed, HoldReason.QUIET_HOURS, feed.rests_until)
        self._world.reconcile_queue.put({"campaign_id": feed.campaign.id}, delay_s=5)

    def _hand_over(self) -> None:
        """
        Give the lease back, then look once more.

        A wake-up that came while we held the lease was dropped, but the run it
        was for had been written before: this look sees it.
        """
        self._bucket.refill(self._clock.monotonic())
        self._world.leases.release(self._lease, self._bucket.tokens, self._clock.now())
        directory, queue = self._world.directory, self._world.send_queue
        if self._stopped:
            sender = directory.sender(self._sender.id)
            hand_to_others(sender, directory, queue, self._clock.now())
            return
        runs = list(_open(directory.runs(self._sender.id)))
        campaigns = directory.campaigns_by_id([run.campaign_id for run in runs])
        waiting = [run for run in runs if self._is_sending(campaigns[run.campaign_id])]
        delays = []
        if waiting:
            only_aside = all(self._is_aside(run) for run in waiting)
            delays.append(int(ASIDE_S) if only_aside else self._delay_s())
        # Only whether: what there is to do is for whoever holds the lease then.
        if self._replies.is_any_due():
            # Not at once: it may be an outbox that cannot be written to.
            delays.append(1)
        elif self._replies.ready_at is not None:
            pause = self._replies.ready_at - self._clock.now()
            delays.append(max(int(pause.total_seconds()), 1))
        if delays:
            self.report.handed_over = True
            queue.put({"sender_id": self._sender.id}, delay_s=min(delays))

    def _delay_s(self) -> int:
        """Return how long the next pacer may sleep: until a retry, if only retries are left."""
        if any(feed.stale for feed in self._feeds.values()):
            return int(REFRESH_EVERY_S)
        dues = [feed.next_due() for feed in self._feeds.values() if not feed.exhausted()]
        if not dues or any(due is None for due in dues):
            return 0
        now = self._clock.now()
        return max(0, int(min((due - now).total_seconds() for due in dues if due is not None)))


def hand_to_others(
    sender: Sender, directory: SendingDirectory, send_queue: Queue, now: datetime
) -> None:
    """
    Let the campaigns' other senders take over what *sender*, which is stopped, leaves (N3).

    They walk anew from the first part; what has a row is not theirs. A campaign without
    another sender waits for this one. Idempotent: the minute's net repeats it after a crash.
    """
    available = Availability(directory, now)
    for run in list(_open(directory.runs(sender.id))):
        stand_ins = available.among(run.senders) - {sender.id}
        if not stand_ins or not run.candidates:
            continue
        for stand_in in sorted(stand_ins):
            directory.reopen_run(stand_in, run.campaign_id, 0)
            send_queue.put({"sender_id": stand_in})
        directory.retire_run(run, now)


def _left_by_last(lease: Lease, sender: Sender) -> float:
    """Return the tokens to begin with: what the last pacer left, and what has come since."""
    if lease.tokens_left is None:
        return 1.0
    return lease.tokens_left + sender.mps * lease.idle_s


def _open(runs: Iterable[Run]) -> Iterator[Run]:
    return (run for run in runs if run.state == "open")


def wake_idle_senders(
    directory: SendingDirectory, outbox: Outbox, send_queue: Queue, now: datetime
) -> int:
    """Wake every sender that has something to send; return how many. The minute's safety net."""
    woken = 0
    for sender in directory.senders():
        has_runs = any(_open(directory.runs(sender.id)))
        if not has_runs and not outbox.waiting(sender.id, now, 1):
            continue
        if sender.is_available(now):
            send_queue.put({"sender_id": sender.id})
            woken += 1
        else:
            hand_to_others(sender, directory, send_queue, now)
    return woken
