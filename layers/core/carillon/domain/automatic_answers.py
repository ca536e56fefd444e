"""
The wording of what we answer by ourselves to STOP, START and HELP (O2, O4).

Elements required by the CTIA Short Code Monitoring Handbook and Messaging
Principles: every answer names the organisation; an opt-out confirmation says
that nothing more will come and advertises nothing; help names a contact and
the way out; an opt-in confirmation adds frequency, rates, help and the way
out. Each is one segment for a name of up to 40 and a contact of up to 40
GSM-7 characters. Not legal advice.
"""

from carillon.domain.segments import smart_encode

# Longer names are cut: an answer that costs three segments helps nobody.
MAX_NAME = 40


def opt_out_confirmation(organisation: str) -> str:
    """Return the one message that follows an opt-out."""
    return (
        f"{_name(organisation)}: You are unsubscribed and will receive no more messages from us."
        " Reply START to resubscribe."
    )


def opt_in_confirmation(organisation: str) -> str:
    """Return the answer to somebody who has opted in again."""
    return (
        f"{_name(organisation)}: You are subscribed again. Msg frequency varies."
        " Msg&data rates may apply. Reply HELP for help, STOP to cancel."
    )


def help_text(organisation: str, help_contact: str = "") -> str:
    """
    Return the answer to HELP. *help_contact* is an address, number or URL.

    Without one, people are told to write back to the number itself, which an
    agent reads.
    """
    contact = help_contact.strip()
    way = f"Help at {smart_encode(contact)}." if contact else "For help reply with your question."
    return (
        f"{_name(organisation)}: {way}"
        " Msg freq varies. Msg&data rates may apply. Reply STOP to cancel."
    )


def _name(organisation: str) -> str:
    """Return the name on one line, plainly spelt where that keeps it GSM-7, at most MAX_NAME."""
    name = smart_encode(" ".join(organisation.split()))
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 3].rstrip() + "..."
