"""The words by which a phone stops, starts again and asks for help, and the answers to them."""

_SINGLE_WORD_KEYWORDS = {
    # Twilio's default keywords: the whole text, in any case, and nothing else.
    "stop": ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"),
    "start": ("start", "yes", "unstop"),
    "help": ("help", "info"),
}
_KEYWORDS = {word: kind for kind, words in _SINGLE_WORD_KEYWORDS.items() for word in words}

CONFIRMATIONS = {
    "stop": (
        "You have successfully been unsubscribed. You will not receive any more "
        "messages from this number. Reply START to resubscribe."
    ),
    "start": (
        "You have successfully been re-subscribed to messages from this number. "
        "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ),
    "help": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def keyword_of(text: str) -> str:
    """Return ``stop``, ``start``, ``help`` or an empty string, as Twilio's default rules do."""
    return _KEYWORDS.get(text.strip().casefold(), "")
