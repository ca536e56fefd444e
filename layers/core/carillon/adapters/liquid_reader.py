"""
Reads a text with python-liquid into the pieces of ``templates.Template``.

Apart from ``templates`` because importing python-liquid takes 120 ms, which
only a text that has merge fields should cost.
"""

from collections.abc import Iterator, Sequence

from liquid import Environment
from liquid.ast import Node
from liquid.builtin.content import ContentNode, Literal
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.arguments import PositionalArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.stream import TokenStream
from liquid.token import Token

from carillon.adapters.templates import LinkField, MergeField, Piece, syntax_mistake
from carillon.domain.errors import InvalidInput


class _LocatedOutput(Output):
    """Liquid's output, whose every syntax error says where it is."""

    def parse(self, stream: TokenStream) -> OutputNode:
        opening = stream.current
        try:
            return super().parse(stream)
        except LiquidSyntaxError as error:
            if error.token is None or error.token.start_index < 0:
                error.token = opening
            raise


class _MergeFieldsOnly(Environment):
    """Liquid without tags and filters: text and outputs are all there is to parse."""

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:  # noqa: ARG002  # its API
        """Register text, output, and the refusal of everything else."""
        self.add_tag(Literal)
        self.add_tag(_LocatedOutput)
        self.add_tag(Illegal)


_LIQUID = _MergeFieldsOnly()


def read(body: str) -> Iterator[Piece]:
    """
    Yield the pieces of *body* in order.

    Raises InvalidInput, code ``template_syntax``, where that is impossible.
    """
    try:
        nodes = _LIQUID.from_string(body).nodes
    except LiquidError as error:
        raise _mistake(str(error.args[0]), error.token, body) from error
    except RecursionError as error:
        raise _mistake("brackets are nested too deeply", None, body) from error
    for node in nodes:
        yield _piece(node, body)


def _piece(node: Node, body: str) -> Piece:
    if isinstance(node, ContentNode):
        return node.text
    if not (isinstance(node, OutputNode) and isinstance(node.expression, FilteredExpression)):
        raise _mistake("only merge fields may stand here", node.token, body)
    path = node.expression.left.path if isinstance(node.expression.left, Path) else []
    if len(path) == 2 and path[0] == "links" and isinstance(path[1], str) and path[1].strip():
        if node.expression.filters:
            raise _mistake("nothing may follow a link's name", node.token, body)
        return LinkField(path[1])
    if not (len(path) == 1 and isinstance(path[0], str) and path[0].strip()):
        raise _mistake("a merge field is the name of one field", node.token, body)
    return MergeField(path[0], _fallback(node.expression.filters or [], node.token, body))


def _fallback(filters: Sequence[Filter], token: Token, body: str) -> str | None:
    if not filters:
        return None
    if len(filters) > 1 or filters[0].name != "default":
        raise _mistake('only one | default: "…" may follow a field', token, body)
    match filters[0].args:
        case [PositionalArgument(value=StringLiteral(value=fallback))]:
            return fallback
        case _:
            raise _mistake("a fallback is one text in quotes", token, body)


def _mistake(reason: str, token: Token | None, body: str) -> InvalidInput:
    return syntax_mistake(reason, body=body, index=token.start_index if token else 0)
