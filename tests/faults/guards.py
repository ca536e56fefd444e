"""
Every guard of the one promise, with how to break it and which tests must notice.

``mutation`` breaks one at a time in a copy of the tree; ``test_guards`` holds
each search text to matching exactly once. A condition is broken by making it
always true, so that the request stays valid.
"""

from dataclasses import dataclass

_CORE = "layers/core/carillon/"
_ROWS = _CORE + "adapters/dynamodb/hot_paths.py"
_CONTROL = _CORE + "adapters/dynamodb/control/directory.py"
_GATE = _CORE + "adapters/dynamodb/control/gate.py"
_LEASES = _CORE + "adapters/dynamodb/control/leases.py"
_CONSENT = _CORE + "adapters/dynamodb/suppressions.py"
_COUNTERS = _CORE + "adapters/dynamodb/counters.py"
_CONTACTS = _CORE + "adapters/dynamodb/contacts.py"
_SECRETS = _CORE + "adapters/secrets.py"
_AWS = _CORE + "adapters/aws.py"
_CLOCK = _CORE + "adapters/system_clock.py"
_TWILIO = _CORE + "adapters/providers/twilio.py"
_SLIM = _CORE + "adapters/dynamodb/slim.py"
_KEPT = _CORE + "adapters/kept_connections.py"
_POOL = _CORE + "adapters/providers/kept_pool.py"
_SIGNING = _CORE + "adapters/signing.py"
_LEAD = _CORE + "domain/lead.py"
_SEND = _CORE + "usecases/send_lead.py"
_OPT_OUT_JOBS = _CORE + "adapters/dynamodb/consent_jobs.py"
_OPT_OUT_DESK = _CORE + "usecases/manage_opt_outs.py"
_OPT_OUT_WORDS = _CORE + "domain/optout/__init__.py"
_MIRROR = _CORE + "domain/opt_out_mirror.py"
_PROGRESS = _CORE + "domain/progress.py"
_PACING = _CORE + "domain/pacing.py"
_BUDGETS = _CORE + "domain/budgets.py"
_LIMITS = _CORE + "adapters/dynamodb/limits.py"
_CHOICE = _CORE + "domain/sender_choice.py"
_READY = _CORE + "usecases/readiness.py"
_SPEND = _CORE + "usecases/spend_budgets.py"
_WALK = _CORE + "usecases/walk_parts.py"
_PACE = _CORE + "usecases/pace_sender.py"
_RECEIPT = _CORE + "usecases/record_receipt.py"
_RESOLVE = _CORE + "usecases/resolve_ambiguous.py"
_RECONCILE = _CORE + "usecases/reconcile_campaign.py"
_REPLY = _CORE + "usecases/process_reply.py"
_MEDIA = _CORE + "adapters/media.py"
_ATTACHMENTS = _CORE + "adapters/dynamodb/attachments.py"
_TALK = _CORE + "domain/conversation.py"
_BOOK = _CORE + "adapters/dynamodb/conversations.py"
_KEEP = _CORE + "usecases/keep_conversation.py"
_SAY = _CORE + "usecases/reply_in_conversation.py"
_ASK = _CORE + "usecases/ask_assistant.py"
_SPEAK = _CORE + "usecases/speak_for_assistant.py"
_WALK_OUTBOX = _CORE + "usecases/walk_outbox.py"
_OUTBOX = _CORE + "adapters/dynamodb/outbox.py"
_HOLD = _CORE + "domain/hold.py"
_INBOX = _CORE + "usecases/manage_conversations.py"
_CAMPAIGN_TABLE = _CORE + "adapters/dynamodb/entities/campaigns.py"
_DUE = _CORE + "usecases/start_due_campaigns.py"
_SERIES = _CORE + "usecases/start_occurrences.py"
_MANAGE = _CORE + "usecases/manage_campaigns.py"
_MANAGE_SERIES = _CORE + "usecases/manage_series.py"
_OCCURS = _CORE + "domain/occurrences.py"
_OCCURRENCES = _CORE + "adapters/dynamodb/occurrences.py"
_APPROVALS = _CORE + "usecases/approve_launches.py"
_APPROVAL = _CORE + "domain/approval.py"
_FOLD = _CORE + "usecases/fold_changes.py"
_AUDIENCE = _CORE + "domain/audience.py"
_MARKS = _CORE + "adapters/dynamodb/erasure_marks.py"
_PERSON = _CORE + "adapters/dynamodb/person_records.py"
_ERASE = _CORE + "usecases/erase_person.py"
_PLAN_AUDIENCE = _CORE + "usecases/plan_audience.py"
_CSV_IMPORTS = _CORE + "usecases/csv_imports.py"
_EXPORTS = _CORE + "domain/exports.py"
_EXPORT_JOBS = _CORE + "adapters/dynamodb/exports.py"
_HOOKS = _CORE + "domain/webhooks.py"
_DELIVER = _CORE + "usecases/deliver_webhooks.py"
_DELIVERIES = _CORE + "adapters/dynamodb/webhooks.py"
_EXPORT_ROWS = _CORE + "usecases/export_rows.py"
_ASK_APP = "functions/ask_assistant/app.py"
_WEBHOOKS = "functions/provider_webhooks/app.py"
_CLI_CAMPAIGNS = "infra/cli/campaigns.py"
_PINPOINT = "infra/cli/pinpoint.py"
_PINPOINT_IMPORT = "infra/cli/pinpoint_import.py"
_RECEIPTS = "functions/process_receipts/app.py"

_SANDBOX = _CORE + "adapters/providers/sandbox.py"
_REGISTRY = _CORE + "adapters/providers/registry.py"
_CAMPAIGNS = _CORE + "usecases/manage_campaigns.py"
_DOOR = _CORE + "usecases/admit_caller.py"
_KEYS = _CORE + "domain/api_keys.py"
_TOKENS = _CORE + "adapters/access_tokens.py"
_USERS = _CORE + "usecases/manage_users.py"
_RIGHTS = _CORE + "domain/permissions.py"
_AUDIT = _CORE + "domain/audit.py"

_LEADS_SUITE = "tests/adapters/test_sending_leads.py"
_TALKS_SUITE = "tests/adapters/test_sending_conversations.py"
_TWINS = "tests/adapters/test_twin_messages.py"
_MEDIA_SUITE = "tests/adapters/test_media.py"
_FILES_SUITE = "tests/adapters/test_attachments.py"
_OUTBOX_SUITE = "tests/adapters/test_outbox.py"
_BOOK_SUITE = "tests/adapters/test_conversations.py"
_TRANSCRIPTS_SUITE = "tests/adapters/test_transcripts.py"
_CONTROL_SUITE = "tests/adapters/test_sending_directory.py"
_CONSENT_SUITE = "tests/adapters/test_sending_suppressions.py"
_GATE_SUITE = "tests/adapters/test_gate_reads.py"
_OCCURRENCES_SUITE = "tests/adapters/test_occurrences.py"
_COUNTERS_SUITE = "tests/adapters/test_counters.py"
_SHELVES_SUITE = "tests/adapters/test_campaign_shelves.py"
_CONTACTS_SUITE = "tests/adapters/test_contacts.py"
_FUNCTIONS_SUITE = "tests/adapters/test_sending_functions.py"
_WEBHOOKS_SUITE = "tests/contracts/test_provider_webhooks_function.py"
_SIGNATURES = "tests/contracts/test_twilio_signatures.py"
_TWILIO_SUITE = "tests/contracts/test_twilio_adapter.py"
_SLIM_SUITE = "tests/adapters/test_slim_client.py"
_KEPT_SUITE = "tests/adapters/test_kept_connections.py"
_SIGNING_SUITE = "tests/adapters/test_signing.py"
_ANSWERS = "tests/faults/test_answers.py"
_OUTBOX_WALK = "tests/unit/test_walk_outbox.py"
_CRASHES = "tests/faults/test_crash_points.py"
_ANSWERS = "tests/faults/test_answers.py"
_FENCE = "tests/faults/test_opt_out_fence.py"
_PAUSES = "tests/faults/test_pause_and_fence.py"
_RACES = "tests/faults/test_silence_and_races.py"
_FOLDS = "tests/faults/test_counters_fold.py"
_IMPORTS = "tests/faults/test_import_contacts.py"
_ORDERS = "tests/faults/test_interleavings.py"
_SKEWS = "tests/faults/test_clock_skew.py"
_REFUSALS = "tests/faults/test_throttling.py"
_ODD_ROWS = "tests/faults/test_odd_rows.py"
_CLOCK_SUITE = "tests/adapters/test_system_clock.py"
_RULES = "tests/faults/test_sending_rules.py"
_LIMITS_SUITE = "tests/adapters/test_sending_limits.py"
_CLICKS = "tests/faults/test_clicks.py"
_CLICKS_SUITE = "tests/adapters/test_clicks.py"
_UNIT = "tests/unit/test_"


