"""``carillon export``: the file is there whole, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.cli.api import Api, Settings, Unreachable
from tests.support.recording_server import RecordingServer

QUEUED = {"id": "exp_1", "kind": "messages", "status": "queued", "progress": 0.0, "rows": 0}
ROWS = b"at,phone\n2026-11-24,+12065550100\n"


def done(storage: RecordingServer) -> dict[str, Any]:
    url = f"{storage.base_url}/file?X-Amz-Signature=s3cret"
    return {**QUEUED, "status": "done", "progress": 100.0, "rows": 1, "url": url}


def exported(api: RecordingServer, *words: str) -> Result:
    environ = {"CARILLON_API_URL": api.base_url, "CARILLON_API_KEY": "crl_live_key"}
    return CliRunner().invoke(app, ["export", *words], env=environ)


def test_an_export_is_asked_for_awaited_and_fetched_without_the_key(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    with RecordingServer() as api, RecordingServer(body=ROWS) as storage:
        api.says_in_turn(QUEUED, {**QUEUED, "status": "running"}, done(storage))

        result = exported(api, "messages", str(file), "--campaign", "cmp_1", "--json")

    assert result.exit_code == 0
    assert file.read_bytes() == ROWS
    assert api.asked[0].json == {
        "kind": "messages", "format": "csv", "campaign_ids": ["cmp_1"], "zone": "UTC"
    }  # fmt: skip
    assert json.loads(result.stdout)["rows"] == 1
    assert "s3cret" not in result.output
    assert "authorization" not in storage.asked[0].headers


def test_an_export_that_failed_exits_with_1_and_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    with RecordingServer() as api:
        api.says_in_turn(QUEUED, {**QUEUED, "status": "failed", "error": "It was too large."})

        result = exported(api, "messages", str(file))

    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "It was too large." in result.stderr


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    file.write_bytes(b"mine")
    with RecordingServer() as api:
        result = exported(api, "messages", str(file))

    assert (result.exit_code, file.read_bytes(), api.asked) == (2, b"mine", [])


@pytest.mark.parametrize(("status", "asked"), [(503, 4), (403, 1), (None, 4)])
def test_a_download_that_does_not_come_through_leaves_nothing(
    tmp_path: Path, status: int | None, asked: int
) -> None:
    api = Api(Settings("https://api.invalid", "crl_live_key"), wait=lambda _: None)
    with RecordingServer(status=status) as storage, pytest.raises(Unreachable) as refused:
        api.download(f"{storage.base_url}/f?sig=s3cret", tmp_path / "f", lambda _: None)

    assert len(storage.asked) == asked
    assert list(tmp_path.iterdir()) == []
    assert "s3cret" not in str(refused.value)
