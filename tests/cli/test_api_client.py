"""The command line's HTTP: what it repeats, what it says, and where its key goes."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.cli.api import Api, CliError, Refused, Settings, SettingsWrong, Unreachable, settings_of
from tests.support.recording_server import RecordingServer

KEY = "crl_live_key"


class Waits(list[float]):
    """Implements the client's waiting: keeps how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def an_api(server: RecordingServer, waits: Waits | None = None) -> Api:
    return Api(Settings(server.base_url, KEY), wait=Waits() if waits is None else waits)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, None])
def test_what_may_pass_is_asked_again_and_then_given_up(status: int | None) -> None:
    with RecordingServer(status=status, body=b'{"detail": "Not now.", "code": "busy"}') as server:
        waits = Waits()

        with pytest.raises(CliError):
            an_api(server, waits).get("/v1/me")

    assert len(server.asked) == 4
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    with RecordingServer(status=status) as server, pytest.raises(Refused) as refused:
        an_api(server).get("/v1/me")

    assert len(server.asked) == 1
    assert (refused.value.status, refused.value.exit_code) == (status, 3)


def test_a_repeated_post_bears_the_same_idempotency_key_and_the_next_another() -> None:
    with RecordingServer(status=503) as server:
        for _ in range(2):
            with pytest.raises(Unreachable):
                an_api(server).post("/v1/lists", {"name": "x"})

    keys = [asked.headers["idempotency-key"] for asked in server.asked]
    assert len(set(keys[:4])) == len(set(keys[4:])) == 1
    assert keys[0] != keys[4]


def test_the_service_may_ask_for_patience_up_to_half_a_minute() -> None:
    waits = Waits()
    with RecordingServer(status=429, headers={"Retry-After": "7"}) as server:
        with pytest.raises(Refused):
            an_api(server, waits).get("/v1/me")
        server.says(429, {}, Retry_After="86400")
        with pytest.raises(Refused):
            an_api(server, waits).get("/v1/me")

    assert waits == [7.0] * 3 + [30.0] * 3


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with RecordingServer() as stranger, RecordingServer(status=302) as server:
        server.headers = {"Location": f"{stranger.base_url}/v1/me"}
        with pytest.raises(CliError):
            an_api(server).get("/v1/me")

    assert stranger.asked == []


def test_what_is_not_carillon_is_said_to_be_none() -> None:
    with (
        RecordingServer(body=b"<html>Sign in</html>") as server,
        pytest.raises(Unreachable, match="is not Carillon"),
    ):
        an_api(server).get("/v1/me")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            {"detail": "Too long.", "field": "title", "code": "invalid_input"},
            "Too long. (field title; invalid_input)",
        ),
        (
            {"detail": "Not yet.", "code": "not_ready", "missing": ["body", "list_ids"]},
            "Not yet. (missing body, list_ids; not_ready)",
        ),
        ({"title": "Bad Request"}, "Bad Request (HTTP 400)"),
    ],
)
def test_a_problem_becomes_one_sentence(problem: dict[str, Any], sentence: str) -> None:
    with RecordingServer() as server:
        server.says(400, problem)
        with pytest.raises(Refused) as refused:
            an_api(server).get("/v1/me")

    assert refused.value.sentence == sentence


def test_pages_are_followed_to_the_end_or_to_as_many_as_are_wanted() -> None:
    pages: list[Any] = [
        {"items": [1, 2], "next_cursor": "a"},
        {"items": [], "next_cursor": "b"},
        {"items": [3, 4]},
    ]
    with RecordingServer() as server:
        server.says_in_turn(*pages)
        everything = list(an_api(server).pages("/v1/lists"))
        server.says_in_turn(*pages)
        some = list(an_api(server).pages("/v1/lists", most=3))

    assert (everything, some) == ([1, 2, 3, 4], [1, 2, 3])
    assert [asked.query.get("cursor") for asked in server.asked[:3]] == [None, ["a"], ["b"]]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "CARILLON_API_URL"),
        ({"CARILLON_API_URL": "https://x.example"}, "CARILLON_API_KEY"),
        ({"CARILLON_API_URL": "http://x.example", "CARILLON_API_KEY": KEY}, "https"),
        ({"CARILLON_API_URL": "ftp://127.0.0.1", "CARILLON_API_KEY": KEY}, "https"),
        (
            {"CARILLON_API_URL": "https://u:p@x.example", "CARILLON_API_KEY": KEY},
            "CARILLON_API_URL",
        ),
        ({"CARILLON_API_URL": "https://[", "CARILLON_API_KEY": KEY}, "CARILLON_API_URL"),
        ({"CARILLON_API_URL": "https://x.example", "CARILLON_API_KEY": "a\nb"}, "CARILLON_API_KEY"),
    ],
)
def test_settings_that_are_missing_or_unsafe_are_refused(
    environ: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsWrong, match=re.escape(named)):
        settings_of(environ)


def test_a_key_is_not_in_what_its_settings_look_like() -> None:
    environ = {"CARILLON_API_URL": "https://x.example/live/", "CARILLON_API_KEY": KEY}

    settings = settings_of(environ)

    assert settings.url == "https://x.example/live"
    assert KEY not in repr(settings)


def a_link(server: RecordingServer) -> dict[str, Any]:
    url = f"{server.base_url}/files/x?X-Amz-Signature=s3cret"
    return {"method": "POST", "url": url, "headers": {"Content-Type": "text/csv"}}


def test_an_upload_sends_the_file_its_length_and_never_the_key(tmp_path: Path) -> None:
    file, told = tmp_path / "people.csv", list[int]()
    file.write_bytes(b"phone\n" * 10_000)

    with RecordingServer() as server:
        an_api(server).upload(a_link(server), file, told.append)

    (asked,) = server.asked
    assert asked.body == file.read_bytes()
    assert asked.headers["content-length"] == "60000"
    assert "transfer-encoding" not in asked.headers
    assert "authorization" not in asked.headers
    assert told[-1] == 60_000


def test_an_upload_that_broke_off_begins_anew_and_says_no_address(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"phone\n")

    with RecordingServer(status=None) as server, pytest.raises(Unreachable) as refused:
        an_api(server).upload(a_link(server), file, lambda _: None)

    assert [asked.body for asked in server.asked] == [b"phone\n"] * 4
    assert "s3cret" not in str(refused.value)
