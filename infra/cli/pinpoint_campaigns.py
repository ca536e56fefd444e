"""
What an Amazon Pinpoint campaign becomes: a draft, and the names of what the draft lacks.

The shape is ``get-campaign``'s. A draft has the texts (treatments are variants), the title, the
quiet time as hours, and an end that is still to come. It is never scheduled: a person looks at
it first. Whatever else the campaign says is named in ``Draft.not_carried``, so that nothing is
lost in silence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from infra.cli.pinpoint import FieldNames, is_carried

Campaign = Mapping[str, Any]

_MOST_TITLE: Final = 200
_MOST_VARIANTS: Final = 10
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PLACEHOLDER: Final = re.compile(r"\{\{\{?(.*?)\}?\}\}", re.DOTALL)
# A name, or a literal one in brackets; then perhaps the place of one of several values.
_NAME: Final = re.compile(r"((?:[A-Za-z]+\.)+)(?:\[([^\][{}]+)\]|([^\s.\][{}|#/&>!()'\"]+))")
_PLACE: Final = re.compile(r"\.?\[\d+\]$")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Names that Liquid takes for something else where they stand alone.
_RESERVED: Final = frozenset(
    {"true", "false", "nil", "null", "none", "empty", "blank", "and", "or", "not", "contains"}
)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
# Pinpoint's own bookkeeping about a campaign, or about a treatment.
_BOOKKEEPING: Final = frozenset(
    {"ApplicationId", "Arn", "CreationDate", "Id", "LastModifiedDate", "Version"}
    | {"SegmentVersion", "State.CampaignStatus", "DefaultState.CampaignStatus", "IsPaused"}
    | {"TreatmentName", "TreatmentDescription"}
)
_TEXT: Final = "MessageConfiguration.SMSMessage.Body"


class NotCarried(Exception):
    """Why a campaign becomes no draft; *reason* is stable, *detail* a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Draft:
    """
    What ``POST /v1/campaigns`` takes of a campaign, without office, lists and senders.

    ``origin`` is the phone that it was sent from, if it names one. ``unknown_fields`` are
    merge fields that no endpoint has.
    """

    body: Mapping[str, Any]
    origin: str
    not_carried: tuple[str, ...]
    unknown_fields: tuple[str, ...]

    @property
    def title(self) -> str:
        """The campaign's name."""
        return str(self.body["title"])


def draft_of(campaign: Campaign, names: FieldNames, now: datetime) -> Draft:
    """Return the draft of *campaign*; raises NotCarried where it has no text that we can send."""
    treatments = list(campaign.get("AdditionalTreatments") or [])
    texts = [_text_of(one) for one in (campaign, *treatments)]
    unknown: set[str] = set()
    bodies = [_in_liquid(text, names, unknown) for text in texts]
    title = str(campaign.get("Name") or campaign.get("Id") or "Pinpoint campaign")
    schedule = campaign.get("Schedule") or {}
    hours, end = _hours(schedule.get("QuietTime") or {}), _end(schedule, now)
    carried = {"Name", _TEXT, "MessageConfiguration.SMSMessage.OriginationNumber"}
    carried |= {"Schedule.QuietTime.Start", "Schedule.QuietTime.End"} if hours else set()
    carried |= {"Schedule.EndTime"} if end else set()
    lost = [*_lost(campaign, carried)]
    for number, one in enumerate(treatments, start=1):
        lost += [
            f"AdditionalTreatments.{number}.{name}" for name in _lost(one, {_TEXT, "SizePercent"})
        ]
    if len(title) > _MOST_TITLE:
        lost.append(f"Name (beyond {_MOST_TITLE} characters)")
    body = {"title": title[:_MOST_TITLE], **_texts(campaign, treatments, bodies)}
    body |= {"active_hours": hours} if hours else {}
    body |= {"ends_at": end} if end else {}
    origin = (campaign["MessageConfiguration"]["SMSMessage"]).get("OriginationNumber") or ""
    return Draft(
        body=body,
        origin=str(origin),
        not_carried=tuple(lost),
        unknown_fields=tuple(sorted(unknown)),
    )


