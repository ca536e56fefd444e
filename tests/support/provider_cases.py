"""What every provider's tests need: one message, one reference, one webhook call, junk."""

import socket
from datetime import UTC, datetime

from hypothesis import strategies as st

from carillon.adapters.providers.contract import WebhookCall
from carillon.domain.message import CallbackRef, Outgoing, RowRef

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NUMBER, PHONE = "+12025550100", "+12025550142"
REF = CallbackRef(RowRef("cmp_a#00000", "abc123"), "clm_1")
TEXT = "Grüße & 50 % off? +1 👋"


def a_message(provider: str, text: str = TEXT, sender: str = NUMBER) -> Outgoing:
    """Return a message whose receipts come to *provider*'s address."""
    return Outgoing(
        sender=sender,
        recipient=PHONE,
        text=text,
        status_callback=f"https://hooks.example.com/{provider}/snd_a/status?ref={REF.token}",
        ref_token=REF.token,
    )


def a_call(url: str, body: bytes, headers: dict[str, str]) -> WebhookCall:
    """Return a webhook call that came in at ``NOW``."""
    lower = {name.lower(): value for name, value in headers.items()}
    return WebhookCall(method="POST", url=url, headers=lower, body=body, received_at=NOW)


def nobody_listens() -> str:
    """Return the address of a port that is closed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def junk_calls(*names: str) -> st.SearchStrategy[WebhookCall]:
    """Give calls with any body and any values for the headers *names*."""
    values = st.text(max_size=60) | st.sampled_from(["", "a.b.c", "0", "=", "HmacSHA256"])
    headers = st.dictionaries(st.sampled_from(names), values)
    return st.builds(
        a_call,
        url=st.text(max_size=40) | st.just("https://hooks.example.com/x?ref=a"),
        body=st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode()),
        headers=headers,
    )
