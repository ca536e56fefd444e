"""Our own codes: what became of messages that no provider refused under a code of its own."""

from typing import Final

from carillon.domain.provider_codes import Advice, Codes, account, opted_out, permanent, transient

CODES: Final[Codes] = {
    # Of the lead and its text.
    "opted_out": opted_out("The recipient has opted out."),
    "invalid_phone": permanent("The number is not a valid phone number."),
    "missing_field": permanent(
        "A merge field of the text is empty for this contact.", Advice.TEMPLATE
    ),
    "empty_text": permanent("Nothing was left of the text for this contact.", Advice.TEMPLATE),
    "text_blank": permanent("Nothing was left of the text for this contact.", Advice.TEMPLATE),
    "text_too_long": permanent("The text became too long for this contact.", Advice.TEMPLATE),
    "render_failed": permanent(
        "The text could not be filled in for this contact.", Advice.TEMPLATE
    ),
    # Of the campaign and its sender.
    "no_sending_hours": permanent(
        "The campaign's hours and the law leave no time to text this person.", Advice.NOTHING
    ),
    "frequency_cap": permanent(
        "The person had been texted as often as law and policy allow.", Advice.NOTHING
    ),
    "answer_too_late": permanent(
        "The answer could not be sent within an hour. Write again if it still matters.",
        Advice.NOTHING,
    ),
    "confirmation_too_late": permanent(
        "The opt-out could not be confirmed within five minutes, and then must not be any more.",
        Advice.NOTHING,
    ),
    "campaign_stopped": permanent(
        "The campaign was stopped for good, and its single-use number with it.", Advice.NOTHING
    ),
    "contact_held": permanent(
        "The person may have meant to opt out, and nobody had decided what they meant.",
        Advice.NOTHING,
    ),
    "outside_hours": permanent(
        "The person's legal hours were over before the answer could be sent.", Advice.NOTHING
    ),
    "conversation_taken_over": permanent(
        "A person took the conversation over before the assistant's answer was sent.",
        Advice.NOTHING,
    ),
    "conversation_closed": permanent(
        "The campaign was stopped and archived, and with it all that its number sends.",
        Advice.NOTHING,
    ),
    "follow_up_cancelled": permanent(
        "The person replied or opted out before it could be tried again.", Advice.NOTHING
    ),
    "campaign_ended": permanent(
        "The campaign was ended before it could be tried again.", Advice.NOTHING
    ),
    "expired": permanent("The campaign was over before its turn came.", Advice.NOTHING),
    "schedule_missed": permanent(
        "The campaign's time had passed before it could start.", Advice.NOTHING
    ),
    "stopped_by_person": account("A person stopped the sender."),
    "sender_suspended": account("The sender was suspended because its provider refused it."),
    # Of the provider, in our words.
    "provider_never_accepted": permanent(
        "The provider did not answer, and its log shows that it never took the message.",
        Advice.ACCOUNT,
    ),
    "rejected": permanent("The provider refused the message without a reason.", Advice.ACCOUNT),
    "provider_rejected": permanent(
        "The provider refused the message without a reason.", Advice.ACCOUNT
    ),
    "provider_account_blocked": account("The provider refused our account without a reason."),
    "provider_unavailable": transient(
        "The provider was unavailable at every attempt.", Advice.ACCOUNT
    ),
    "unreachable": transient("The provider could not be reached at any attempt.", Advice.ACCOUNT),
    "throttled": transient("The provider was too busy at every attempt."),
    # Whether the message was taken is unknown: none of these may be tried again.
    "provider_outcome_unknown": permanent(
        "The provider did not say whether it took the message.", Advice.ACCOUNT
    ),
    "no_log": permanent(
        "The provider did not answer, and it keeps no log that we can look into.", Advice.ACCOUNT
    ),
    "log_unclear": permanent(
        "The provider did not answer, and its log does not tell our message from others.",
        Advice.ACCOUNT,
    ),
    "unknown": permanent("The provider gave no reason.", Advice.ACCOUNT),
}
