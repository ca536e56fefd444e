"""``carillon export``: a kind of rows to a file of yours."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.api import Api, CliError, SettingsWrong, at, signed_in
from infra.cli.screen import AsJson, Screen, screen

_KINDS = ("messages", "conversations", "campaigns", "opt_outs", "failed_leads")
_FORMATS = ("csv", "parquet")
_SOON_S, _MOST_S = 0.1, 5.0
# An export that has not moved for so long is somebody's to look at, not ours to wait for.
_PATIENCE_S = 900.0


def export(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(_KINDS)}.")],
    file: Annotated[Path, typer.Argument(help="Where to; never over a file that is there.")],
    *,
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    campaign: Annotated[list[str] | None, typer.Option(help="Of this campaign alone.")] = None,
    office: Annotated[str, typer.Option(help="Of this office alone.")] = "",
    start: Annotated[str, typer.Option(help="From this date or time on.")] = "",
    end: Annotated[str, typer.Option(help="Up to this date or time.")] = "",
    zone: Annotated[str, typer.Option(help="Whose dates those are.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Export rows into FILE."""
    with screen(as_json) as shown:
        if kind not in _KINDS or file_format not in _FORMATS:
            raise SettingsWrong(f"Export {', '.join(_KINDS)} as {' or '.join(_FORMATS)}.")
        if file.exists():
            raise SettingsWrong(f"There is a file {file} already.")
        wanted = {
            "kind": kind,
            "format": file_format,
            "campaign_ids": campaign,
            "office_id": office,
            "start": start,
            "end": end,
            "zone": zone,
        }
        api = signed_in()
        job = api.post("/v1/exports", {name: said for name, said in wanted.items() if said})
        done = _followed(api, shown, job)
        if done["status"] == "failed":
            raise CliError(f"The export failed: {done.get('error') or done.get('error_code')}")
        with shown.progress(f"Fetching {file.name}", done.get("size") or 0) as tell:
            api.download(done["url"], file, tell)
        result = {name: said for name, said in done.items() if name != "url"}
        shown.show({**result, "file": str(file)}, lambda: _draw(shown, done, file))


def _followed(api: Api, shown: Screen, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the export once it is done or failed; Ctrl-C leaves it running."""
    path = at("/v1/exports/{}", str(job["id"]))
    still_s, pause_s = 0.0, _SOON_S
    with shown.progress(f"Exporting {job['kind']}", 100) as tell:
        while True:
            now: Mapping[str, Any] = api.get(path)
            if now["status"] in ("done", "failed"):
                return now
            moved = (now["status"], now["progress"]) != (job["status"], job["progress"])
            still_s = 0.0 if moved else still_s + pause_s
            if still_s > _PATIENCE_S:
                raise CliError(f"The export has not moved for {_PATIENCE_S:.0f} s; it may go on.")
            job = now
            tell(int(now["progress"]))
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _MOST_S)


def _draw(shown: Screen, done: Mapping[str, Any], file: Path) -> None:
    shown.say(f"{done['rows']} rows of {done['kind']} in {file}")
