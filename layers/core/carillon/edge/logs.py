"""
Structured logs and metrics, and the correlation id that follows a request through the queues.

Never a phone number, a message body, a token or a raw event (style: logs).
"""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()


def correlation_id() -> str:
    """Return the correlation id of what is being handled, or an empty string."""
    return logger.get_correlation_id() or ""


def metrics() -> Metrics:
    """Return the EMF metrics of this function; dimensions are bounded: service, provider."""
    return Metrics()
