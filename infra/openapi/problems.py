"""
The catalogue of problems: every stable ``code`` with what it is answered with.

Read from the source, where errors are raised: a call of a class of the tree in
``domain/errors.py`` whose ``code`` is written out. The few codes that are put together
while running are listed here; the fuzzed contract refuses an answer whose code is in neither.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carillon.domain import errors
from carillon.domain.errors import (
    CarillonError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProviderError,
)
from carillon.domain.media import Problem as MediaProblem
from carillon.edge.http import status_of
from infra.openapi.document import API_FUNCTIONS
from infra.openapi.gateway import gateway_codes

_ROOT = Path(__file__).parents[2]
_LAYER = _ROOT / "layers" / "core" / "carillon"
# Not where providers' webhooks and queues are read: those answer nobody of the API.
_SOURCES = (
    *(_LAYER / part for part in ("domain", "usecases", "edge", "adapters/dynamodb")),
    *(_ROOT / "functions" / folder for folder in API_FUNCTIONS),
    *(_LAYER / "adapters" / f"{name}.py" for name in ("cognito", "attachments", "templates")),
)
_TREE: dict[str, type[CarillonError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type)
    and issubclass(kind, CarillonError)
    and not issubclass(kind, ProviderError)
}
# Codes that no call spells out: those of what is not there, of phones, files and filters.
_NOUNS = ("office", "sender", "list", "import", "segment", "campaign", "export", "entry")
_PUT_TOGETHER: tuple[tuple[type[CarillonError], str, str], ...] = (
    *((NotFound, f"{noun}_not_found", f"There is no such {noun}.") for noun in _NOUNS),
    (InvalidInput, "phone_missing", "The phone number is missing."),
    (InvalidInput, "phone_spreadsheet_damaged", "A spreadsheet has cut this number off."),
    (InvalidInput, "phone_unparsable", "This is not a phone number."),
    (InvalidInput, "phone_extension", "A number with an extension cannot be texted."),
    (InvalidInput, "phone_invalid", "No such phone number can exist."),
    (InvalidInput, "filter_invalid", "The filter cannot be read; the field names where."),
    (Conflict, "no_sending_hours", "The contact may not be written to at any hour."),
    (Conflict, "outside_hours_blocked", "The contact may not be written to at this hour."),
    *((InvalidInput, problem.value, "The file cannot be sent.") for problem in MediaProblem),
    *(
        (kind, kind.code, (kind.__doc__ or "").strip().split("\n")[0])
        for kind in (CarillonError, InvalidInput, NotFound, Forbidden, Conflict)
    ),
)


@dataclass(frozen=True)
class ProblemCode:
    """One code: the *statuses* that it comes with, and a sentence that it may say."""

    statuses: tuple[int, ...]
    detail: str


@cache
def catalogue() -> dict[str, ProblemCode]:
    """Return every code that the API may answer, by name."""
    found: dict[str, ProblemCode] = {}
    for status, code, detail in sorted({*_raised(), *_put_together(), *gateway_codes()}):
        known = found.get(code, ProblemCode((), ""))
        statuses = tuple(sorted({*known.statuses, status}))
        found[code] = ProblemCode(statuses, known.detail or detail)
    return dict(sorted(found.items()))


def _put_together() -> Iterator[tuple[int, str, str]]:
    for kind, code, detail in _PUT_TOGETHER:
        yield status_of(kind("", code=code)).value, code, detail


def _raised() -> Iterator[tuple[int, str, str]]:
    for source in _SOURCES:
        for path in [source] if source.is_file() else source.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[tuple[int, str, str]]:
    kind = _TREE.get(call.func.id) if isinstance(call.func, ast.Name) else None
    code = next((word.value for word in call.keywords if word.arg == "code"), None)
    if kind is None or not isinstance(code, ast.Constant) or not isinstance(code.value, str):
        return
    detail = _said(call.args[0]) if call.args else ""
    yield status_of(kind("", code=code.value)).value, code.value, detail


def _said(node: ast.expr) -> str:
    """Return the text that *node* writes, with an ellipsis for what is put in while running."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_said(part) or "…" for part in parts)
        case _:
            return ""
