"""
``carillon doctor``: whether a deployment is well, as far as one may see from outside.

    api          reachable, and who we are to it
    clock        the server's Date against ours: signatures of AWS and of providers expire
    webhooks     an unsigned call is refused (403) by the function that providers reach
    senders      none has a problem that stops it, such as a secret that is missing
    dead queues  nothing was given up (with --stack and credentials for AWS)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final

import typer
import urllib3
from urllib3.exceptions import HTTPError

from infra.cli.api import Api, CliError, Refused, SettingsWrong, require_safe, signed_in
from infra.cli.screen import AsJson, Screen, screen

_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=15.0)
# AWS refuses requests five minutes off, providers' signatures expire as fast.
_OFF_S, _FAR_OFF_S = 5.0, 120.0
OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    state: str
    detail: str


def doctor(
    webhook_url: Annotated[str, typer.Option(help="The deployment's WebhookUrl.")] = "",
    stack: Annotated[str, typer.Option(help="The stack's name, to look into its queues.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check a deployment; exit code 1 when something is wrong."""
    with screen(as_json) as shown:
        outputs, trouble = outputs_of(stack)
        queues = [trouble] if trouble else of_dead_queues(outputs)
        webhooks = _of_webhooks(webhook_url or outputs.get("WebhookUrl", ""))
        findings = [*_of_api(signed_in()), webhooks, *queues]
        shown.show([asdict(one) for one in findings], lambda: _draw(shown, findings))
        if any(one.state == FAILED for one in findings):
            raise typer.Exit(1)


def _of_api(api: Api) -> Iterator[Finding]:
    try:
        reply = api.reply("/v1/me")
    except Refused as error:
        yield Finding("api", FAILED, f"It answers, and does not let us in: {error.sentence}")
        return
    except CliError as error:
        yield Finding("api", FAILED, error.sentence)
        return
    me = reply.json
    kind = f" by a {me['key']} key" if me.get("key") else ""
    yield Finding("api", OK, f"Reachable; signed in as {me['role']}{kind}.")
    yield of_clock(reply.headers, datetime.now(UTC))
    yield from _of_senders(api)


def of_clock(headers: Mapping[str, str], now: datetime) -> Finding:
    """Compare the Date of an answer with *now*."""
    said = {name.lower(): value for name, value in headers.items()}.get("date", "")
    try:
        off_s = abs((parsedate_to_datetime(said) - now).total_seconds())
    except (TypeError, ValueError):
        return Finding("clock", SKIPPED, "The API's answer bears no date.")
    state = FAILED if off_s > _FAR_OFF_S else WARNING if off_s > _OFF_S else OK
    return Finding("clock", state, f"{off_s:.0f} s between this machine and the deployment.")


def _of_senders(api: Api) -> Iterator[Finding]:
    try:
        senders = list(api.pages("/v1/senders"))
    except CliError as error:
        state = SKIPPED if isinstance(error, Refused) and error.status == 403 else FAILED
        yield Finding("senders", state, error.sentence)
        return
    if not senders:
        yield Finding("senders", WARNING, "There is no sender yet.")
    for sender in senders:
        yield of_sender(sender)


def of_sender(sender: Mapping[str, Any]) -> Finding:
    """Say whether *sender* can send, as the API shows it."""
    name = f"sender {sender['id']}"
    if sender.get("problem"):
        reason = sender.get("problem_reason")
        return Finding(name, FAILED, f"{sender['problem']}{f' ({reason})' if reason else ''}")
    if sender["status"] != "active":
        return Finding(name, WARNING, f"It is {sender['status']}.")
    return Finding(name, OK, f"Active, by {sender['provider']}.")


def _of_webhooks(url: str) -> Finding:
    if not url:
        return Finding("webhooks", SKIPPED, "Say --webhook-url or --stack.")
    require_safe(url, "--webhook-url")
    try:
        # No sender has this id, so nothing is kept of the call.
        answer = urllib3.PoolManager(retries=False).request(
            "GET", f"{url.rstrip('/')}/twilio/doctor/status", timeout=_TIMEOUT, redirect=False
        )
    except HTTPError:
        return Finding("webhooks", FAILED, "Providers cannot reach this address.")
    return of_webhook_answer(answer.status, answer.data)


def of_webhook_answer(status: int, body: bytes) -> Finding:
    """Judge the answer to an unsigned call: our function's refusal, and nobody else's."""
    if status == 403 and body == b"Forbidden":
        return Finding("webhooks", OK, "Reachable; an unsigned call is refused.")
    if status // 100 == 2:
        return Finding("webhooks", FAILED, "An unsigned call was taken: this is not Carillon's.")
    return Finding("webhooks", FAILED, f"HTTP {status} instead of our function's 403.")


def outputs_of(stack: str) -> tuple[dict[str, str], Finding | None]:
    """Return the outputs of *stack*; none, and why, where AWS does not say."""
    if not stack:
        return {}, Finding("dead queues", SKIPPED, "Say --stack to look into them.")
    return _asking_aws(lambda: _describe(stack))


def _describe(stack: str) -> dict[str, str]:
    stacks = _client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}


def _asking_aws(
    ask: Callable[[], dict[str, str]],
) -> tuple[dict[str, str], Finding | None]:
    """Return what *ask* says, or nothing and the finding that says why not."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # optional
    except ImportError:
        return {}, Finding("dead queues", SKIPPED, "boto3 is not installed.")
    try:
        return ask(), None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return {}, Finding("dead queues", SKIPPED, f"AWS refused to show them ({code}).")
    except BotoCoreError as error:
        return {}, Finding("dead queues", SKIPPED, f"AWS cannot be asked ({type(error).__name__}).")


def of_dead_queues(outputs: Mapping[str, str]) -> list[Finding]:
    """Look into the dead-letter queues that a stack's *outputs* name."""
    urls = {name: url for name, url in outputs.items() if name.endswith("DeadQueueUrl")}
    if not urls:
        raise SettingsWrong("This stack has no dead-letter queues: is it Carillon's?")
    depths, trouble = _asking_aws(lambda: {name: _depth(url) for name, url in urls.items()})
    if trouble:
        return [trouble]
    full = {name: depth for name, depth in depths.items() if depth != "0"}
    if not full:
        return [Finding("dead queues", OK, f"All {len(depths)} are empty.")]
    return [Finding(name, FAILED, f"About {depth} given up.") for name, depth in full.items()]


def _depth(url: str) -> str:
    asked = _client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return str(asked["Attributes"]["ApproximateNumberOfMessages"])


def _client(service: str) -> Any:
    import boto3  # noqa: PLC0415  # half a second that only --stack should cost
    from botocore.config import Config  # noqa: PLC0415

    quick = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})
    return boto3.client(service, config=quick)


def _draw(shown: Screen, findings: list[Finding]) -> None:
    shown.table(("", "check", ""), [(one.state, one.check, one.detail) for one in findings])
