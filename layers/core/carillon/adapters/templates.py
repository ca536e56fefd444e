"""
The text of a campaign with its merge fields (M1), in a slice of Liquid.

    Hi {{ first_name | default: "there" }}, your {{ ["Pick-up date"] }} is near.

python-liquid reads the text; of the language only an output of one field,
with or without ``default``, is let through: no tag, loop, include, other
filter or expression exists here. What it read is kept as plain pieces, and
rendering joins them, so it costs time in proportion to the result, touches
nothing else, and never reads a field's content as a template.

Chosen over minijinja (cannot say which field lacks a fallback), Mustache
(fallbacks need a section and its inverse) and Jinja2 (a programming language).
The library is imported on the first text that has a merge field: 120 ms.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from carillon.domain.errors import InvalidInput

# Twilio refuses longer bodies (error 21617); no provider of ours takes more.
MAX_TEXT = 1600
# Merge fields may be longer than what replaces them.
MAX_TEMPLATE = 2 * MAX_TEXT

_MARK = re.compile(r"\{\{|\}\}|\{%|%\}")


@dataclass(frozen=True)
class MergeField:
    """One ``{{ … }}``: the field's name as written, and its fallback if it has one."""

    name: str
    fallback: str | None = None


@dataclass(frozen=True)
class Template:
    """A checked text, ready to be rendered for any number of contacts."""

    pieces: tuple[str | MergeField, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The names of all merge fields."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, MergeField))

    def render(self, fields: Mapping[str, str]) -> str:
        """
        Return the text for a contact's *fields*; their content goes in verbatim.

        A name finds the field of that name, else one that differs only in case,
        spaces or punctuation (``pickup_date``: "Pickup date"). Blank counts as
        missing. Raises InvalidInput: ``missing_field`` (``field`` names it) when
        there is neither content nor fallback, ``text_blank``, ``text_too_long``.
        """
        text = "".join(
            piece if isinstance(piece, str) else _content(piece, fields) for piece in self.pieces
        )
        if not text.strip():
            raise InvalidInput("The text is blank for this contact.", code="text_blank")
        if len(text) > MAX_TEXT:
            raise InvalidInput(
                f"The text is longer than {MAX_TEXT} characters for this contact.",
                code="text_too_long",
            )
        return text


@lru_cache(maxsize=64)
def compile_template(body: str) -> Template:
    """
    Return *body* checked and ready; the last 64 are remembered.

    Raises InvalidInput on field ``body``: ``template_too_long``, or
    ``template_syntax`` with ``line`` and ``column`` (from 1) in ``extra``.
    """
    if len(body) > MAX_TEMPLATE:
        raise InvalidInput(
            f"The text is longer than {MAX_TEMPLATE} characters.",
            field="body",
            code="template_too_long",
        )
    if not _merge_field_marks(body):
        return Template((body,) if body else ())
    # Costs 120 ms, and only texts with merge fields need it.
    from carillon.adapters.liquid_reader import read  # noqa: PLC0415

    return Template(tuple(read(body)))


def syntax_mistake(reason: str, *, body: str, index: int) -> InvalidInput:
    """Return the refusal of *body* for a mistake at character *index* (from 0)."""
    line_start = body.rfind("\n", 0, max(index, 0)) + 1
    line, column = body.count("\n", 0, line_start) + 1, max(index, 0) - line_start + 1
    return InvalidInput(
        f"The text has a mistake at line {line}, column {column}: {reason}.",
        field="body",
        code="template_syntax",
        extra={"line": line, "column": column},
    )


def _merge_field_marks(body: str) -> int:
    """
    Return how many ``{{ }}`` pairs *body* holds; raises InvalidInput when they do not pair.

    A mistyped merge field must never be sent as text. Also keeps the library's
    reader linear, which takes quadratic time over thousands of open braces.
    """
    opened: int | None = None
    pairs = 0
    for mark in _MARK.finditer(body):
        if mark[0] in ("{%", "%}"):
            raise syntax_mistake("tags are not available here", body=body, index=mark.start())
        if (mark[0] == "{{") == (opened is not None):
            reason = f"{mark[0]} belongs to no merge field"
            raise syntax_mistake(reason, body=body, index=mark.start())
        opened, pairs = (mark.start(), pairs + 1) if mark[0] == "{{" else (None, pairs)
    if opened is not None:
        raise syntax_mistake("this merge field is not closed by }}", body=body, index=opened)
    return pairs


def _content(wanted: MergeField, fields: Mapping[str, str]) -> str:
    content = fields.get(wanted.name)
    if content is None:
        key = _folded(wanted.name)
        content = next((fields[name] for name in fields if key and _folded(name) == key), "")
    if content.strip():
        return content
    if wanted.fallback is not None:
        return wanted.fallback
    raise InvalidInput(
        "This contact lacks a field that the text needs.", field=wanted.name, code="missing_field"
    )


def _folded(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
