"""
AWS list prices, us-east-1, first tier, as published on 2026-11-22; no free tier, no discounts.

Not counted: storage, backups, data transfer, KMS, alarms; and what the carrier bills, which
is a thousand times all of this.
"""

from dataclasses import dataclass

from tests.bench.meter import Usage

READ_ON = "2026-11-22"


@dataclass(frozen=True)
class Price:
    """Dollars for one of *unit*, and where it is published."""

    unit: str
    dollars: float
    source: str


PRICES = {
    "write units": Price(
        "write request unit", 0.625e-6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "read units": Price(
        "read request unit", 0.125e-6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "SQS": Price("request (64 kB)", 0.40e-6, "https://aws.amazon.com/sqs/pricing/"),
    "Lambda requests": Price("invocation", 0.20e-6, "https://aws.amazon.com/lambda/pricing/"),
    "Lambda duration": Price(
        "GB-second, arm64", 0.0000133334, "https://aws.amazon.com/lambda/pricing/"
    ),
    "webhook gateway": Price(
        "HTTP API request", 1.00e-6, "https://aws.amazon.com/api-gateway/pricing/"
    ),
    "S3 puts": Price("PUT request", 5.0e-6, "https://aws.amazon.com/s3/pricing/"),
    "S3 gets": Price("GET request", 0.4e-6, "https://aws.amazon.com/s3/pricing/"),
    "logs": Price("GB ingested", 0.50, "https://aws.amazon.com/cloudwatch/pricing/"),
}
REST_API = Price("REST API request", 3.50e-6, "https://aws.amazon.com/api-gateway/pricing/")


def costs(used: Usage) -> dict[str, float]:
    """Return the dollars that *used* comes to, by the names of ``PRICES``."""
    amounts = {
        "write units": used.write_units,
        "read units": used.read_units,
        "SQS": used.sqs_requests,
        "Lambda requests": sum(used.invocations.values()),
        "Lambda duration": used.gb_seconds,
        "webhook gateway": used.gateway_requests,
        "S3 puts": used.s3_puts,
        "S3 gets": used.s3_gets,
        "logs": used.log_bytes / 1e9,
    }
    return {name: amount * PRICES[name].dollars for name, amount in amounts.items()}
