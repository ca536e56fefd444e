"""``carillon campaigns simulate``: what a launch would come to, in words (K16)."""

from typing import Any

from typer.testing import CliRunner

from infra.cli import app
from tests.support.recording_server import RecordingServer

SIMULATION: dict[str, Any] = {
    "campaign_id": "cmp_1",
    "starts_at": "2026-11-24T12:00:00Z",
    "share": 0.25,
    "complete": False,
    "recipients": 900,
    "sendable": 850,
    "blocked": {"suppressed": 40, "missing_field": 10},
    "waiting": {"quiet_hours": 5},
    "unlikely": {},
    "encoding_traps": [{"character": "’", "leads": 7, "more_segments": 7}],
    "segments": 4000,
    "currency": "USD",
    "cost_micros": 31_600_000,
    "unsent_at_end": 0,
    "senders": [
        {
            "sender_id": "snd_1",
            "leads": 850,
            "segments": 4000,
            "finishes_at": "2026-11-24T13:00:00Z",
        },
        {"sender_id": "snd_2", "leads": 0, "segments": 0, "finishes_at": None},
    ],
    "warnings": ["Nobody is in their hours."],
}


def test_a_simulation_says_who_gets_nothing_and_what_it_costs() -> None:
    with RecordingServer() as server:
        server.says(200, SIMULATION)
        environ = {"CARILLON_API_URL": server.base_url, "CARILLON_API_KEY": "crl_live_key"}
        result = CliRunner().invoke(app, ["campaigns", "simulate", "cmp_1"], env=environ)

    assert result.exit_code == 0
    assert [(one.method, one.path) for one in server.asked] == [
        ("POST", "/v1/campaigns/cmp_1/simulation")
    ]
    for words in (
        "25.0% of them",
        "10 missing_field, 40 suppressed",
        "31.60 USD",
        "'’' of the text",
        "sender snd_1: 850 people, 4000 segments, ends 2026-11-24T13:00:00Z",
        "warning: Nobody is in their hours.",
    ):
        assert words in result.stdout
