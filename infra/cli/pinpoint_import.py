"""
``carillon pinpoint import``: contacts, opt-outs and campaigns of Amazon Pinpoint.

Two passes over the endpoints: which fields there are, then the rows, as two CSV files. Opt-outs
go in first and are awaited: nobody who opted out may be in a list before it is known. Campaigns
become drafts. The report counts every endpoint once and names whatever was left behind.
"""

import csv
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from infra.cli.api import Api, CliError, Refused, SettingsWrong, signed_in
from infra.cli.imports import (
    create_list,
    import_contacts,
    only_office,
    require_file,
    run_import,
)
from infra.cli.pinpoint import PHONE, FieldNames, Outcome, Tally, outcome_of, phone_of
from infra.cli.pinpoint_campaigns import Campaign, Draft, NotCarried, draft_of
from infra.cli.pinpoint_files import campaigns_in, endpoints_in
from infra.cli.screen import AsJson, Screen, screen

app = typer.Typer(help="Move over from Amazon Pinpoint.", no_args_is_help=True)

_REASON: Final = "Opted out in Amazon Pinpoint"


@dataclass
class Report:
    """What became of everything; JSON as it stands."""

    endpoints: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    values_dropped: dict[str, int] = field(default_factory=dict)
    values_joined: dict[str, int] = field(default_factory=dict)
    list_id: str | None = None
    list_import: dict[str, Any] | None = None
    opt_out_import: dict[str, Any] | None = None
    campaigns: int = 0
    campaign_outcomes: dict[str, int] = field(default_factory=dict)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    not_carried: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether both imports took all rows and every campaign became a draft."""
        imports = [one for one in (self.list_import, self.opt_out_import) if one]
        failed = any(one["status"] != "done" or one["invalid"] for one in imports)
        return not failed and not self.not_carried and not self.outcomes.get("unreadable")


@dataclass(frozen=True)
class Written:
    """The two CSV files."""

    contacts: Path
    opt_outs: Path


@app.callback()
def pinpoint() -> None:
    """Move over from Amazon Pinpoint."""


@app.command("import")
def import_pinpoint(
    *,
    endpoints: Annotated[
        list[Path] | None, typer.Option(help="An export of endpoints: CSV or JSON lines, or .gz.")
    ] = None,
    campaigns: Annotated[
        list[Path] | None, typer.Option(help="What get-campaign or get-campaigns printed.")
    ] = None,
    list_name: Annotated[str, typer.Option(help="Name of the new list.")] = "Amazon Pinpoint",
    office: Annotated[str, typer.Option(help="Its office; if you have only one, that.")] = "",
    out: Annotated[Path | None, typer.Option(help="Keep the CSV files in this folder.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the files; call no API.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring endpoints into a list and the opt-outs, and campaigns into drafts."""
    with screen(as_json) as shown:
        files = [*(endpoints or []), *(campaigns or [])]
        if not files:
            raise SettingsWrong("Say --endpoints, --campaigns, or both.")
        for file in files:
            require_file(file)
        found = [one for file in campaigns or [] for one in campaigns_in(file)]
        report = Report(campaigns=len(found))
        api = None if dry_run else signed_in()
        with _folder(out) as folder:
            names, written = write_files(endpoints or [], folder, report)
            drafts = _drafts(found, names, report)
            if api is not None:
                home = office or only_office(api)
                if _upload(api, shown, written, names, report, list_name=list_name, office=home):
                    _create(api, drafts, report, home)
        shown.show(asdict(report), lambda: _draw(shown, report))
        if not report.is_clean:
            raise typer.Exit(1)


def write_files(
    endpoints: Sequence[Path], folder: Path, report: Report
) -> tuple[FieldNames, Written]:
    """Write the contacts and the opt-outs of *endpoints* into *folder*, and *report* of them."""
    names = FieldNames(
        source
        for file in endpoints
        for endpoint in endpoints_in(file)
        if endpoint is not None and outcome_of(endpoint) is Outcome.CONTACT
        for source, values in endpoint.items()
        if any(values)
    )
    written = Written(folder / "contacts.csv", folder / "opt-outs.csv")
    tally = Tally()
    with (
        written.contacts.open("w", encoding="utf-8", newline="") as contacts,
        written.opt_outs.open("w", encoding="utf-8", newline="") as opt_outs,
    ):
        rows, stops = csv.writer(contacts), csv.writer(opt_outs)
        rows.writerow(names.header())
        stops.writerow([PHONE])
        for endpoint in (one for file in endpoints for one in endpoints_in(file)):
            outcome = outcome_of(endpoint)
            tally.outcomes[outcome] += 1
            if endpoint is not None and outcome is Outcome.CONTACT:
                rows.writerow(names.row(endpoint, tally))
            elif endpoint is not None and outcome is Outcome.OPTED_OUT:
                stops.writerow([phone_of(endpoint)])
    report.endpoints = tally.rows
    report.outcomes = {str(outcome): count for outcome, count in sorted(tally.outcomes.items())}
    report.fields = dict(names.columns)
    report.values_dropped = dict(sorted(tally.dropped.items()))
    report.values_joined = dict(sorted((+tally.joined).items()))
    return names, written


