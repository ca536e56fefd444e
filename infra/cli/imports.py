"""``carillon import``: a CSV into a contact list, as the dashboard does it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.api import Api, CliError, SettingsWrong, at, signed_in
from infra.cli.screen import AsJson, Screen, screen

OUTCOMES = ("created", "duplicate", "invalid", "suppressed")
_SOON_S, _MOST_S = 0.1, 2.0
# An import that has not moved for so long is somebody's to look at, not ours to wait for.
_PATIENCE_S = 900.0


def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV with a header.", dir_okay=False)],
    *,
    list_id: Annotated[str, typer.Option("--list", help="The id of a list that there is.")] = "",
    new_list: Annotated[str, typer.Option(help="Name of a list to create.")] = "",
    office: Annotated[str, typer.Option(help="Office of the new list; if only one, it is.")] = "",
    country: Annotated[str, typer.Option(help="Default country of the new list (US, DE).")] = "",
    phone: Annotated[str, typer.Option(help="The column of the phone, if not as guessed.")] = "",
    first_name: Annotated[str, typer.Option(help="The column of the first name.")] = "",
    last_name: Annotated[str, typer.Option(help="The column of the last name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Import FILE into a list and wait until it is read."""
    with screen(as_json) as shown:
        if bool(list_id) is bool(new_list):
            raise SettingsWrong("Say either --list or --new-list.")
        require_file(file)
        told = {"phone": phone, "first_name": first_name, "last_name": last_name}
        api = signed_in()
        into = list_id or create_list(api, new_list, office, country)
        done = import_contacts(api, shown, into, file, {k: v for k, v in told.items() if v})
        shown.show(done, lambda: _draw(shown, into, done))
        if done["status"] == "failed":
            raise CliError(f"The import failed: {done.get('error') or done.get('error_code')}")


def create_list(api: Api, name: str, office: str, country: str = "") -> str:
    """Create a list in *office*, or in the caller's only one; return its id."""
    body = {"name": name, "office_id": office or only_office(api)}
    created = api.post("/v1/lists", body | ({"default_country": country} if country else {}))
    return str(created["id"])


def only_office(api: Api) -> str:
    """Return the id of the caller's one office; SettingsWrong when they have another number."""
    ids = [office["id"] for office in api.get("/v1/offices")["items"]]
    if len(ids) != 1:
        raise SettingsWrong(f"You have {len(ids)} offices: say which with --office.")
    return str(ids[0])


def import_contacts(
    api: Api, shown: Screen, list_id: str, file: Path, mapping: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Import *file* into a list; return the import once it is done or failed."""
    start = {"mapping": mapping} if mapping else {}
    return run_import(api, shown, at("/v1/lists/{}/imports", list_id), file, start=start)


def run_import(
    api: Api,
    shown: Screen,
    path: str,
    file: Path,
    *,
    new: Mapping[str, Any] | None = None,
    start: Mapping[str, Any],
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Create, upload and start an import under *path*; return it once it is done or failed."""
    begun = api.post(path, new)
    with shown.progress(f"Uploading {file.name}", file.stat().st_size) as tell:
        api.upload(begun["upload"], file, tell)
    one = f"{path}/{begun['import']['id']}"
    job = api.post(f"{one}/start", start)
    with shown.progress(f"Importing {file.name}", file.stat().st_size) as tell:
        return _followed(api, one, job, tell, wait)


def _followed(
    api: Api,
    path: str,
    job: dict[str, Any],
    tell: Callable[[int], None],
    wait: Callable[[float], None],
) -> dict[str, Any]:
    """Return the import once it is over; Ctrl-C leaves it running."""
    still_s, pause_s = 0.0, _SOON_S
    while job["status"] not in ("done", "failed"):
        wait(pause_s)
        now = api.get(path)
        moved = (now["status"], now.get("offset")) != (job["status"], job.get("offset"))
        still_s = 0.0 if moved else still_s + pause_s
        pause_s = min(pause_s * 2, _MOST_S)
        if still_s > _PATIENCE_S:
            raise CliError(f"The import has not moved for {_PATIENCE_S:.0f} s; it may go on.")
        job = now
        tell(job.get("offset") or 0)
    return job


def require_file(file: Path) -> None:
    """Raise SettingsWrong unless *file* can be read."""
    if not file.is_file():
        raise SettingsWrong(f"There is no file {file}.")


def _draw(shown: Screen, list_id: str, job: Mapping[str, Any]) -> None:
    counts = ", ".join(f"{job[name]} {name}" for name in OUTCOMES)
    shown.say(f"{job['rows']} rows into {list_id}: {counts}")
    for reason, count in sorted(job["invalid_reasons"].items()):
        shown.say(f"  {count} invalid: {reason}")
