"""
Why was this person texted? (O6)

For each message that a campaign sent to a phone: whether they had consented just then, where
they may have been and how that is known, which window was open, which caps were counted, who
spoke and why, and what became of it.

Kept at the time, and told as it was: the rows, the ledger, the frozen audience with its
places. Not kept, and worked out anew from what stands now: the window, the caps' bounds, the
rules of the law pack and the choice of the sender. Those say ``derived: true``, and what may
have changed since says so beside (``changed_since``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.consent import ConsentEntry, consent_at
from carillon.domain.errors import NotFound
from carillon.domain.evidence import MessageKind, SentMessage
from carillon.domain.ids import lead_key, part_of
from carillon.domain.law_pack import LawPack
from carillon.domain.message import Recipient
from carillon.domain.metrics import failure_reason
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access
from carillon.domain.sender_choice import why_chosen
from carillon.domain.whereabouts import Whereabouts
from carillon.ports import Audiences, Clock, ConsentLedger, MessageEvidence, SendingDirectory
from carillon.usecases.disclose_consent import Disclosure
from carillon.usecases.manage_opt_outs import phone_in_path
from carillon.usecases.readiness import UNPLACED, Readiness, Rules, rules_of

# Messages to one person are counted towards caps for this long.
_COUNTED_FOR = timedelta(days=8)


@dataclass(frozen=True, kw_only=True)
class ExplainingWorld:
    """Everything that the answer is read from; *pack_version* names the law pack."""

    directory: SendingDirectory
    evidence: MessageEvidence
    audiences: Audiences
    ledger: ConsentLedger
    pack: LawPack
    pack_version: str
    clock: Clock


@dataclass(frozen=True)
class _Case:
    """One person in one campaign, and all that is known about the two."""

    campaign: Campaign
    phone: str
    recipient: Recipient
    where: Whereabouts
    history: Sequence[ConsentEntry]
    disclosure: Disclosure
    policy: OrganisationPolicy
    policy_since: datetime | None
    counted: Mapping[str, datetime]
    rules: Rules


def explain_messages(
    campaign_id: str, digits: str, access: Access, world: ExplainingWorld
) -> dict[str, Any]:
    """
    Return why each message of the campaign to the phone *digits* went, or did not.

    Raises NotFound: ``campaign_not_found``, ``lead_not_found`` when the phone is not in the
    campaign's audience.
    """
    campaign = world.directory.campaign(campaign_id)
    access.require_object(
        campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
    )
    case = _case(campaign, phone_in_path(digits), access, world)
    part = part_of(case.recipient.key, campaign.parts)
    messages = world.evidence.messages(campaign.id, part, case.recipient.key)
    return {
        "campaign_id": campaign.id,
        "phone": case.phone,
        "as_of": world.clock.now(),
        "place": {
            "zones": case.where.zones,
            "jurisdictions": case.where.jurisdictions,
            "evidence": case.where.evidence,
            # Of an audience that an earlier version of ours froze without places.
            "derived": case.recipient.whereabouts is None,
        },
        "policy": {
            "active_hours": case.policy.active_hours,
            "max_contacts_per_24h": case.policy.max_contacts_per_24h,
            "max_contacts_per_week": case.policy.max_contacts_per_week,
            "since": case.policy_since,
            "derived": True,
        },
        "law_pack": {"version": world.pack_version, "derived": True},
        "messages": [_explained(message, case, world) for message in messages],
    }


def _case(campaign: Campaign, phone: str, access: Access, world: ExplainingWorld) -> _Case:
    recipient = _recipient(campaign, phone, world.audiences)
    policy = world.directory.policy()
    history = tuple(world.ledger.history(phone))
    return _Case(
        campaign=campaign,
        phone=phone,
        recipient=recipient,
        where=recipient.whereabouts or UNPLACED,
        history=history,
        disclosure=Disclosure.to(access.caller, history, world.directory),
        policy=policy,
        policy_since=world.evidence.policy_since(),
        counted=world.evidence.counted(phone),
        rules=rules_of(policy, world.pack, timedelta(0)),
    )


def _recipient(campaign: Campaign, phone: str, audiences: Audiences) -> Recipient:
    absent = NotFound("This phone is not in the campaign's audience.", code="lead_not_found")
    if not campaign.parts:
        raise absent
    key = lead_key(phone)
    try:
        people = audiences.part(campaign.id, part_of(key, campaign.parts))
    except NotFound as error:
        raise absent from error
    for one in people:
        if one.key == key:
            return one
    raise absent


def _explained(message: SentMessage, case: _Case, world: ExplainingWorld) -> dict[str, Any]:
    code = message.error_code
    explained = {
        "kind": message.kind,
        "step": message.step,
        "purpose": message.purpose,
        "author": message.author or "campaign",
        "status": message.status,
        "reason": _reason(code) if code else None,
        "attempts": message.attempts,
        "claim_id": message.claim_id,
        "claimed_at": message.claimed_at,
        "submitted_at": message.submitted_at,
        "final_at": message.final_at,
        "provider_id": message.provider_id,
        "segments": message.segments,
        "cost_micros": message.cost_micros,
        "currency": message.currency,
        "consent": _consent(case, message.claimed_at),
    }
    if message.kind is MessageKind.ANSWER:
        # It answers what the person wrote, at once: no window, no cap, the number they wrote to.
        return {**explained, "sender": {"id": message.sender_id, "chosen_by": "answered"}}
    return {
        **explained,
        "content": _content(message, case.campaign),
        "window": _window(message, case),
        "rules": _rules(message, case, world.pack),
        "caps": _caps(message, case, world.clock.now()),
        "sender": _sender(message, case, world),
    }


def _reason(code: str) -> dict[str, str]:
    words = failure_reason(code)
    return {"code": code, "reason": words.reason, "advice": words.advice}


def _consent(case: _Case, at: datetime) -> dict[str, Any]:
    """Return what was known when the message was claimed, and what was said later."""
    entry = consent_at(case.history, at)
    later = [one for one in case.history if one.recorded_at > at]
    shown = case.disclosure.shown
    return {
        "opted_out": entry is not None and entry.opted_out,
        # Nobody had said anything: they stood in a list, and had not opted out.
        "entry": entry and shown(entry),
        "later": [shown(one) for one in later],
    }


def _content(message: SentMessage, campaign: Campaign) -> dict[str, Any]:
    return {
        "version": message.content_version,
        "variant": message.variant,
        "text_digest": message.text_digest,
        "changed_since": message.content_version != campaign.version,
    }


def _window(message: SentMessage, case: _Case) -> dict[str, Any]:
    windows = case.rules.windows_of(case.campaign)
    opening = windows.opening(case.where, message.claimed_at)
    is_open = opening is not None and opening.is_open(message.claimed_at)
    return {
        "was_open": is_open,
        "opens_at": opening and opening.opens_at,
        "closes_at": opening and opening.closes_at,
        "closed_by": windows.closed_by(case.where, message.claimed_at),
        "changed_since": _has_changed(message, case),
        "derived": True,
    }


def _has_changed(message: SentMessage, case: _Case) -> bool:
    """Whether campaign or policy are other ones than when *message* was claimed."""
    is_newer = case.policy_since is not None and case.policy_since > message.claimed_at
    return is_newer or message.content_version != case.campaign.version


def _rules(message: SentMessage, case: _Case, pack: LawPack) -> list[dict[str, str]]:
    found = pack.rules_for(case.where.jurisdictions, message.claimed_at.date())
    return [
        {
            "id": rule.id,
            "jurisdiction": rule.jurisdiction,
            "summary": rule.summary,
            "source": rule.source,
            "source_url": rule.source_url,
        }
        for rule in found
    ]


def _caps(message: SentMessage, case: _Case, now: datetime) -> list[dict[str, Any]]:
    caps = Readiness(case.campaign, case.rules).caps(case.recipient, message.claimed_at)
    is_kept = message.claimed_at > now - _COUNTED_FOR
    others = [at for name, at in case.counted.items() if name != message.name]
    return [
        {
            "most": cap.most,
            "within_s": int(cap.within.total_seconds()),
            # Messages to this person before it, within that time; null once they are forgotten.
            "counted": (
                sum(message.claimed_at - cap.within < at <= message.claimed_at for at in others)
                if is_kept
                else None
            ),
            "derived": True,
        }
        for cap in caps
    ]


def _sender(message: SentMessage, case: _Case, world: ExplainingWorld) -> dict[str, Any]:
    run = world.directory.run(message.sender_id, case.campaign.id)
    return {
        "id": message.sender_id,
        # Runs are kept for some weeks after their last message.
        "chosen_by": (
            why_chosen(case.recipient, run.candidates, message.sender_id) if run else "unknown"
        ),
        "candidates": [one.sender_id for one in run.candidates] if run else None,
        "derived": True,
    }