def _drafts(found: Sequence[Campaign], names: FieldNames, report: Report) -> list[Draft]:
    drafts = []
    outcomes: Counter[str] = Counter()
    for campaign in found:
        try:
            drafts.append(draft_of(campaign, names, datetime.now(UTC)))
            outcomes["draft"] += 1
        except NotCarried as error:
            outcomes[error.reason] += 1
            title = str(campaign.get("Name") or campaign.get("Id") or "")
            report.not_carried.append(
                {"title": title, "reason": error.reason, "detail": error.detail}
            )
    report.campaign_outcomes = dict(outcomes)
    report.drafts = [
        {
            "title": draft.title,
            "id": None,
            "not_carried": list(draft.not_carried),
            "unknown_fields": list(draft.unknown_fields),
        }
        for draft in drafts
    ]
    return drafts


def _upload(
    api: Api,
    shown: Screen,
    written: Written,
    names: FieldNames,
    report: Report,
    *,
    list_name: str,
    office: str,
) -> bool:
    """Import the opt-outs, and once they stand the contacts; False when an import failed."""
    if report.outcomes.get(Outcome.OPTED_OUT):
        stops = run_import(
            api,
            shown,
            "/v1/opt-outs/imports",
            written.opt_outs,
            new={"reason": _REASON},
            start={"phone_column": PHONE},
        )
        report.opt_out_import = stops
        if stops["status"] != "done":
            return False
    if report.outcomes.get(Outcome.CONTACT):
        report.list_id = create_list(api, list_name, office)
        report.list_import = import_contacts(
            api, shown, report.list_id, written.contacts, names.mapping()
        )
        return bool(report.list_import["status"] == "done")
    return True


def _create(api: Api, drafts: Sequence[Draft], report: Report, office: str) -> None:
    """Create the drafts; one that the API refuses is reported as that, and the rest goes on."""
    if not drafts:
        return
    senders = {
        sender["phone"]: sender["id"]
        for sender in api.pages("/v1/senders")
        if sender["office_id"] == office
    }
    for draft, line in zip(drafts, report.drafts, strict=True):
        body = {**draft.body, "office_id": office}
        body |= {"list_ids": [report.list_id]} if report.list_id else {}
        if draft.origin in senders:
            body["sender_ids"] = [senders[draft.origin]]
        elif draft.origin:
            line["not_carried"].append("MessageConfiguration.SMSMessage.OriginationNumber")
        try:
            line["id"] = api.post("/v1/campaigns", body)["id"]
        except Refused as error:
            report.not_carried.append(
                {"title": draft.title, "reason": "refused", "detail": error.sentence}
            )
    refused = sum(line["id"] is None for line in report.drafts)
    if refused:
        report.campaign_outcomes["draft"] -= refused
        report.campaign_outcomes["refused"] = refused
    report.drafts = [line for line in report.drafts if line["id"] is not None]


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is None:
        with tempfile.TemporaryDirectory(prefix="carillon-pinpoint-") as folder:
            yield Path(folder)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"The folder {out} cannot be made ({error.strerror}).") from None
    yield out


def _draw(shown: Screen, report: Report) -> None:
    shown.say(f"{report.endpoints} endpoints: {_counts(report.outcomes)}")
    for name, one in (("contacts", report.list_import), ("opt-outs", report.opt_out_import)):
        if one:
            numbers = {
                key: one[key]
                for key in ("created", "duplicate", "invalid", "suppressed", "overruled")
                if one.get(key)
            }
            shown.say(f"  {name}: import {one['status']}, {one['rows']} rows: {_counts(numbers)}")
            if one.get("error"):
                shown.say(f"    {one['error']}")
    for source, column in report.fields.items():
        shown.say(f"  {source} is {{{{ {column} }}}}")
    for source, count in report.values_dropped.items():
        shown.say(f"  left behind of {count} contacts: {source}")
    for source, count in report.values_joined.items():
        shown.say(f"  several values became one text for {count} contacts: {source}")
    shown.say(f"{report.campaigns} campaigns: {_counts(report.campaign_outcomes)}")
    for draft in report.drafts:
        shown.say(f"  {draft['title']} is a draft", draft["id"] or "")
        for name in draft["not_carried"]:
            shown.say(f"    left behind: {name}")
        for name in draft["unknown_fields"]:
            shown.say(f"    no endpoint has the field {name}")
    for lost in report.not_carried:
        shown.say(f"  {lost['title']} is no draft ({lost['reason']}): {lost['detail']}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
