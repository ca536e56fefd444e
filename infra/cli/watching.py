"""``carillon watch``: how a campaign goes, until it is over or somebody presses Ctrl-C."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from infra.cli.api import Api, at, signed_in
from infra.cli.campaigns import Campaign
from infra.cli.screen import AsJson, Screen, clean, screen

_OVER = frozenset({"finished", "archived"})
_FIGURES = (
    ("contacts_submitted", "submitted"),
    ("contacts_messaged", "delivered"),
    ("failed", "failed"),
    ("pending", "pending"),
    ("contacts_responded", "replies"),
    ("total_opt_outs", "opt-outs"),
)


def watch(
    campaign: Campaign,
    every_s: Annotated[float, typer.Option("--every", help="Seconds.", min=1.0, max=600.0)] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a campaign; Ctrl-C stops the watching, never the campaign."""
    with screen(as_json) as shown:
        api = signed_in()
        if as_json or not shown.out.is_terminal:
            _by_lines(shown, api, campaign, every_s, once=once)
            return
        with Live(console=shown.out, auto_refresh=False) as live:
            while True:
                now = look(api, campaign)
                live.update(Text(line(now)), refresh=True)
                if once or now["status"] in _OVER:
                    return
                time.sleep(every_s)


def look(api: Api, campaign: str) -> dict[str, Any]:
    """Return how *campaign* stands: its status, why it is held, and its figures."""
    found = api.get(at("/v1/campaigns/{}", campaign))
    metrics = api.get(at("/v1/campaigns/{}/metrics", campaign))
    return {
        "id": found["id"],
        "status": found["status"],
        "hold_reason": found["hold_reason"],
        "hold_until": found.get("hold_until"),
        "as_of": metrics["as_of"],
        "total": found["total"],
        **{label: metrics["metrics"][name]["value"] for name, label in _FIGURES},
    }


def line(now: Mapping[str, Any]) -> str:
    """Return a look as one line."""
    held = "" if now["hold_reason"] == "none" else f" ({now['hold_reason']})"
    figures = "  ".join(f"{label} {now[label] or 0}" for _, label in _FIGURES)
    return clean(f"{now['id']} {now['status']}{held}  of {now['total']}: {figures}")


def _by_lines(shown: Screen, api: Api, campaign: str, every_s: float, *, once: bool) -> None:
    """Print a line whenever something has changed."""
    before: dict[str, Any] = {}
    while True:
        now = look(api, campaign)
        if {**now, "as_of": ""} != {**before, "as_of": ""}:
            shown.show(now, lambda now=now: shown.say(line(now)))  # type: ignore[misc]
        before = now
        if once or now["status"] in _OVER:
            return
        time.sleep(every_s)
