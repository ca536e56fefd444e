"""The command line over the real functions: what it does, prints and exits with."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from carillon.domain.campaign import CampaignStatus
from infra.cli import app
from tests.support.clock import NOON
from tests.support.gateway_server import Gateway, gateway
from tests.support.http_api import http_api
from tests.support.management import OFFICE, a_campaign, a_contact_list, a_sender, an_office
from tests.support.recording_server import RecordingServer
from tests.support.requests import signed_in

MANAGER, ANALYST = "crl_live_of-a-manager", "crl_live_of-an-analyst"
TOKENS = {
    MANAGER: signed_in("usr_1", roles=["manager"], offices=[OFFICE]),
    ANALYST: signed_in("usr_2", roles=["analyst"], offices=[OFFICE]),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Gateway]:
    with http_api() as api, gateway(api, TOKENS) as running:
        api.keep(an_office(OFFICE), a_sender(), a_contact_list())
        api.keep(a_campaign("cmp_draft", number=1, title="Winter\x1b[2J season"))
        api.keep(a_campaign("cmp_soon", number=4))
        api.keep(a_campaign("cmp_bare", number=2, list_ids=()))
        api.keep(
            a_campaign(
                "cmp_live", number=3, status=CampaignStatus.ACTIVE, launched_at=NOON, total=9
            )
        )
        yield running


def carillon(served: Gateway, *words: str, key: str = MANAGER, **more: Any) -> Result:
    environ = {"CARILLON_API_URL": served.url, "CARILLON_API_KEY": key}
    return CliRunner().invoke(app, list(words), env=environ, **more)


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def a_csv(folder: Path, *lines: str) -> Path:
    file = folder / "people.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_an_import_makes_the_list_sends_the_file_and_waits_until_it_is_read(
    served: Gateway, tmp_path: Path
) -> None:
    file = a_csv(tmp_path, "phone,first_name", "+12065550100,Ada", "+12065550100,Ada", "nobody,Bo")

    result = carillon(served, "import", str(file), "--new-list", "Guests", "--json")

    done = said(result)
    assert (done["status"], done["rows"]) == ("done", 3)
    assert (done["created"], done["duplicate"], done["invalid"]) == (1, 1, 1)


def test_an_import_is_told_its_columns(served: Gateway, tmp_path: Path) -> None:
    """C2: the caller overrides the guesses."""
    file = a_csv(tmp_path, "phone,called,nummer", "x,Ada,+12065550108", "+12065550109,Bo,nobody")
    words = ["import", str(file), "--new-list", "Told", "--phone", "nummer"]

    done = said(carillon(served, *words, "--first-name", "called", "--json"))

    assert done["mapping"] == {"phone": "nummer", "first_name": "called", "last_name": ""}
    assert (done["created"], done["invalid"]) == (1, 1)


def test_an_import_that_fails_exits_with_1_and_says_why(served: Gateway, tmp_path: Path) -> None:
    file = a_csv(tmp_path, "colour,size", "red,9")

    result = carillon(served, "import", str(file), "--list", "lst_1")

    assert result.exit_code == 1
    assert "No column looks like a phone number" in result.stderr


@pytest.mark.parametrize("words", [[], ["--list", "lst_1", "--new-list", "Guests"]])
def test_an_import_goes_into_exactly_one_list(
    served: Gateway, tmp_path: Path, words: list[str]
) -> None:
    result = carillon(served, "import", str(a_csv(tmp_path, "phone")), *words)

    assert (result.exit_code, result.stderr) == (2, "carillon: Say either --list or --new-list.\n")


def test_campaigns_are_listed_by_tab_and_a_cut_is_told(served: Gateway) -> None:
    listed = said(carillon(served, "campaigns", "list", "--tab", "draft", "--limit", "1", "--json"))
    shown = carillon(served, "campaigns", "list", "--tab", "draft", "--limit", "1")

    assert (len(listed["items"]), listed["more"]) == (1, True)
    assert "There are more" in shown.stderr


def test_what_others_wrote_cannot_command_the_terminal(served: Gateway) -> None:
    result = carillon(served, "campaigns", "show", "cmp_draft")

    assert "Winter\ufffd[2J season" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_problem_is_one_sentence_and_its_code(served: Gateway) -> None:
    result = carillon(served, "campaigns", "show", "cmp_none")

    assert result.exit_code == 3
    assert result.stderr.startswith("carillon: ")
    assert "campaign_not_found" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_problem_names_its_field(served: Gateway, tmp_path: Path) -> None:
    file = a_csv(tmp_path, "phone")

    result = carillon(served, "import", str(file), "--new-list", "x", "--country", "ZZZ")

    assert result.exit_code == 3
    assert "field default_country" in result.stderr


def test_with_json_a_problem_is_json_too(served: Gateway) -> None:
    result = carillon(served, "campaigns", "show", "cmp_none", "--json")

    error = json.loads(result.stderr)["error"]
    assert (error["status"], error["code"]) == (404, "campaign_not_found")
    assert result.stdout == ""


def launches(served: Gateway) -> list[str]:
    return [path for method, path, _ in served.asked if path.endswith("/launch")]


def test_nobody_is_texted_before_the_person_has_said_yes(served: Gateway) -> None:
    before = launches(served)

    result = carillon(served, "campaigns", "launch", "cmp_draft", input="n\n")

    assert result.exit_code == 0
    assert "Nothing was sent." in result.stderr
    assert launches(served) == before


def test_with_json_a_launch_must_be_confirmed_beforehand(served: Gateway) -> None:
    before = launches(served)

    result = carillon(served, "campaigns", "launch", "cmp_draft", "--json", input="y\n")

    assert result.exit_code == 2
    assert launches(served) == before


def test_a_launch_that_lacks_something_says_what(served: Gateway) -> None:
    result = carillon(served, "campaigns", "launch", "cmp_bare")

    assert result.exit_code == 3
    assert "missing" in result.stderr


def test_a_campaign_is_launched_paused_and_resumed(served: Gateway) -> None:
    launched = said(carillon(served, "campaigns", "launch", "cmp_draft", "--yes", "--json"))
    paused = said(carillon(served, "campaigns", "pause", "cmp_live", "--json"))
    resumed = said(carillon(served, "campaigns", "resume", "cmp_live", "--json"))

    assert launched["status"] == "processing"
    assert (paused["status"], resumed["status"]) == ("paused", "active")


def test_a_simulation_is_asked_for_and_printed(served: Gateway) -> None:
    result = carillon(served, "campaigns", "simulate", "cmp_soon")

    assert result.exit_code == 0, result.output
    assert re.search(r"recipients +0", result.stdout)


def test_watching_once_gives_status_and_figures(served: Gateway) -> None:
    seen = said(carillon(served, "watch", "cmp_live", "--once", "--json"))

    assert (seen["id"], seen["total"], seen["submitted"]) == ("cmp_live", 9, 0)


def press_ctrl_c_once(served: Gateway, path: str) -> threading.Thread:
    """Interrupt this process as a terminal would, as soon as *path* has been asked for."""

    def press() -> None:
        while not any(asked == path for _, asked, _ in served.asked):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    return threading.Thread(target=press, daemon=True)


def test_ctrl_c_leaves_a_watch_with_130_and_no_trace(served: Gateway) -> None:
    served.asked.clear()
    press_ctrl_c_once(served, "/v1/campaigns/cmp_live/metrics").start()

    result = carillon(served, "watch", "cmp_live")

    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")


def test_a_wrong_key_is_refused_and_never_printed(served: Gateway) -> None:
    result = carillon(served, "campaigns", "list", key="crl_live_secret")

    assert result.exit_code == 3
    assert "secret" not in result.output


def test_a_role_without_the_right_is_told_so(served: Gateway) -> None:
    result = carillon(served, "campaigns", "pause", "cmp_live", key=ANALYST)

    assert result.exit_code == 3
    assert "role_forbidden" in result.stderr


def finding(result: Result, check: str) -> Mapping[str, str]:
    findings: list[dict[str, str]] = json.loads(result.stdout)
    return next(one for one in findings if one["check"] == check)


def test_the_doctor_finds_a_well_deployment_well(served: Gateway) -> None:
    result = carillon(served, "doctor", "--json")

    assert result.exit_code == 0
    assert finding(result, "api")["detail"] == "Reachable; signed in as manager."
    assert finding(result, "clock")["state"] == "ok"
    assert finding(result, "webhooks")["state"] == "skipped"


def test_the_doctor_says_who_is_not_let_in(served: Gateway) -> None:
    result = carillon(served, "doctor", "--json", key="crl_live_secret")

    assert result.exit_code == 1
    assert finding(result, "api")["state"] == "failed"


def test_the_doctor_takes_a_stranger_at_the_webhooks_address_for_one(served: Gateway) -> None:
    result = carillon(served, "doctor", "--webhook-url", served.url, "--json")

    assert result.exit_code == 1
    assert finding(result, "webhooks")["state"] == "failed"


def pinpoint_files(folder: Path) -> tuple[Path, Path]:
    endpoints, campaigns = folder / "endpoints.json", folder / "campaign.json"
    lines = [
        {"Address": "+12065550111", "ChannelType": "SMS", "Attributes": {"Plan": ["gold"]}},
        {"Address": "+12065550112", "ChannelType": "SMS", "OptOut": "ALL"},
        {"Address": "a@example.com", "ChannelType": "EMAIL"},
    ]
    endpoints.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    text = {"SMSMessage": {"Body": "Your plan: {{Attributes.Plan}}", "MessageType": "PROMOTIONAL"}}
    campaign = {"Name": "Spring", "MessageConfiguration": text, "SegmentId": "s1"}
    campaigns.write_text(json.dumps({"CampaignResponse": campaign}), encoding="utf-8")
    return endpoints, campaigns


def test_pinpoint_comes_over_with_opt_outs_before_contacts_and_drafts_last(
    served: Gateway, tmp_path: Path
) -> None:
    endpoints, campaigns = pinpoint_files(tmp_path)
    served.asked.clear()

    result = carillon(
        served, "pinpoint", "import", "--endpoints", str(endpoints), "--campaigns", str(campaigns),
        "--office", OFFICE, "--json",
    )  # fmt: skip

    report = said(result)
    assert report["outcomes"] == {"contact": 1, "opted_out": 1, "other_channel": 1}
    assert (report["opt_out_import"]["created"], report["list_import"]["created"]) == (1, 1)
    posts = [path for method, path, _ in served.asked if method == "POST"]
    assert posts[0] == "/v1/opt-outs/imports"
    assert posts[-1] == "/v1/campaigns"
    (draft,) = report["drafts"]
    shown = said(carillon(served, "campaigns", "show", draft["id"], "--json"))
    assert shown["body"] == "Your plan: {{ plan }}"
    assert (shown["status"], shown["list_ids"]) == ("draft", [report["list_id"]])
    assert draft["not_carried"] == [
        "MessageConfiguration.SMSMessage.MessageType",
        "SegmentId",
    ]


def test_no_contact_comes_over_while_the_opt_outs_have_not(tmp_path: Path) -> None:
    endpoints, _ = pinpoint_files(tmp_path)
    with RecordingServer() as server:
        link = {"method": "POST", "url": server.base_url, "headers": {}}
        failed = {"id": "imp_1", "status": "failed", "rows": 0, "invalid": 0, "error": "Broken."}
        server.says_in_turn({"import": failed, "upload": link}, {}, failed)
        environ = {"CARILLON_API_URL": server.base_url, "CARILLON_API_KEY": MANAGER}

        words = ["pinpoint", "import", "--endpoints", str(endpoints), "--office", OFFICE]
        result = CliRunner().invoke(app, words, env=environ)

    assert result.exit_code == 1
    assert [asked.path for asked in server.asked] == [
        "/v1/opt-outs/imports",
        "/",
        "/v1/opt-outs/imports/imp_1/start",
    ]


def test_a_dry_run_asks_the_api_nothing_and_keeps_the_files(
    served: Gateway, tmp_path: Path
) -> None:
    endpoints, _ = pinpoint_files(tmp_path)
    served.asked.clear()

    result = carillon(
        served, "pinpoint", "import", "--endpoints", str(endpoints), "--dry-run",
        "--out", str(tmp_path / "out"), "--json",
    )  # fmt: skip

    assert said(result)["endpoints"] == 3
    assert served.asked == []
    contacts = (tmp_path / "out" / "contacts.csv").read_text(encoding="utf-8")
    assert contacts.splitlines() == ["phone,first_name,last_name,plan", "+12065550111,,,gold"]


def test_a_campaign_that_the_api_refuses_is_reported_and_the_others_come_over(
    served: Gateway, tmp_path: Path
) -> None:
    def named(name: str, body: str) -> dict[str, Any]:
        return {"Name": name, "MessageConfiguration": {"SMSMessage": {"Body": body}}}

    file = tmp_path / "campaigns.json"
    found = [named("Odd", "{% raw %} hello"), named("Even", "Hello")]
    file.write_text(json.dumps({"CampaignsResponse": {"Item": found}}), encoding="utf-8")

    result = carillon(
        served, "pinpoint", "import", "--campaigns", str(file), "--office", OFFICE, "--json"
    )

    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["campaign_outcomes"] == {"draft": 1, "refused": 1}
    assert [draft["title"] for draft in report["drafts"]] == ["Even"]
    assert [lost["title"] for lost in report["not_carried"]] == ["Odd"]
