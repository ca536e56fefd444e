"""Where providers report to: the one place that builds and takes apart webhook addresses."""

from carillon.domain.message import CallbackRef


def status_callback(base_url: str, provider: str, sender_id: str, ref: CallbackRef) -> str:
    """Return the address that a message's receipts are posted to; the row travels in it (R3)."""
    return f"{base_url}/{provider}/{sender_id}/status?ref={ref.token}"
