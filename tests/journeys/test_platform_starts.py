"""The platform itself: what is deployed, who gets in, and what is left when it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.deploy import ROOT, deploy
from infra.local.emulator import HOST, Emulator, free_port, running_emulator
from infra.local.errors import DeployFailed, LocalError, PortTaken
from infra.local.platform import LocalPlatform
from tests.support.template import resources

pytestmark = pytest.mark.platform


def answer(
    url: str,
    *,
    method: str = "GET",
    data: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, str, bytes]:
    """Return (status, content type, body) also of refusals."""
    request = urllib.request.Request(url, method=method, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers["Content-Type"], refused.read()


def test_the_tables_of_the_template_are_there_with_stream_and_index(
    platform: LocalPlatform,
) -> None:
    database = platform.client("dynamodb")
    tables = {
        name: database.describe_table(TableName=platform.outputs[name])["Table"]
        for name in ("ControlTable", "ContactsTable", "MessagesTable", "CountersTable")
    }

    assert tables["MessagesTable"]["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    wanted = resources("AWS::DynamoDB::Table", "data")["ControlTable"]["Properties"]
    assert {one["IndexName"] for one in tables["ControlTable"]["GlobalSecondaryIndexes"]} == {
        one["IndexName"] for one in wanted["GlobalSecondaryIndexes"]
    }


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer not.a.token"}])
def test_nobody_gets_in_without_a_token(platform: LocalPlatform, headers: dict[str, str]) -> None:
    status, content_type, body = answer(f"{platform.api_url}/v1/campaigns", headers=headers)

    assert (status, content_type) == (401, "application/problem+json")
    assert json.loads(body)["code"] == "unauthenticated"


def test_somebody_signed_in_is_known_with_role_and_offices(platform: LocalPlatform) -> None:
    person = platform.add_person("known@example.com", role="analyst", offices=["off_north"])

    token = platform.sign_in(person)

    status, _, body = answer(
        f"{platform.api_url}/v1/me", headers={"Authorization": f"Bearer {token}"}
    )
    assert status == 200
    assert json.loads(body)["role"] == "analyst"
    assert json.loads(body)["offices"] == ["off_north"]


def test_a_route_that_is_not_there_is_a_problem_too(platform: LocalPlatform) -> None:
    status, content_type, _ = answer(f"{platform.api_url}/v1/nothing")

    assert (status, content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["twilio/snd_nobody/inbound", "telnyx/snd_nobody/status", "pigeon/snd_nobody/inbound"]
)
def test_an_unsigned_webhook_reaches_its_function_and_is_refused(
    platform: LocalPlatform, path: str
) -> None:
    status, _, _ = answer(
        f"{platform.webhook_url}/{path}",
        method="POST",
        data=b"From=%2B14155550100&Body=STOP",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert status == 403
    assert '"service":"provider_webhooks"' in platform.logs()


def test_the_dashboard_is_served_where_the_platform_says(platform: LocalPlatform) -> None:
    status, content_type, body = answer(platform.dashboard_url)

    assert (status, content_type.partition(";")[0]) == (200, "text/html")
    assert b"<title>" in body


def test_deploying_again_changes_nothing(platform: LocalPlatform) -> None:
    again = deploy(platform.emulator, parameters={"ProtectData": "false"})

    assert again["MessagesTable"] == platform.outputs["MessagesTable"]


def test_a_function_may_not_do_what_its_role_does_not_say(platform: LocalPlatform) -> None:
    """The emulator enforces IAM here, so a forgotten grant fails on this machine first."""
    with pytest.raises(Exception, match="AccessDenied"):
        _as_role(platform, "dashboard").get_item(
            TableName=platform.outputs["ControlTable"],
            Key={"pk": {"S": "ORG"}, "sk": {"S": "OFF#x"}},
        )


def _as_role(platform: LocalPlatform, folder: str) -> Any:
    import boto3

    function = platform.client("lambda").get_function(FunctionName=f"carillon-{folder}")
    keys = platform.client("sts").assume_role(
        RoleArn=function["Configuration"]["Role"], RoleSessionName="test"
    )["Credentials"]
    return boto3.client(
        "dynamodb",
        endpoint_url=platform.emulator.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


# The emulator ------------------------------------------------------------------------------------


def test_a_taken_port_is_said_in_one_sentence() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"^Port {port} on 127\.0\.0\.1 is in use; .*\.$"):
            running_emulator(port=port).__enter__()


def test_only_this_machine_is_deployed_to() -> None:
    with pytest.raises(LocalError, match="only deploys to this machine"):
        deploy(_Elsewhere(1, Path(), enforces_iam=False))


class _Elsewhere(Emulator):
    @property
    def url(self) -> str:
        return "https://cloudformation.us-east-1.example.com"


def test_a_template_that_is_refused_says_why(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "openapi.yaml").write_text("{}")
    (tmp_path / "template.yaml").write_text(
        "Parameters: {Platform: {Type: String}, WebhookBaseUrl: {Type: String},"
        " IdentityEndpoint: {Type: String}}\n"
        "Resources: {Nobody: {Type: AWS::Nothing::AtAll}}"
    )

    with running_emulator() as emulator, pytest.raises(DeployFailed, match="AWS::Nothing::AtAll"):
        deploy(emulator, root=tmp_path)


def test_what_was_kept_is_there_again_and_streams_go_on(tmp_path: Path) -> None:
    port = free_port()
    for run in (1, 2):
        with LocalPlatform(port=port, state=tmp_path / "state") as platform:
            database = platform.client("dynamodb")
            for row in range(3):
                database.put_item(
                    TableName=platform.outputs["MessagesTable"],
                    Item={"pk": {"S": f"parked#{run}"}, "sk": {"S": str(row)}},
                )
            kept = database.scan(TableName=platform.outputs["MessagesTable"])["Count"]
            assert kept == 3 * run
            _wait_until('"service":"aggregate_counters"', platform)


def _wait_until(logged: str, platform: LocalPlatform) -> None:
    deadline = time.monotonic() + 60
    while logged not in platform.logs():
        assert time.monotonic() < deadline, f"nothing logged {logged}"
        time.sleep(0.2)


_STARTS_AND_WAITS = """
import sys, time, urllib.request
from infra.local.platform import LocalPlatform
with LocalPlatform() as platform:
    urllib.request.urlopen(platform.dashboard_url).read()
    print(platform.emulator.port, platform.emulator.log_path.parent, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def another() -> Iterator["subprocess.Popen[str]"]:
    """A platform in a process of its own, with a function's worker running."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STARTS_AND_WAITS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout
    process.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_platform_however_it_ends(
    another: "subprocess.Popen[str]", how: signal.Signals
) -> None:
    assert another.stdout
    port, folder = another.stdout.readline().split()

    another.send_signal(how)

    another.wait(60)
    deadline = time.monotonic() + 30
    while _is_open(int(port)) or Path(folder).exists() or _running_in(folder):
        assert time.monotonic() < deadline, (_is_open(int(port)), _running_in(folder))
        time.sleep(0.1)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _running_in(folder: str) -> list[str]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if folder in line]
