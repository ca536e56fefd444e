"""
What people open: the short links of campaigns' messages (M6).

    GET  /{code}    302 to the address that the campaign recorded, the click noted
    HEAD /{code}    the same, for a machine
    GET  /robots.txt
    anything else   404, a page without a link

No sign-in, no cookie, no parameter: what a request says decides at most which recorded
address it is led to. Nothing of a code or a person is logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.clicks import DynamoClicks
from carillon.adapters.system_clock import SystemClock
from carillon.domain.clicks import Opening
from carillon.domain.errors import NotFound
from carillon.edge.logs import logger, metrics
from carillon.usecases.follow_link import FollowingWorld, follow_link

# Nobody may keep an answer (each click counts), learn where it came from, or list it.
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">'
    "<title>Not found</title><h1>This link leads nowhere</h1>"
    "<p>Check that it is written as in the message, or ask whoever sent it.</p></html>"
)
_ROBOTS = "User-agent: *\nDisallow: /\n"


@dataclass(frozen=True)
class Composition:
    """What the function stands on."""

    world: FollowingWorld
    clock: SystemClock


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env, clock = settings.from_env(settings.FollowLinks), SystemClock()
    clicks = DynamoClicks(
        aws.client("dynamodb"),
        control_table=env.control_table,
        messages_table=env.messages_table,
        monotonic=clock.monotonic,
    )
    return Composition(FollowingWorld(clicks=clicks, on_error=_report_lost), clock)


def lambda_handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one call of the links' HTTP API."""
    logger.set_correlation_id(event["requestContext"]["requestId"])
    made = build()
    method = event["requestContext"]["http"]["method"]
    # The gateway names a code for GET and HEAD alone.
    code = (event.get("pathParameters") or {}).get("code", "")
    answer = partial(_answer, is_head=method == "HEAD")
    if code == "robots.txt":
        return answer(200, _ROBOTS, {"Content-Type": "text/plain; charset=utf-8"})
    try:
        followed = follow_link(code, _opening(event, method, made.clock.now()), made.world)
    except NotFound:
        _count("link_not_found")
        return answer(404, _PAGE, {"Content-Type": "text/html; charset=utf-8"})
    _count("link_opened_by_machine" if followed.machine else "link_opened")
    return answer(302, "", {"Location": followed.url})


def _opening(event: Mapping[str, Any], method: str, now: datetime) -> Opening:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return Opening(method, headers, now, event["requestContext"]["requestId"])


def _answer(status: int, body: str, headers: Mapping[str, str], *, is_head: bool) -> dict[str, Any]:
    security = {"Content-Security-Policy": "default-src 'none'"} if body else {}
    return {
        "statusCode": status,
        "headers": {**_HEADERS, **security, **headers},
        "body": "" if is_head else body,
    }


def _report_lost(error: Exception) -> None:
    logger.error("click_lost", error_type=type(error).__name__)
    _count("click_lost")


def _count(name: str) -> None:
    counts = metrics()
    counts.add_metric(name=name, unit=MetricUnit.Count, value=1)
    counts.flush_metrics()