def _text_of(part: Mapping[str, Any]) -> str:
    sms = (part.get("MessageConfiguration") or {}).get("SMSMessage") or {}
    if sms.get("Body"):
        return str(sms["Body"])
    if (part.get("TemplateConfiguration") or {}).get("SMSTemplate"):
        raise NotCarried("text_in_template", "Its text is in a template, which is not in the file.")
    raise NotCarried("no_text", "It has no text message, or a treatment without one.")


def _texts(
    campaign: Campaign, treatments: list[Mapping[str, Any]], bodies: list[str]
) -> dict[str, Any]:
    """Return body and variants; the campaign's own text gets what the treatments leave."""
    if not treatments:
        return {"body": bodies[0]}
    sizes = [int(one.get("SizePercent") or 0) for one in treatments]
    first = 100 - sum(sizes) - int(campaign.get("HoldoutPercent") or 0)
    weighed = [(size, body) for size, body in zip([first, *sizes], bodies, strict=True) if size > 0]
    if len(weighed) > _MOST_VARIANTS:
        raise NotCarried("too_many_variants", f"It has more than {_MOST_VARIANTS} treatments.")
    if not weighed:
        raise NotCarried("no_text", "All of its people are held out.")
    variants = [
        {"id": f"v{number}", "weight": size, "body": body}
        for number, (size, body) in enumerate(weighed, start=1)
    ]
    return {"body": bodies[0], "variants": variants}


def _in_liquid(text: str, names: FieldNames, unknown: set[str]) -> str:
    """Return *text* with Pinpoint's placeholders as merge fields; adds to *unknown*."""

    def converted(match: re.Match[str]) -> str:
        source = _source(match[1].strip())
        column = names.column_of(source)
        if source not in names.columns:
            unknown.add(column)
        plain = _PLAIN.fullmatch(column) and column not in _RESERVED
        return f"{{{{ {column} }}}}" if plain else f'{{{{ ["{column}"] }}}}'

    return _PLACEHOLDER.sub(converted, text)


def _source(placeholder: str) -> str:
    found = _NAME.fullmatch(_PLACE.sub("", placeholder))
    source = found[1] + (found[2] or found[3]) if found else ""
    if not is_carried(source):
        raise NotCarried(
            "placeholder", "Its text has a placeholder that is no attribute, or a condition."
        )
    return source


def _hours(quiet: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the hours outside the *quiet* time, on each person's own clock.

    None without one, and where it begins when it ends: nobody can say what that means.
    """
    start, end = str(quiet.get("Start") or ""), str(quiet.get("End") or "")
    if not (_CLOCK.fullmatch(start) and _CLOCK.fullmatch(end)) or start == end:
        return None
    spans = [(end, start)] if start > end else [("00:00", start), (end, "24:00")]
    day = [f"{opens}-{closes}" for opens, closes in spans if opens < closes]
    return {"zone": "recipient", "days": dict.fromkeys(_WEEKDAYS, day)}


def _end(schedule: Mapping[str, Any], now: datetime) -> str | None:
    """Return the end of the campaign if it is an instant that is still to come."""
    try:
        end = datetime.fromisoformat(str(schedule.get("EndTime") or ""))
    except ValueError:
        return None
    if end.tzinfo is None or end <= now:
        return None
    return end.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _lost(part: Mapping[str, Any], carried: set[str]) -> list[str]:
    """Return the names of what *part* says beyond *carried*, without empty values."""
    return [
        name
        for name in _leaves(part, "")
        if name not in carried | _BOOKKEEPING and not name.startswith("AdditionalTreatments")
    ]


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif value not in (None, "", [], 0, False):
            yield prefix + name
