"""Find phones and message texts where none may be: in logs and metrics."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# Fixtures use numbers reserved for fiction, of whatever area code: +1 202 555 0142. A line of
# JSON escapes no plus sign, an address does.
_PHONE = re.compile(r"(?<![\w.])(?:\+|%2B)?1?[2-9]\d{2}[-. )]{0,2}555[-. ]?\d{4}(?![\w.]\w)")
_NAMES_OF_TEXTS = frozenset({"body", "bodies", "text", "texts", "reply_texts"})
# Shorter ones are keywords (STOP, hello): to be found in any log for other reasons.
_SHORTEST_TEXT = 10


def personal_data_in(line: str, texts: Iterable[str] = ()) -> list[str]:
    """Return the phones, and those of *texts*, that *line* holds."""
    found = _PHONE.findall(line)
    # Structured logs are JSON, where a quote or an accent may be spelt otherwise.
    plain = line.encode().decode("unicode_escape", "replace") if "\\" in line else line
    return found + [text for text in texts if text in line or text in plain]


def texts_of_fixtures(tests: Path) -> frozenset[str]:
    """Return the message texts that the tests under *tests* use, read from their source."""
    return frozenset(
        text
        for path in sorted(tests.rglob("*.py"))
        for text in _texts_in(ast.parse(path.read_text(encoding="utf-8")))
        if len(text) >= _SHORTEST_TEXT and " " in text
    )


def _texts_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=value):
                yield from _constants(name, value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield from _constants(name, value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield from _constants(key.value, value)
            case ast.Call(func=ast.Name(id="a_reply" | "an_inbound_message"), args=[value, *_]):
                yield from _constants("body", value)


def _constants(name: str, value: ast.expr) -> Iterator[str]:
    if name.lower() not in _NAMES_OF_TEXTS:
        return
    values = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    for one in values:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value
