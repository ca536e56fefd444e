"""``carillon campaigns``: list, show, simulate, launch, pause, resume."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from infra.cli.api import Refused, SettingsWrong, at, signed_in
from infra.cli.screen import AsJson, Screen, screen

app = typer.Typer(help="Look at campaigns, and start and stop them.", no_args_is_help=True)

Campaign = Annotated[str, typer.Argument(help="A campaign's id.", metavar="CAMPAIGN")]
_ONE = "/v1/campaigns/{}"
_TABS = ("active", "scheduled", "draft", "archived")


@app.command("list")
def list_campaigns(
    tab: Annotated[str, typer.Option(help="active, scheduled, draft or archived.")] = "active",
    search: Annotated[str, typer.Option(help="What the title has in it.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the campaigns of a tab."""
    with screen(as_json) as shown:
        if tab not in _TABS:
            raise SettingsWrong(f"--tab is one of {', '.join(_TABS)}.")
        # One more tells whether there are more.
        found = list(signed_in().pages("/v1/campaigns", most=limit + 1, tab=tab, q=search or None))
        rows, more = found[:limit], len(found) > limit
        shown.show({"items": rows, "more": more}, lambda: _draw_rows(shown, rows, more=more))


@app.command()
def show(campaign: Campaign, as_json: AsJson = False) -> None:
    """Show a campaign."""
    with screen(as_json) as shown:
        found = signed_in().get(at(_ONE, campaign))
        shown.show(found, lambda: draw_campaign(shown, found))


@app.command()
def simulate(campaign: Campaign, as_json: AsJson = False) -> None:
    """Say what a launch now would come to; nothing is sent."""
    with screen(as_json) as shown:
        result = signed_in().post(at(_ONE + "/simulation", campaign))
        shown.show(result, lambda: _draw_simulation(shown, result))


@app.command()
def launch(
    campaign: Campaign,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Launch a campaign now, or ask for the approval that its launch needs."""
    with screen(as_json) as shown:
        api = signed_in()
        if not yes:
            if as_json:
                raise SettingsWrong("With --json nobody is asked: say --yes as well.")
            _ask_first(shown, api.get(at(_ONE, campaign)))
        _report(shown, api.post(at(_ONE + "/launch", campaign)))


@app.command()
def pause(campaign: Campaign, as_json: AsJson = False) -> None:
    """Pause an active campaign."""
    with screen(as_json) as shown:
        _report(shown, signed_in().post(at(_ONE + "/pause", campaign)))


@app.command()
def resume(campaign: Campaign, as_json: AsJson = False) -> None:
    """Go on with a paused campaign."""
    with screen(as_json) as shown:
        _report(shown, signed_in().post(at(_ONE + "/resume", campaign)))


def _ask_first(shown: Screen, campaign: Mapping[str, Any]) -> None:
    """Show what would be sent, and to whom; stop the command unless it is meant."""
    if campaign["missing_for_launch"]:
        raise Refused(
            409,
            {
                "detail": "This campaign cannot be launched yet.",
                "code": "not_ready",
                "missing": campaign["missing_for_launch"],
            },
        )
    draw_campaign(shown, campaign)
    if not typer.confirm("Text these people now?", default=False, err=True):
        shown.note("Nothing was sent.")
        raise typer.Exit(0)


def _report(shown: Screen, campaign: Mapping[str, Any]) -> None:
    def draw() -> None:
        shown.say(f"{campaign['id']} is {campaign['status']}.")
        approval = campaign.get("approval") or {}
        if approval.get("state") == "requested":
            shown.say("Its launch waits for somebody else's approval.")
        for other in campaign.get("affected") or []:
            shown.say(f"  of its combo: {other['id']} is {other['status']}")

    shown.show(campaign, draw)


def _draw_rows(shown: Screen, rows: list[dict[str, Any]], *, more: bool) -> None:
    shown.table(
        ("id", "status", "people", "when", "title"),
        [
            (
                row["id"],
                row["status"],
                row["total"],
                row.get("schedule_at") or row.get("local_at") or row.get("launched_at") or "",
                row["title"],
            )
            for row in rows
        ],
    )
    if more:
        shown.note("There are more; see --limit.")


def draw_campaign(shown: Screen, campaign: Mapping[str, Any]) -> None:
    """Print what matters of a campaign before and while it runs."""
    held = campaign["hold_reason"]
    shown.facts(
        {
            "id": campaign["id"],
            "title": campaign["title"],
            "status": campaign["status"],
            "held": "" if held == "none" else f"{held} until {campaign.get('hold_until') or '?'}",
            "office": campaign["office_name"],
            "lists": ", ".join(campaign["list_names"]),
            "segments": ", ".join(campaign["segment_ids"]),
            "senders": ", ".join(campaign["phone_numbers"]),
            "people": campaign["total"],
            "test": "nothing reaches a provider" if campaign["is_test"] else "",
            "text": campaign["body"],
            "missing": ", ".join(campaign["missing_for_launch"]),
            "launch error": campaign.get("launch_error"),
        }
    )
    for variant in campaign["variants"]:
        shown.say(f"variant {variant['id']} ({variant['weight']}): {variant['body']}")
    for finding in campaign["content_findings"]:
        shown.say(f"note: {finding['message']}")


def _draw_simulation(shown: Screen, result: Mapping[str, Any]) -> None:
    shown.facts(
        {
            "starts": result["starts_at"],
            "ends": result.get("finishes_at"),
            "looked at": "everybody" if result["complete"] else f"{result['share']:.1%} of them",
            "recipients": result["recipients"],
            "sendable": result["sendable"],
            "blocked": _counts(result["blocked"]),
            "waiting": _counts(result["waiting"]),
            "unlikely": _counts(result["unlikely"]),
            "segments": result["segments"],
            "cost": _money(result.get("cost_micros"), result["currency"]),
            "unsent at its end": result["unsent_at_end"] or "",
        }
    )
    for sender in result["senders"]:
        shown.say(
            f"sender {sender['sender_id']}: {sender['leads']} people, "
            f"{sender['segments']} segments, ends {sender.get('finishes_at') or 'never'}"
        )
    for trap in result["encoding_traps"]:
        where = f"of {trap['name']}" if trap.get("name") else "of the text"
        shown.say(
            f"{trap['character']!r} {where} costs {trap['more_segments']} segments "
            f"({trap['leads']} people)"
        )
    for warning in result["warnings"]:
        shown.say(f"warning: {warning}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _money(micros: int | None, currency: str) -> str:
    return "" if micros is None else f"{micros / 1_000_000:.2f} {currency}"
