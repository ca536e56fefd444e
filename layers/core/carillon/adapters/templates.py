"""
The text of a campaign with its merge fields (M1), in a slice of Liquid.

    Hi {{ first_name | default: "there" }}, your {{ ["Pick-up date"] }} is near:
    {{ links.booking }}

python-liquid reads the text; of the language only an output of one field, with or
without ``default``, and of one short link (M6) are let through: no tag, loop, include,
other filter or expression exists here. What it read is kept as plain pieces, and
rendering joins them, so it costs time in proportion to the result, touches nothing
else, and never reads a field's content as a template.

Chosen over minijinja (cannot say which field lacks a fallback), Mustache
(fallbacks need a section and its inverse) and Jinja2 (a programming language).
The library is imported on the first text that has a merge field: 120 ms.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

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
class LinkField:
    """One ``{{ links.<name> }}``: where one of the campaign's short links stands (M6)."""

    name: str


Piece = str | MergeField | LinkField
_NO_LINKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Template:
    """A checked text, ready to be rendered for any number of contacts."""

    pieces: tuple[Piece, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The names of all merge fields."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, MergeField))

    @property
    def links(self) -> frozenset[str]:
        """The names of all short links."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, LinkField))

    def missing(self, fields: Mapping[str, str]) -> list[str]:
        """Return the fields that a contact with *fields* lacks, in the order of the text (M1)."""
        wanted = [piece for piece in self.pieces if isinstance(piece, MergeField)]
        lacking = [one.name for one in wanted if _content_or_none(one, fields) is None]
        return list(dict.fromkeys(lacking))

    def render(self, fields: Mapping[str, str], links: Mapping[str, str] = _NO_LINKS) -> str:
        """
        Return the text for a contact's *fields*; their content goes in verbatim.

        *links* are the contact's short links by name. A name finds the field of that
        name, else one that differs only in case, spaces or punctuation (``pickup_date``:
        "Pickup date"). Blank counts as missing. Raises InvalidInput: ``missing_field``
        (``field`` names it) when there is neither content nor fallback, ``missing_link``
        for a link that is not among *links*, ``text_blank``, ``text_too_long``.
        """
        text = "".join(
            piece if isinstance(piece, str) else _content(piece, fields, links)
            for piece in self.pieces
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


def _content(
    wanted: MergeField | LinkField, fields: Mapping[str, str], links: Mapping[str, str]
) -> str:
    if isinstance(wanted, LinkField):
        return _address(wanted, links)
    content = _content_or_none(wanted, fields)
    if content is None:
        raise InvalidInput(
            "This contact lacks a field that the text needs.",
            field=wanted.name,
            code="missing_field",
        )
    return content


def _address(wanted: LinkField, links: Mapping[str, str]) -> str:
    try:
        return links[wanted.name]
    except KeyError:
        raise InvalidInput(
            "The text names a link that the campaign does not have.",
            field=wanted.name,
            code="missing_link",
        ) from None


def _content_or_none(wanted: MergeField, fields: Mapping[str, str]) -> str | None:
    content = fields.get(wanted.name)
    if content is None:
        key = _folded(wanted.name)
        content = next((fields[name] for name in fields if key and _folded(name) == key), "")
    return content if content.strip() else wanted.fallback


def _folded(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