@dataclass(frozen=True)
class Guard:
    """
    One guard: *text* of *path* is what guards, *broken* what stands there without it.

    *tests* are files; *only* picks among their tests as pytest's -k does.
    """

    name: str
    path: str
    text: str
    broken: str
    tests: tuple[str, ...]
    only: str = ""


_ALWAYS = "attribute_exists(pk) OR attribute_not_exists(pk) OR "

GUARDS = (
    # The claim -----------------------------------------------------------------
    Guard(
        "a lead is claimed only while it has no row",
        _ROWS,
        'ConditionExpression="attribute_not_exists(pk)"',
        'ConditionExpression="attribute_not_exists(never_there)"',
        (_LEADS_SUITE,),
        "two_claims and dynamodb",
    ),
    Guard(
        "a retry is claimed only under the claim it repeats",
        _ROWS,
        'condition="claim_id = :before AND #status = :retrying"',
        f'condition="{_ALWAYS}claim_id = :before AND #status = :retrying"',
        (_LEADS_SUITE,),
        "retry and dynamodb",
    ),
    Guard(
        "nobody sends without the claim",
        _SEND,
        "if not world.leads.claim(claim):",
        "if not world.leads.claim(claim) and claim is None:",
        # The lease's fence is behind it: only a single step shows that this guard is gone.
        (_UNIT + "send_lead.py",),
        "somebody_else",
    ),
    Guard(
        "a claim is given back only by its holder",
        _ROWS,
        'ConditionExpression="claim_id = :id AND #status = :claimed"',
        f'ConditionExpression="{_ALWAYS}claim_id = :id AND #status = :claimed"',
        (_LEADS_SUITE,),
        "back and dynamodb",
    ),
    Guard(
        "a result is written only by the claim's holder, never over a later state",
        _ROWS,
        'condition="claim_id = :id AND #status = :claimed"',
        f'condition="{_ALWAYS}claim_id = :id AND #status = :claimed"',
        (_LEADS_SUITE,),
        "dynamodb and (holder or acceptance)",
    ),
    Guard(
        "unconfirmed closes only the claim it was decided on",
        _ROWS,
        'condition="claim_id = :id AND #status IN (:s0, :s1)"',
        f'condition="{_ALWAYS}claim_id = :id AND #status IN (:s0, :s1)"',
        (_LEADS_SUITE,),
        "unconfirmed and dynamodb",
    ),
    Guard(
        "a call of unknown outcome is never repeated blindly",
        _SEND,
        "return SendResult(outcome=Sent.AMBIGUOUS, claim_id=claim.id, code=error.provider_code)",
        "return _retry_or_fail(claim, error, world)",
        (_CRASHES,),
        "without_a_crash",
    ),
    Guard(
        "a request without an answer is of unknown outcome",
        _TWILIO,
        'raise OutcomeUnknown(\n                "Twilio did not answer."',
        'raise Unavailable(\n                "Twilio did not answer."',
        (_TWILIO_SUITE,),
        "dropped",
    ),
    Guard(
        "a 5xx is of unknown outcome",
        _TWILIO,
        "if answer.status >= 500:",
        "if answer.status >= 600:",
        (_TWILIO_SUITE,),
        "503",
    ),
    Guard(
        "a log that cannot be read is not an empty log",
        _TWILIO,
        'log["messages"]',
        'log.get("messages", [])',
        (_TWILIO_SUITE,),
        "empty_one",
    ),
    Guard(
        "a log with more pages is not an empty log",
        _TWILIO,
        'if log.get("next_page_uri") and len(recent) == len(entries):',
        'if log.get("next_page_uri") and len(recent) > len(entries):',
        (_TWILIO_SUITE,),
        "more_pages",
    ),
    Guard(
        "the log of a service is not that of a number",
        _TWILIO,
        'by_sender = {} if _is_service(sender) else {"From": sender}',
        'by_sender = {"From": sender}',
        (_TWILIO_SUITE,),
        "service",
    ),
    # The gate ------------------------------------------------------------------
    Guard(
        "an opted-out person is not texted",
        _SEND,
        "if view.opted_out:",
        "if view.opted_out and claim is None:",
        (_FENCE,),
        "no_call_starts",
    ),
    Guard(
        "a campaign that is not active does not send",
        _SEND,
        "return not view.campaign_active or",
        "return",
        # Every pause makes a new version, which the gate sees too: only a single step shows this.
        (_UNIT + "send_lead.py",),
        "not_active",
    ),
    Guard(
        "a pacer whose lease was taken does not send",
        _SEND,
        "or view.lease_token != lease.token\n",
        "\n",
        (_PAUSES,),
        "lease",
    ),
    Guard(
        "an old answer of the gate is asked for again",
        _SEND,
        "if now - looked_at <= GATE_MAX_AGE_S:",
        "if now >= looked_at:",
        (_FENCE,),
        "too_long_ago",
    ),
    Guard(
        "an old claim does not become a call",
        _SEND,
        "or now - claimed_at > CLAIM_MAX_AGE_S\n",
        "\n",
        (_UNIT + "send_lead.py",),
        "too_old",
    ),
    Guard(
        "the gate waits for keys left unprocessed",
        _CORE + "adapters/dynamodb/batches.py",
        "left = answer.get(left_in) or {}",
        "left = dict[str, Any]()",
        (_GATE_SUITE,),
    ),
    Guard(
        "the gate reads consent consistently",
        _GATE,
        'for pk in people],\n                "ConsistentRead": True,',
        'for pk in people],\n                "ConsistentRead": False,',
        (_GATE_SUITE,),
    ),
    Guard(
        "who may have meant to opt out is not texted",
        _SEND,
        "if view.is_held and assignment.answer is None:",
        "if view.is_held and assignment.by_assistant:",
        (_UNIT + "send_lead.py",),
        "meant_to_opt_out",
    ),
    Guard(
        "the assistant does not speak to somebody who is held",
        _SEND,
        "        if view.is_held:\n            # A person has to speak to them now (V6).\n",
        "        if view.opted_out:\n            # A person has to speak to them now (V6).\n",
        (_UNIT + "send_lead.py",),
        "held_by_now",
    ),
    Guard(
        "the assistant's answer does not go once a person has the conversation",
        _SEND,
        'return None if view.is_assistants else "conversation_taken_over"',
        "return None",
        (_ANSWERS,),
        "once_a_person_has",
    ),
    Guard(
        "no answer goes in a conversation that has left the queue",
        _SEND,
        '        if view.is_closed:\n            return "conversation_closed"\n',
        "",
        (_ANSWERS,),
        "left_the_queue",
    ),
    Guard(
        "the gate knows whose conversation it is",
        _GATE,
        'talk.get("operated_by") == ASSISTANT',
        '"operated_by" in talk',
        (_CONTROL_SUITE,),
        "whose_conversation and dynamodb",
    ),
    Guard(
        "the gate knows a conversation that has left the queue",
        _GATE,
        'is_closed=talk.get("closed", False),',
        "is_closed=False,",
        (_CONTROL_SUITE,),
        "whose_conversation and dynamodb",
    ),
    Guard(
        "an answer does not leave hours late",
        _WALK_OUTBOX,
        "if now - (reply.due_at or reply.queued_at) > LATEST:",
        "if now < reply.queued_at:",
        (_ANSWERS,),
        "midnight",
    ),
    Guard(
        "an answer does not leave after the recipient's hours",
        _WALK_OUTBOX,
        "closes_at=None if problem else reply.closes_at,",
        "closes_at=None,",
        (_OUTBOX_WALK,),
        "while_it_waits",
    ),
    Guard(
        "an answer put off to the moment it stands at is not lost",
        _OUTBOX,
        "if _entry_key(later) != _entry_key(reply):",
        "if later.look_at is not None:",
        (_OUTBOX_SUITE,),
        "same_moment and dynamodb",
    ),
    Guard(
        "one answer that fails us does not stop the others",
        _WALK_OUTBOX,
        "self._contained(reply, partial(self._admit, reply, now))",
        "self._admit(reply, now)",
        (_OUTBOX_WALK,),
        "cannot_be_read",
    ),
    Guard(
        "a look asks the provider a bounded number of times",
        _WALK_OUTBOX,
        "return self._resolves_left >= 0 and",
        "return",
        (_OUTBOX_WALK,),
        "few_at_a_time",
    ),
    Guard(
        "an answer that waits does not hide the ones behind it",
        _WALK_OUTBOX,
        "            self._put_off(reply, row.due_at)\n",
        "            self._coming.append(row.due_at)\n",
        (_OUTBOX_WALK,),
        "hide",
    ),
    Guard(
        "a promised reply is found by the minute's net",
        _SPEAK,
        "for conversation_id in book.promised(clock.now() - FORGOTTEN, _MOST_FORGOTTEN):",
        'for conversation_id in [""]:',
        (_UNIT + "speak_for_assistant.py",),
        "forgotten",
    ),
    Guard(
        "a released message holds nobody again",
        _HOLD,
        "if is_cleared or cause in before.released or cause in before.signals:",
        "if is_cleared or cause in before.signals:",
        (_CONTROL_SUITE,),
        "released_message and dynamodb",
    ),
    Guard(
        "a hold is released for what was seen alone",
        _HOLD,
        "for cause, at in before.signals.items() if at > until}",
        "for cause, at in before.signals.items() if at < before.signals[cause]}",
        (_CONTROL_SUITE,),
        "said_since and dynamodb",
    ),
    Guard(
        "START ends no hold of a later message",
        _HOLD,
        "for cause, said in before.signals.items() if said >= at}",
        "for cause, said in before.signals.items() if said < at}",
        (_CONTROL_SUITE,),
        "asked_to_be_texted and dynamodb",
    ),
    Guard(
        "a question that fails again and again becomes a person's",
        _ASK_APP,
        "TRIES = 3",
        "TRIES = 5",
        (_FUNCTIONS_SUITE,),
        "failed_too_often",
    ),
    Guard(
        "the assistant does not answer outside legal hours where that is blocked",
        _ASK,
        "outside_hours=not hours.is_open,",
        "outside_hours=False,",
        (_UNIT + "ask_assistant.py",),
        "outside_legal_hours",
    ),
    Guard(
        "two changes of a hold do not undo each other",
        "layers/core/carillon/adapters/dynamodb/holds.py",
        'condition = "revision = :seen" if seen',
        'condition = "revision = :seen OR attribute_exists(pk)" if seen',
        (_CONTROL_SUITE,),
        "at_one_moment",
    ),
    Guard(
        "the gate knows an opt-out when it sees one",
        _MARKS,
        'if consent.get("status") == "opted_out":',
        'if consent.get("status") == "out":',
        (_CONTROL_SUITE,),
        "gate and dynamodb",
    ),
    # Leases and runs -----------------------------------------------------------
    Guard(
        "a lease is given only when the last one is over",
        _LEASES,
        'ConditionExpression="attribute_not_exists(lease_until) OR lease_until <= :now"',
        f'ConditionExpression="{_ALWAYS}lease_until <= :now"',
        (_CONTROL_SUITE,),
        "lease and dynamodb",
    ),
    Guard(
        "a revoked lease is not renewed",
        _LEASES,
        '"#token = :token",\n            {":until": until, ":token": lease.token},',
        '"#token >= :token",\n            {":until": until, ":token": lease.token},',
        (_CONTROL_SUITE,),
        "lease and dynamodb",
    ),
    Guard(
        "a revoked lease is not released",
        _LEASES,
        '"#token = :token",\n            {":token": lease.token, ":left"',
        '"#token >= :token",\n            {":token": lease.token, ":left"',
        (_CONTROL_SUITE,),
        "lease and dynamodb",
    ),
    Guard(
        "a run that was sent back is not advanced",
        _CONTROL,
        '"next_part = :before AND #state = :open"',
        '"next_part <= :before AND #state = :open"',
        (_CONTROL_SUITE,),
        "run and dynamodb",
    ),
    Guard(
        "a run that was sent back is not finished",
        _CONTROL,
        '"next_part = :next AND next_part = parts AND #state = :open"',
        '"next_part <= :next AND #state = :open"',
        (_CONTROL_SUITE,),
        "run and dynamodb",
    ),
    Guard(
        "reopening never moves a run forward",
        _CONTROL,
        '"attribute_exists(pk) AND (next_part > :part OR #state <> :open)"',
        '"attribute_exists(pk) AND (next_part <> :part OR #state <> :open)"',
        (_CONTROL_SUITE,),
        "reopening and dynamodb",
    ),
    Guard(
        "only an active or paused campaign settles",
        _CONTROL,
        "f\"#status IN ({', '.join(before)})\"",
        f"f\"{_ALWAYS}#status IN ({{', '.join(before)}})\"",
        (_CONTROL_SUITE,),
        "settle and dynamodb",
    ),
    # Walking and reconciling ---------------------------------------------------
    Guard(
        "a part is watched before the hint passes it",
        _WALK,
        "        self._world.watches.put("
        "standing.watch(self.campaign.id, part, self._world.now()))\n"
        "        del self._open[part]\n"
        "        self._advance()\n",
        "        del self._open[part]\n"
        "        self._advance()\n"
        "        self._world.watches.put("
        "standing.watch(self.campaign.id, part, self._world.now()))\n",
        (_CRASHES,),
        "any_point",
    ),
    Guard(
        "a lead whose outcome we broke is walked again",
        _WALK,
        "                self.stale = True\n            case Sent.RETRY:",
        "                self._one_less(assignment.part)\n            case Sent.RETRY:",
        (_UNIT + "walk_parts.py",),
        "broke",
    ),
    Guard(
        "a sender hands out its own leads only",
        _WALK,
        "if self.run.sender_of(recipient, self.available) == self._sender.id",
        "if self.run.sender_of(recipient, self.available)",
        (_UNIT + "walk_parts.py",),
        "sender",
    ),
    Guard(
        "a lead with a row is not handed out",
        _PROGRESS,
        "    if lead is None:\n        return Due()",
        "    if lead is None or lead:\n        return Due()",
        (_UNIT + "walk_parts.py",),
        "row",
    ),
    Guard(
        "work that is left is handed over",
        _PACE,
        "        if waiting:\n",
        "        if not runs:\n",
        (_FUNCTIONS_SUITE,),
        "hands_over",
    ),
    Guard(
        "a lead without a row is walked again",
        _RECONCILE,
        "return not self._go_on(rows) and not unsettled",
        "return not unsettled",
        (_UNIT + "reconcile_campaign.py",),
        "without_a_row",
    ),
    Guard(
        "a claim within its grace is left alone",
        _RECONCILE,
        "if not self._ripe(row.claimed_at, self._world.ambiguous_grace, now):",
        "if now < row.claimed_at:",
        (_UNIT + "reconcile_campaign.py",),
        "grace",
    ),
    Guard(
        "a watch is followed before it is removed",
        _RECONCILE,
        "    world.watches.put(replace(watch, due_at=due_at, checks=checks, unsent=unsent))\n"
        "    if due_at != watch.due_at:\n"
        "        world.watches.remove(watch)\n",
        "    world.watches.remove(watch)\n"
        "    world.watches.put(replace(watch, due_at=due_at, checks=checks, unsent=unsent))\n",
        (_UNIT + "reconcile_campaign.py",),
        "watch",
    ),
    Guard(
        "runs are read before watches",
        _RECONCILE,
        "    next_due = world.watches.next_due(campaign.id)\n",
        "    next_due = world.watches.next_due(campaign.id)\n    runs = _runs(campaign, world)\n",
        (_UNIT + "reconcile_campaign.py",),
        "between",
    ),
    Guard(
        "an ambiguous claim is looked for in the provider's log",
        _RESOLVE,
        "    if found is not None:\n",
        "    if found is not None and row is None:\n",
        (_RACES,),
        "without_answer",
    ),
    # Receipts ------------------------------------------------------------------
    Guard(
        "a receipt never moves a row backwards (the table)",
        _ROWS,
        "condition = f\"#status IN ({', '.join(names)})\"",
        f"condition = f\"{_ALWAYS}#status IN ({{', '.join(names)}})\"",
        (_LEADS_SUITE,),
        "receipt and dynamodb",
    ),
    Guard(
        "a receipt never moves a row backwards (the rule)",
        _LEAD,
        "LeadStatus.SUBMITTED: frozenset({LeadStatus.CLAIMED, LeadStatus.RETRYING})",
        "LeadStatus.SUBMITTED: frozenset(LeadStatus)",
        (_UNIT + "lead_states.py",),
    ),
    Guard(
        "a receipt without a row is parked",
        _RECEIPT,
        "if outcome is ReceiptOutcome.UNKNOWN_ROW:",
        "if outcome is ReceiptOutcome.APPLIED:",
        (_UNIT + "record_receipt.py",),
    ),
    Guard(
        "a parked receipt is kept until its row is there",
        _RECEIPT,
        "if leads.apply_receipt(receipt) is not ReceiptOutcome.UNKNOWN_ROW:",
        "if leads.apply_receipt(receipt):",
        (_UNIT + "record_receipt.py",),
    ),
    Guard(
        "of a batch the first final receipt counts",
        _RECEIPT,
        "if standing is None or not standing.is_final:",
        "if standing is None or standing:",
        (_UNIT + "record_receipt.py",),
    ),
    Guard(
        "an opt-out at the provider is one here",
        _RECEIPT,
        "return lookup(receipt.error_code).kind is CodeKind.OPTED_OUT",
        "return lookup(receipt.error_code) is None",
        (_UNIT + "record_receipt.py",),
    ),
    Guard(
        "what is said of one attempt counts for no other",
        _RECEIPT,
        "key = (receipt.ref, receipt.claim_id)",
        "key = (receipt.ref, None)",
        (_UNIT + "record_receipt.py",),
        "two_attempts",
    ),
    Guard(
        "a receipt that tells of an error is always recorded",
        _RECEIPT,
        "if not r.is_final and not r.error_code",
        "if not r.is_final",
        (_UNIT + "record_receipt.py",),
        "tells_of_an_error",
    ),
    Guard(
        "a failed write sends its messages back",
        _RECEIPTS,
        "broken.add(row[0].ref)",
        "broken.discard(row[0].ref)",
        (_FUNCTIONS_SUITE,),
        "alone_go_back",
    ),
    # Replies -------------------------------------------------------------------
    Guard(
        "an opt-out is confirmed within five minutes or not at all",
        _REPLY,
        "    if _is_too_late(purpose, reply, world.clock.now()):\n",
        "    if False:\n",
        (_UNIT + "process_reply.py",),
        "five_minutes or in_time",
    ),
    Guard(
        "an opt-out is committed before anything else",
        _REPLY,
        "    standing = _opted_out(reply, world) if keyword is Keyword.STOP else None\n"
        "    sender = world.directory.sender(reply.sender_id)\n",
        "    sender = world.directory.sender(reply.sender_id)\n"
        "    standing = _opted_out(reply, world) if keyword is Keyword.STOP else None\n",
        (_UNIT + "process_reply.py",),
        "committed",
    ),
    Guard(
        "an opt-in counts from when its message first came",
        _REPLY,
        "replace(reply, received_at=first_at)",
        "reply",
        (_FENCE,),
    ),
    Guard(
        "an inbound message is stored once",
        _REPLY,
        'RowRef(thread.pk, f"{thread.key}#in#{reply.provider_id}")',
        'RowRef(thread.pk, f"{thread.key}#in#{world.new_claim_id()}")',
        (_FENCE,),
        "crash_in_a_stop",
    ),
    Guard(
        "of two deliveries of one message one is the duplicate",
        _ROWS,
        '"ConditionExpression": "attribute_not_exists(pk) OR received_at < :oldest"',
        '"ConditionExpression": "attribute_not_exists(pk) OR :oldest = :oldest"',
        (_TWINS,),
    ),
    Guard(
        "nothing that expires stands in a campaign's part",
        _ROWS,
        '"pk": schema.twins_pk(reply.sender_id, key)',
        '"pk": schema.part_pk("cmp_a", 0)',
        (_TWINS,),
    ),
    Guard(
        "a duplicate is still answered for the consent that it changed",
        _REPLY,
        'if purpose and not (purpose == "help" and recorded.duplicate_of):',
        "if purpose and not recorded.duplicate_of:",
        (_UNIT + "process_reply.py",),
    ),
    Guard(
        "a stranger's file is fetched from the public internet alone",
        _MEDIA,
        "if not self._is_trusted(place) and not all(map(is_public, found)):",
        "if not self._is_trusted(place) and not any(map(is_public, found)):",
        (_MEDIA_SUITE,),
    ),
    Guard(
        "a file's name is looked up once",
        _MEDIA,
        "(address, self._place.port), timeout",
        "(self._place.host, self._place.port), timeout",
        (_MEDIA_SUITE,),
        "looked_up_once",
    ),
    Guard(
        "credentials stay with the provider's own hosts",
        _MEDIA,
        "asks = answer.status in _WHO_ARE_YOU and place.host in access.own_hosts",
        "asks = answer.status in _WHO_ARE_YOU",
        (_MEDIA_SUITE,),
        "who_asks",
    ),
    Guard(
        "what became of a file is noted once",
        _ATTACHMENTS,
        " AND attribute_not_exists(media.#index)",
        "",
        (_FILES_SUITE,),
        "first_note and dynamodb",
    ),
    Guard(
        "an answer is claimed once",
        _REPLY,
        "if not world.conversations.claim_answer(claim, purpose=purpose, text=text):",
        "if not world.conversations.claim_answer(claim, purpose=purpose, text=text) and not reply:",
        (_FENCE,),
        "confirmed_once",
    ),
    Guard(
        "only the message that opted out is confirmed",
        _REPLY,
        "if standing is None or standing.cause != reply.provider_id or reply.handled_by_provider:",
        "if standing is None or reply.handled_by_provider:",
        (_FENCE,),
        "confirmed_once",
    ),
    Guard(
        "an answer of unknown outcome waits for its grace",
        _REPLY,
        "if now < ripe_at:",
        "if now < row.claimed_at:",
        (_UNIT + "process_reply.py",),
        "grace",
    ),
    Guard(
        "the first reply and the first opt-out stand",
        _ROWS,
        'sets.append(f"#f{number} = if_not_exists(#f{number}, :f{number})")',
        'sets.append(f"#f{number} = :f{number}")',
        (_TALKS_SUITE,),
        "first and dynamodb",
    ),
    Guard(
        "a reply creates no lead",
        _ROWS,
        'condition="attribute_exists(pk)"',
        f'condition="{_ALWAYS}attribute_exists(pk)"',
        (_TALKS_SUITE,),
        "without_a_row and dynamodb",
    ),
    Guard(
        "an older START does not undo a STOP",
        _CONSENT,
        '"#status = :other AND event_at < :at"',
        '"#status = :other AND NOT event_at = :at"',
        (_CONSENT_SUITE,),
        "newest and dynamodb",
    ),
    Guard(
        "an older STOP does not undo a START",
        _CONSENT,
        '"#status = :other AND event_at <= :at"',
        '"#status = :other AND (event_at <= :at OR event_at > :at)"',
        (_CONSENT_SUITE,),
        "newest and dynamodb",
    ),
    Guard(
        "a consent said again moves its time",
        _CONSENT,
        "if standing.opted_out is not wanted.opted_out or standing.event_at >= wanted.event_at:",
        "if standing:",
        (_CONSENT_SUITE,),
        "newest and dynamodb",
    ),
    Guard(
        "an opt-out goes into the ledger with its suppression",
        _CONSENT,
        'self._transact({"Put": put}, *changes)',
        'self._transact({"Put": put})',
        (_CONSENT_SUITE,),
        "event_is_kept and dynamodb",
    ),
    Guard(
        "an opt-out stands even when the ledger refuses",
        _CONSENT,
        "            if wanted.opted_out:\n                self._client.put_item(**put)\n",
        "            if not wanted:\n                self._client.put_item(**put)\n",
        (_CONSENT_SUITE,),
        "refuses",
    ),
    Guard(
        "an opt-out that decides nothing is in the ledger too",
        _CONSENT,
        "                self._keep(wanted, standing)\n",
        "                assert wanted\n",
        (_CONSENT_SUITE,),
        "every_event and dynamodb",
    ),
    Guard(
        "an opt-out's entry of the ledger is never rewritten",
        _CONSENT,
        '"ConditionExpression": "attribute_not_exists(pk)"}}',
        '"ConditionExpression": "attribute_not_exists(never_there)"}}',
        (_CONSENT_SUITE,),
        "first_words and dynamodb",
    ),
    Guard(
        "a person's own opt-out is not taken back without their word",
        _OPT_OUT_DESK,
        "if not confirmed_by_contact and self._was_the_persons_own(standing):",
        "if confirmed_by_contact and self._was_the_persons_own(standing):",
        (_UNIT + "manage_opt_outs.py",),
    ),
    Guard(
        "removing an opt-out undoes nothing newer",
        _OPT_OUT_DESK,
        "event_at=standing.event_at + _LEAST,",
        "event_at=now,",
        (_UNIT + "manage_opt_outs.py",),
        "on_its_way",
    ),
    # Webhooks ------------------------------------------------------------------
    Guard(
        "an unsigned webhook is refused",
        _WEBHOOKS,
        "if not world.accounts.has_signed(call, sender_id, module):",
        "if world is None:",
        (_WEBHOOKS_SUITE,),
        "not_signed",
    ),
    Guard(
        "a signature covers the query string",
        _WEBHOOKS,
        '+ (f"?{query}" if query else "")',
        '+ (f"?{query}" if query == address else "")',
        (_WEBHOOKS_SUITE,),
        "raw_form",
    ),
    Guard(
        "a wrong signature does not match",
        _TWILIO,
        "return any(matches)",
        "return bool(matches)",
        (_SIGNATURES,),
    ),
    Guard(
        "an empty token signs nothing",
        _TWILIO,
        "        if token\n",
        "        if token is not None\n",
        (_SIGNATURES,),
        "rotated",
    ),
    Guard(
        "a stranger has a secret read anew once a minute",
        _SECRETS,
        "if last is not None and now - last < _READ_ANEW_AFTER_S:",
        "if last is not None and now < last:",
        ("tests/adapters/test_secrets.py",),
        "once_a_minute",
    ),
    # Counters ------------------------------------------------------------------
    Guard(
        "a fold moves the book only from where it read it",
        _COUNTERS,
        'condition = "#position = :expected"',
        'condition = "attribute_exists(#position) OR #position = :expected"',
        (_COUNTERS_SUITE,),
        "refused",
    ),
    Guard(
        "a new book is begun once",
        _COUNTERS,
        'condition = "attribute_not_exists(#position)"',
        'condition = "attribute_not_exists(never_there) OR attribute_not_exists(#position)"',
        (_COUNTERS_SUITE,),
        "refused",
    ),
    Guard(
        "what the book has is not counted again",
        _FOLD,
        "if c.position > known[part].position}",
        "if c.position}",
        (_FOLDS,),
    ),
    # Imports -------------------------------------------------------------------
    Guard(
        "a chunk of an import is counted by one runner",
        _CONTACTS,
        'expect={"status": before.status, "offset": before.position.offset},',
        'expect={"status": before.status},',
        (_CONTACTS_SUITE,),
        "import_advances",
    ),
    Guard(
        "a runner that was overtaken leaves the rest",
        _CSV_IMPORTS,
        "        if not self._try(after):\n            raise _Overtaken",
        "        self._try(after)",
        (_IMPORTS, "tests/faults/test_move_opt_outs.py"),
        "overtaken",
    ),
    Guard(
        "a chunk of an opt-out import is counted by one runner",
        _OPT_OUT_JOBS,
        'expected = {"status": before.status, "offset": before.position.offset}',
        'expected = {"status": before.status}',
        ("tests/adapters/test_consent_jobs.py",),
        "advances and dynamodb",
    ),
    Guard(
        "a piece of an export is committed by one runner",
        _EXPORT_JOBS,
        '            "unit": before.place.unit,\n            "after": before.place.after,\n',
        "",
        ("tests/adapters/test_exports.py",),
        "advances and dynamodb",
    ),
    Guard(
        "an export is for who may read all of its offices",
        _EXPORTS,
        "return all(access.covers(office) for office in offices)",
        "return any(access.covers(office) for office in offices)",
        (_UNIT + "manage_exports.py",),
        "may_read_all",
    ),
    Guard(
        "an export with numbers is for who may see them",
        _EXPORTS,
        "if export.reach.full and not sees_contacts(role):",
        "if False:",
        (_UNIT + "manage_exports.py",),
        "may_read_all",
    ),
    Guard(
        "what reached a sender before it moved is its former office's",
        _EXPORT_ROWS,
        "[one for one in found if self.reach.covers(one.office_id)]",
        "found",
        (_UNIT + "export_data.py",),
        "other_offices",
    ),
    Guard(
        "another system hears of its own offices alone",
        _HOOKS,
        "of_theirs = self.office_id is None or self.office_id == event.office_id",
        "of_theirs = True",
        (_UNIT + "webhooks.py",),
        "nothing_of_other_offices",
    ),
    Guard(
        "numbers go to the system that asked for them",
        _HOOKS,
        "return event if self.include_phone else event.without_phone()",
        "return event",
        (_UNIT + "webhooks.py",),
        "numbers_go",
    ),
    Guard(
        "a delivery that the queue brings twice is posted once",
        _DELIVER,
        "one for one in deliveries if one.event_id not in known",
        "one for one in deliveries",
        (_UNIT + "webhooks.py",),
        "posted_once",
    ),
    Guard(
        "an attempt at a delivery is claimed by one",
        _DELIVERIES,
        'ConditionExpression="#status = :pending AND next_at = :seen"',
        'ConditionExpression="#status = :pending AND :seen = :seen"',
        ("tests/adapters/test_webhooks.py",),
        "claimed_by_one and dynamodb",
    ),
    Guard(
        "a person's STOP to the provider is no old entry of ours",
        _MIRROR,
        "return not listed.by_person and committed_at is not None",
        "return committed_at is not None",
        (_UNIT + "mirror_opt_outs.py",),
        "not_undone_by_it",
    ),
    Guard(
        "a newer entry at a provider that kept an older one counts",
        _MIRROR,
        "return listed.since - kept.since < timedelta(milliseconds=1)",
        "return listed.phone != ''",
        (_UNIT + "mirror_opt_outs.py",),
        "after_a_refusal",
    ),
    Guard(
        "an opt-out in a quoted line holds the contact",
        _OPT_OUT_WORDS,
        "        or _opts_out(quoted)\n",
        "",
        (_UNIT + "optout.py",),
        "quoted_line_holds",
    ),
    Guard(
        "what is entered late into the ledger does not undo what has been said since",
        _CONSENT,
        'values = {":status": status_of(standing.opted_out), ":at": standing.event_at}\n'
        '    return "#status = :status AND event_at = :at", values',
        'values = {":status": status_of(standing.opted_out), ":at": standing.event_at}\n'
        '    return "attribute_exists(pk) OR (#status = :status AND event_at = :at)", values',
        ("tests/adapters/test_mirror_stores.py",),
        "stands_no_more and dynamodb",
    ),
    Guard(
        "another office's words stay with it",
        _CORE + "usecases/disclose_consent.py",
        "or told.campaign_id in self.own:",
        "or told.campaign_id not in self.own:",
        (_UNIT + "disclose_consent.py",),
    ),
    Guard(
        "nobody is opted in by letters that only look alike",
        _OPT_OUT_WORDS,
        "if keyword in _CONSENTS and has_twins(text):",
        "if keyword in _CONSENTS and has_twins(clean):",
        (_UNIT + "optout.py",),
        "only_look_alike",
    ),
    # Clocks, refusals and odd rows ----------------------------------------------
    Guard(
        "a machine whose clock is wrong goes by AWS's",
        _CLOCK,
        "return self._host_now() + self._behind",
        "return self._host_now()",
        (_SKEWS,),
        "reconciler_that_looks",
    ),
    Guard(
        "every answer of AWS sets the clock",
        _AWS,
        '    made.meta.events.register("after-call", _note_its_time)\n',
        "",
        (_CLOCK_SUITE,),
        "sets_a_wrong_clock",
    ),
    Guard(
        "a refused request is tried again at once",
        _AWS,
        '"max_attempts": 4',
        '"max_attempts": 0',
        (_REFUSALS,),
        "tried_five_times",
    ),
    # The sender's own client ------------------------------------------------------
    Guard(
        "a refused request of the sender is tried again",
        _SLIM,
        "MOST_ATTEMPTS = 5",
        "MOST_ATTEMPTS = 1",
        (_REFUSALS,),
        "carry_a_batch",
    ),
    Guard(
        "a misspelt condition is not sent",
        _SLIM,
        "if unknown := request.keys() - self._known[operation]:",
        "if unknown := request.keys() - request.keys():",
        (_SLIM_SUITE,),
        "misspelt",
    ),
    Guard(
        "a damaged answer is not believed",
        _SLIM,
        "if told != str(counted) and (told or is_owed):",
        "if told == str(counted + 1):",
        (_SLIM_SUITE,),
        "tried_again and checksum",
    ),
    Guard(
        "an answer without a checksum is not taken for DynamoDB's",
        _SLIM,
        "is_owed = answer.status < 300",
        "is_owed = answer.status < 200",
        (_SLIM_SUITE,),
        "tried_again",
    ),
    Guard(
        "a page that is no answer does not say that nobody opted out",
        _SLIM,
        "    elif result is None:",
        "    elif result == []:",
        (_SLIM_SUITE,),
        "tried_again",
    ),
    Guard(
        "every answer to the sender sets the clock",
        _SLIM,
        "        self._note_its_time(answer)\n",
        "",
        (_SLIM_SUITE,),
        "sets_our_clock",
    ),
    Guard(
        "half an answer is none",
        _KEPT,
        "body = begun if len(begun) >= length else self._at_least(begun, length)",
        "body = begun",
        (_KEPT_SUITE,),
        "breaks_off",
    ),
    Guard(
        "a connection that the server has closed is not used",
        _KEPT,
        "            if not connection.was_closed():\n",
        "            if connection.is_open:\n",
        (_KEPT_SUITE,),
        "lay_idle",
    ),
    Guard(
        "a post whose answer was lost is not one that was never sent",
        _POOL,
        "    if isinstance(error, NotSent):",
        "    if isinstance(error, CallFailed):",
        (_TWILIO_SUITE,),
        "dropped",
    ),
    Guard(
        "a new day has a new signing key",
        _SIGNING,
        "if kept_day != day or kept_secret != secret:",
        "if kept_secret != secret:",
        (_SIGNING_SUITE,),
    ),
    Guard(
        "a row that cannot be read does not hold up its part",
        _ROWS,
        '{item["sk"]: _any_row(item) for item in found}',
        '{item["sk"]: _lead_row(item) for item in found}',
        (_ODD_ROWS,),
        "cannot_be_read",
    ),
    Guard(
        "whom a stopped campaign was to try again is claimed first",
        _RECONCILE,
        "if not self._world.leads.claim(last):",
        "if last is None:",
        (_ORDERS,),
        "ended_between",
    ),
    # Windows, limits, follow-ups, several senders ------------------------------
    Guard(
        "nobody is handed out before their window opens",
        _WALK,
        "if slot.at > now + KEEP_FOR:",
        "if slot.at is None:",
        (_RULES,),
        "slow_sender or morning",
    ),
    Guard(
        "no claim is made after the window has closed",
        _SEND,
        "return assignment.closes_at is not None and world.clock.now() >= assignment.closes_at",
        "return False",
        (_UNIT + "send_lead.py",),
        "window",
    ),
    Guard(
        "an edited campaign's old text does not pass the gate",
        _SEND,
        "or view.campaign_version != self.content_version",
        "or view.campaign_version is None",
        (_RULES,),
        "edited",
    ),
    Guard(
        "a reply cancels the follow-up at the gate",
        _SEND,
        "if view.has_replied or (",
        "if (view.has_replied and claim is None) or (",
        (_RULES,),
        "still_cancels",
    ),
    Guard(
        "a click cancels at the gate the follow-up for those who have not",
        _SEND,
        "(assignment.unless_clicked and view.has_clicked)",
        "(assignment.unless_clicked and claim is None)",
        (_CLICKS,),
        "still_cancels",
    ),
    Guard(
        "a follow-up for those who have not clicked passes over who has",
        _PROGRESS,
        "return follow_up.condition is StepCondition.NO_CLICK and lead.clicked_at is not None",
        "return False",
        (_UNIT + "progress.py",),
    ),
    Guard(
        "a machine's opening is no click of the person's",
        _CORE + "adapters/dynamodb/clicks.py",
        """if_not_exists(clicked_at, :at)" if click.machine is None else \"\"""",
        """if_not_exists(clicked_at, :at)\"""",
        (_CLICKS_SUITE,),
        "machines_opening",
    ),
    Guard(
        "a click is counted once",
        _CORE + "adapters/dynamodb/clicks.py",
        "(attribute_not_exists(last_click) OR last_click <> :id)",
        "(attribute_not_exists(last_click) OR last_click <> :none)",
        (_CLICKS_SUITE,),
        "same_click_again",
    ),
    Guard(
        "a short link is its lead's by the tag alone",
        _CORE + "domain/short_links.py",
        "return lead.startswith(start) and hmac.compare_digest(mine, self._tag.to_bytes(8))",
        'return lead.startswith(start) or mine == b""',
        (_UNIT + "follow_link.py", _UNIT + "short_links.py"),
    ),
    Guard(
        "a link that was sent keeps its address",
        _CORE + "usecases/campaign_checks.py",
        'if changes["links"][: len(stands)] != stands or not campaign.link_key:',
        "if not campaign.link_key:",
        (_UNIT + "manage_campaigns.py",),
        "links_are_only_added",
    ),
    Guard(
        "a short link leads to nothing that browsers could read otherwise",
        _CORE + "domain/short_links.py",
        "if len(url) > MAX_URL or not _URL.fullmatch(url):",
        "if len(url) > MAX_URL:",
        (_UNIT + "short_links.py",),
    ),
    Guard(
        "a reply or an opt-out ends the follow-ups",
        _PROGRESS,
        "is_over = lead.replied_at is not None or lead.opted_out_at is not None",
        "is_over = False",
        (_UNIT + "progress.py",),
    ),
    Guard(
        "a person's cap holds the message",
        _SEND,
        "    if not assignment.caps:\n        return None",
        "    if not assignment.caps or assignment.caps:\n        return None",
        (_RULES,),
        "than_the_cap",
    ),
    Guard(
        "a cap is kept by one writer at a time",
        _LIMITS,
        'ConditionExpression="attribute_not_exists(pk) OR version = :seen"',
        f'ConditionExpression="{_ALWAYS}version = :seen"',
        (_LIMITS_SUITE,),
        "at_once",
    ),
    Guard(
        "a budget never gives more than is left",
        _LIMITS,
        '"attribute_not_exists(used) OR used <= :room"',
        '"attribute_not_exists(used) OR used <= :room OR used > :room"',
        (_LIMITS_SUITE,),
        "budget and dynamodb",
    ),
    Guard(
        "a message comes out of its limits",
        _PACE,
        "used_up = self._purse.take(limits)",
        "used_up = self._purse.take([])",
        (_RULES,),
        "pilot or daily_limit_holds",
    ),
    Guard(
        "an account that is refused stops its sender",
        _PACE,
        "        self._stopped = True\n        now = self._clock.now()",
        "        now = self._clock.now()",
        (_RULES,),
        "refused",
    ),
    Guard(
        "what a stopped sender leaves goes to the others",
        _PACE,
        "directory.reopen_run(stand_in, run.campaign_id, 0)",
        "directory.run(stand_in, run.campaign_id)",
        (_RULES,),
        "handing_over_again or takes_over or failover",
    ),
    Guard(
        "too many failures pause the campaign",
        _PACE,
        "if result.outcome is Sent.FAILED and errors.is_exceeded(now):",
        "if result.outcome is Sent.FAILED and errors is None:",
        (_RULES,),
        "refusals",
    ),
    Guard(
        "too many bad receipts pause the campaign",
        _PACE,
        "            if errors.is_exceeded(now):\n",
        "            if errors is None:\n",
        (_RULES,),
        "bad_receipts",
    ),
    Guard(
        "a campaign pauses itself only as it was seen",
        _CONTROL,
        ") AND version = :seen",
        ") AND (version = :seen OR NOT version = :seen)",
        (_CONTROL_SUITE,),
        "pauses_itself and dynamodb",
    ),
    Guard(
        "a receipt speaks of its own attempt alone",
        _ROWS,
        'condition += " AND claim_id = :claim"',
        'condition += " AND (claim_id = :claim OR NOT claim_id = :claim)"',
        (_LEADS_SUITE,),
        "attempt and dynamodb",
    ),
    Guard(
        "a failed message is tried again only while it has tries left",
        _ROWS,
        'condition="claim_id = :claim AND attempts < :most AND #status IN (:s0, :s1)"',
        'condition="claim_id = :claim AND (attempts < :most OR NOT attempts < :most)'
        ' AND #status IN (:s0, :s1)"',
        (_LEADS_SUITE,),
        "tries and dynamodb",
    ),
    Guard(
        "tokens pass to the next pacer alone",
        _LEASES,
        'if stands.get("left_under") == stands["token"] - 1:',
        'if "left_under" in stands:',
        (_CONTROL_SUITE,),
        "tokens and dynamodb",
    ),
    Guard(
        "a message of ours is not taken for another",
        _TWILIO,
        'if str(entry["sid"]) not in known_ids',
        'if str(entry["sid"]) != ""',
        (_TWILIO_SUITE,),
        "known",
    ),
    Guard(
        "a log that shows an unknown message does not mean absent",
        _TWILIO,
        "    if unknown:\n        raise _unclear()",
        "    if unknown and text_digest is None:\n        raise _unclear()",
        (_TWILIO_SUITE,),
        "rewritten",
    ),
    Guard(
        "a conversation is written for the version that was read",
        _BOOK,
        '"version = :seen"',
        '"version = :seen OR attribute_exists(pk)"',
        (_BOOK_SUITE,),
        "one_wins and dynamodb",
    ),
    Guard(
        "a conversation begins once",
        _BOOK,
        'else "attribute_not_exists(pk)"',
        'else "attribute_not_exists(pk) OR attribute_exists(pk)"',
        (_BOOK_SUITE,),
        "begins_once and dynamodb",
    ),
    Guard(
        "merged inboxes pass nothing that was not read",
        _BOOK,
        "certain = [(place, one) for place, one in places if place >= floor]",
        "certain = places",
        (_BOOK_SUITE,),
        "bit_by_bit and dynamodb",
    ),
    Guard(
        "a message is taken into its conversation once",
        _TALK,
        "if _is_known(before, inbound.mark):",
        "if not before.applied and not inbound.mark:",
        (_UNIT + "keep_conversation.py",),
        "reopens",
    ),
    Guard(
        "who loses a race for a conversation reads it again",
        _KEEP,
        "standing = inbox.book.get(before.id)",
        "standing = before",
        (_UNIT + "keep_conversation.py",),
        "loses_a_race",
    ),
    Guard(
        "who replies has read what stands",
        _SAY,
        "require_version(before, version)",
        "require_version(before, None)",
        (_UNIT + "reply_in_conversation.py",),
        "at_once",
    ),
    Guard(
        "a reply is promised before it is queued",
        _SAY,
        "promised = self._world.book.save(after_human_reply(before, reply))",
        "self._world.outbox.put(reply); "
        "promised = self._world.book.save(after_human_reply(before, reply))",
        (_UNIT + "reply_in_conversation.py",),
        "before_either_wrote",
    ),
    Guard(
        "a promised reply is put into the outbox by whoever looks next",
        _SPEAK,
        "    outbox.put(reply)\n",
        "    clock.now()\n",
        ("tests/faults/test_conversations.py",),
        "survives",
    ),
    Guard(
        "nobody is answered after their opt-out",
        _SAY,
        "self._require_consent(before)",
        "self._windows(before, of_campaign=False)",
        (_UNIT + "reply_in_conversation.py",),
        "opted_out",
    ),
    Guard(
        "the assistant does not answer whom a person has answered",
        _TALK,
        "and conversation.awaiting_since is not None",
        "and conversation.version >= 0",
        (_UNIT + "ask_assistant.py",),
        "faster",
    ),
    Guard(
        "the assistant does not answer who opted out while it thought",
        _ASK,
        "    if _has_opted_out(conversation, world):\n        return Outcome.OVERTAKEN",
        "    if conversation.closed:\n        return Outcome.OVERTAKEN",
        (_UNIT + "ask_assistant.py",),
        "while_it_thinks",
    ),
    Guard(
        "only the newest message is the assistant's to answer",
        _ASK,
        "return asking[-1] if asking and asking[-1].sk == own else None",
        "return next((row for row in asking if row.sk == own), None)",
        (_UNIT + "ask_assistant.py",),
        "only_the_newest",
    ),
    Guard(
        "an agent's opt-out is noted once",
        _ROWS,
        'condition="attribute_exists(pk) AND attribute_not_exists(opted_out_at)"',
        'condition="attribute_exists(pk)"',
        (_TRANSCRIPTS_SUITE,),
        "noted_once and dynamodb",
    ),
    Guard(
        "nothing leaves a single-use number whose campaign is archived",
        _SEND,
        "if view.campaign_archived:",
        "if view.is_closed:",
        (_ANSWERS,),
        "single_use",
    ),
    # What recurs -------------------------------------------------------------------
    Guard(
        "a series fires only as it was read",
        _OCCURRENCES,
        """                "#status = :seen_status AND #schedule_at = :seen_schedule_at"
                " AND #version = :seen_version\"""",
        """                "(attribute_exists(pk) OR (#status = :seen_status AND "
                "#schedule_at = :seen_schedule_at AND #version = :seen_version))\"""",
        (_OCCURRENCES_SUITE,),
        "no_longer_as_it_was_read and real",
    ),
    Guard(
        "an occurrence is noted, and its run made, once",
        _OCCURRENCES,
        '"ConditionExpression": "attribute_not_exists(pk)"',
        f'"ConditionExpression": "{_ALWAYS}attribute_not_exists(pk)"',
        (_OCCURRENCES_SUITE,),
        "once_whoever or stands_under",
    ),
    Guard(
        "what has become of an occurrence is looked at before it fires",
        _SERIES,
        "if not due or world.occurrences.occurred(series.id, due[-1].local_time):",
        "if not due:",
        (_UNIT + "start_occurrences.py",),
        "read_the_series_before",
    ),
    Guard(
        "an occurrence that is too late does not fire",
        _SERIES,
        "if is_too_late(latest.due_at, now, limit):",
        "if is_too_late(latest.due_at, now, limit * 1000):",
        (_UNIT + "start_occurrences.py",),
        "too_late_does_not_fire",
    ),
    Guard(
        "a paused series launches nothing",
        _SERIES,
        "    if recurrence.paused:\n",
        "    if recurrence.count == 0:\n",
        (_UNIT + "start_occurrences.py",),
        "while_it_is_paused",
    ),
    Guard(
        "of several occurrences that are due the last alone fires",
        _SERIES,
        "return list(takewhile(lambda one: one.due_at <= now, coming))",
        "return list(takewhile(lambda one: one.due_at <= now, coming))[:1]",
        (_UNIT + "start_occurrences.py",),
        "after_days_away",
    ),
    Guard(
        "local times that a gap lets fall together are one occurrence",
        _OCCURS,
        "if last is None or due_at > last:",
        "if last is None or due_at >= last:",
        (_UNIT + "occurrences.py",),
        "no_instant_comes_twice",
    ),
    Guard(
        "a resumed series does not make up for its pause",
        _MANAGE_SERIES,
        'changes["schedule_at"] = now if coming is None else coming.due_at',
        "pass",
        (_UNIT + "manage_series.py",),
        "yet_to_come",
    ),
    Guard(
        "a series is not launched itself",
        _MANAGE,
        "        require_single(campaign)\n",
        "",
        (_UNIT + "manage_series.py",),
        "not_launched_itself",
    ),
    Guard(
        "a due campaign that nobody approved does not start",
        _DUE,
        "return not world.policy().launch_approval",
        "return True",
        (_UNIT + "start_due_campaigns.py",),
        "nobody_approved",
    ),
    Guard(
        "a launch goes ahead only with its approval",
        _APPROVALS,
        "return not self.are_needed() or (approval is not None and approval.holds)",
        "return True",
        (_UNIT + "approve_launches.py",),
        "asks_and_nothing_is_sent",
    ),
    Guard(
        "nobody approves their own launch",
        _APPROVAL,
        "if subject == approval.requested_by:",
        "if not subject:",
        (_UNIT + "approve_launches.py",),
        "their_own",
    ),
    Guard(
        "an edit voids an approval",
        _APPROVAL,
        "return replace(approval, state=ApprovalState.VOID, voided_by=subject, voided_at=now)",
        "return replace(approval, voided_by=subject, voided_at=now)",
        (_UNIT + "approve_launches.py",),
        "edit",
    ),
    Guard(
        "an erasure looks again only after whoever was reading has written",
        _ERASE,
        "    if early_s > 0:",
        "    if early_s > NEXT_PASS_AFTER_S:",
        ("tests/adapters/test_erase_person.py",),
        "asking_again",
    ),
    Guard(
        "what another admin took away is not given back",
        _CORE + "adapters/dynamodb/people.py",
        '_AS_SEEN = "version = :seen OR (:seen = :none AND attribute_not_exists(pk))"',
        '_AS_SEEN = "attribute_exists(pk) OR attribute_not_exists(pk) OR :seen = :none"',
        ("tests/adapters/test_people.py",),
        "as_it_stands",
    ),
    Guard(
        "an approval does not outlive the date that was missed",
        _CONTACTS,
        "approval = voided(campaign.approval, PLATFORM, now)",
        "approval = campaign.approval",
        (_CONTACTS_SUITE,),
        "held_campaign and real",
    ),
    Guard(
        "an approval does not outlive its series",
        _CORE + "usecases/start_occurrences.py",
        "approval=voided(series.approval, PLATFORM, now),",
        "approval=series.approval,",
        (_UNIT + "start_occurrences.py",),
        "approval_of_a_series",
    ),
    Guard(
        "what was edited while paused needs a new approval to go on",
        _APPROVALS,
        "return approval is None or self.lets_start(approval)",
        "return True",
        (_UNIT + "approve_launches.py",),
        "while_it_is_paused",
    ),
    Guard(
        "a due campaign is launched only as it was looked at",
        _CONTACTS,
        '        "version": campaign.version,\n    }\n\n\ndef _moved(',
        "    }\n\n\ndef _moved(",
        (_CONTACTS_SUITE,),
        "edited_since and real",
    ),
    Guard(
        "a campaign that was launched meanwhile is not deleted",
        _CAMPAIGN_TABLE,
        "                unlaunched\n                & ",
        "                ",
        (_SHELVES_SUITE,),
        "launched_meanwhile and dynamodb",
    ),
    # Audiences and erasures ----------------------------------------------------
    Guard(
        "whom an exclusion holds is in no audience",
        _AUDIENCE,
        "if contact.phone in banned:",
        "if contact.phone in banned and contact.phone in chosen:",
        (_UNIT + "count_audience.py", _UNIT + "plan_audience.py"),
        "excluded",
    ),
    Guard(
        "an excluded segment counts as an excluded list does",
        _PLAN_AUDIENCE,
        "exclude_segments=[by_id[one] for one in campaign.exclude_segment_ids],",
        "exclude_segments=[],",
        (_UNIT + "plan_audience.py",),
        "excluded_segment",
    ),
    Guard(
        "a segment that is gone stops a launch",
        _PLAN_AUDIENCE,
        "(*campaign.segment_ids, *campaign.exclude_segment_ids)",
        "campaign.segment_ids",
        (_UNIT + "plan_audience.py",),
        "excluded_segment or cannot_be_read",
    ),
    Guard(
        "parts of one audience are frozen by one filter",
        _PLAN_AUDIENCE,
        "segments = plan.segments if plan.parts else _segments(world, campaign)",
        "segments = _segments(world, campaign)",
        (_UNIT + "plan_audience.py",),
        "edited",
    ),
    Guard(
        "somebody erased is not texted",
        _GATE,
        "opted_out=is_out(consent, erased)",
        'opted_out=consent.get("status") == "opted_out"',
        ("tests/adapters/test_erase_person.py",),
        "never_sent_again",
    ),
    Guard(
        "only what is newer than an erasure lets somebody be texted",
        _MARKS,
        'consent["event_at"] > erased["event_at"]',
        'consent["event_at"] != ""',
        ("tests/adapters/test_erase_person.py",),
        "after_their_erasure",
    ),
    Guard(
        "a suppression goes only once its mark stands",
        _PERSON,
        "        if not fence:\n",
        "        if not fence and fence:\n",
        ("tests/adapters/test_erase_person.py",),
        "before_the_mark",
    ),
    Guard(
        "an erased lead that was not texted yet is settled before its place goes",
        _ERASE,
        'if is_free and not any(row["sk"] == thread.sk for row in rows):',
        'if is_free and any(row["sk"] == thread.sk for row in rows):',
        ("tests/adapters/test_erase_person.py",),
        "never_sent_again",
    ),
    Guard(
        "a scrubbed row stays settled",
        _PERSON,
        "drops = sorted(row.keys() - _KEPT - _BLANKED)",
        'drops = sorted(row.keys() - _KEPT - _BLANKED | ({"status"} & row.keys()))',
        ("tests/adapters/test_erase_person.py",),
        "never_sent_again or counters_stay",
    ),
    Guard(
        "an erasure is done only when a whole pass found nothing",
        _ERASE,
        "if after.found or not request.passes:",
        "if not request.passes:",
        ("tests/adapters/test_erase_person.py",),
        "slow_planner or waited_for",
    ),
    Guard(
        "a claim that may be on its way is waited for",
        _ERASE,
        "            is_settled = False",
        "            is_settled = True",
        ("tests/adapters/test_erase_person.py",),
        "waited_for",
    ),
    # Test keys, and who comes in ------------------------------------------------
    Guard(
        "a test ends in the sandbox",
        _SANDBOX,
        "if message.is_test:",
        "if message.is_test and not message.recipient:",
        ("tests/adapters/test_sandbox.py",),
        "reaches_nobody",
    ),
    Guard(
        "every provider account has the sandbox before it",
        _REGISTRY,
        "return Sandboxed(module.account(secret, self._pool))",
        "return module.account(secret, self._pool)  # type: ignore[return-value]",
        ("tests/adapters/test_sending_functions.py",),
        "no_provider_hears",
    ),
    Guard(
        "what a test campaign hands out is a test",
        _WALK,
        "is_test=self.campaign.is_test,",
        "is_test=False,",
        (_UNIT + "walk_parts.py",),
        "is_a_test",
    ),
    Guard(
        "the provider is told what is a test",
        _SEND,
        "is_test=assignment.is_test,",
        "is_test=False,",
        (_UNIT + "send_lead.py",),
        "what_is_a_test",
    ),
    Guard(
        "what a test key makes is a test",
        _CAMPAIGNS,
        "is_test=new.is_test or access.caller.is_test,",
        "is_test=new.is_test,",
        (_UNIT + "manage_campaigns.py",),
        "test_key_makes",
    ),
    Guard(
        "a test key touches no campaign that is none",
        _CAMPAIGNS,
        "access.require_kind(is_test=campaign.is_test)",
        "access.require_kind(is_test=True)",
        (_UNIT + "manage_campaigns.py",),
        "test_key",
    ),
    Guard(
        "a test key changes only what is listed for it",
        _RIGHTS,
        'if caller.is_test and method != "GET" and route not in TEST_KEY_CHANGES:',
        'if caller.is_test and method == "":',
        (_UNIT + "api_keys.py",),
        "listed_for_it",
    ),
    Guard(
        "a key with another secret opens nothing",
        _KEYS,
        "if not same or self.kind is not presented.kind:",
        "if self.kind is not presented.kind:",
        (_UNIT + "api_keys.py",),
        "another_secret",
    ),
    Guard(
        "a revoked key opens nothing",
        _KEYS,
        "return self.revoked_at is None and (",
        "return (",
        (_UNIT + "api_keys.py",),
        "revoked_or_expired",
    ),
    Guard(
        "a disabled user is turned away whatever their token says",
        _DOOR,
        "if record is not None and record.disabled:",
        "if record is not None and not record.id:",
        (_UNIT + "admit_caller.py",),
        "turned_away_whatever",
    ),
    Guard(
        "a token is taken only with the pool's signature",
        _TOKENS,
        'if header.get("alg") != "RS256" or not self._is_signed(header.get("kid"), signed, raw):',
        'if header.get("alg") != "RS256" or not raw:',
        ("tests/contracts/test_access_tokens.py",),
        "strangers_signature",
    ),
    Guard(
        "the last admin stays",
        _USERS,
        "if not self._leaves_an_admin(wanted.id):",
        "if not wanted.id:",
        (_UNIT + "manage_users.py",),
        "last_admin",
    ),
    Guard(
        "of two who take the last admins away at once one is told",
        _CORE + "adapters/dynamodb/people.py",
        '"ConditionExpression": "taken = :seen OR (:seen = :none AND attribute_not_exists(pk))",',
        f'"ConditionExpression": "{_ALWAYS}taken = :seen OR :seen = :none",',
        ("tests/adapters/test_people.py",),
        "dynamodb and taken_away_only",
    ),
    Guard(
        "an entry of the audit log is put once",
        _CORE + "adapters/dynamodb/audit.py",
        'ConditionExpression="attribute_not_exists(pk)",',
        'ConditionExpression="attribute_not_exists(never_there)",',
        ("tests/adapters/test_people.py",),
        "dynamodb and kept_whole_and_once",
    ),
    Guard(
        "the audit log shows no text that it was not told to show",
        _AUDIT,
        "name: image[name] if name in shown else hashed(_canonical(image[name]))",
        "name: image[name]",
        (_UNIT + "audit.py",),
        "phone_or_a_text",
    ),
    # From a terminal, and from Pinpoint ------------------------------------------
    Guard(
        "the command line launches only what somebody has confirmed",
        _CLI_CAMPAIGNS,
        'if not typer.confirm("Text these people now?", default=False, err=True):',
        'if typer.confirm("Text these people now?", default=False, err=True) is None:',
        ("tests/cli/test_commands.py",),
        "said_yes",
    ),
    Guard(
        "what Pinpoint says of an opt-out is read on the safe side",
        _PINPOINT,
        'if _one(endpoint, "OptOut").upper() not in ("", "NONE"):',
        'if _one(endpoint, "OptOut").upper() == "ALL":',
        ("tests/cli/test_pinpoint.py",),
        "may_be_texted",
    ),
    Guard(
        "a phone from Pinpoint without its country is nobody's contact",
        _PINPOINT,
        'if not phone_of(endpoint).startswith("+"):',
        'if phone_of(endpoint) == "":',
        ("tests/cli/test_pinpoint.py",),
        "may_be_texted",
    ),
    Guard(
        "Pinpoint's contacts wait until its opt-outs stand",
        _PINPOINT_IMPORT,
        'if stops["status"] != "done":',
        'if stops["status"] == "never":',
        ("tests/cli/test_commands.py",),
        "opt_outs_have_not",
    ),
)
