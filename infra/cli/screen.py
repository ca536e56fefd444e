"""What the program prints: text for people or JSON for programs, errors, exit codes."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from infra.cli.api import CliError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


class Screen:
    """Where one command prints. Text goes to stdout, what only accompanies it to stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.notes = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def show(self, document: Any, draw: Callable[[], None]) -> None:
        """Print *document* as one line of JSON, or have it drawn."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            draw()

    def say(self, *words: object) -> None:
        """Print a line of text."""
        self.out.print(Text(clean(" ".join(map(str, words)))))

    def note(self, *words: object) -> None:
        """Print a line beside the result."""
        self.notes.print(Text(clean(" ".join(map(str, words)))))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print *rows*."""
        drawn = Table(box=None, pad_edge=False, header_style="bold")
        for name in header:
            drawn.add_column(name)
        for row in rows:
            drawn.add_row(*(Text(clean(str(cell))) for cell in row))
        self.out.print(drawn)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Print names and values, without those that are empty."""
        self.table(("", ""), [(k, v) for k, v in facts.items() if v not in (None, "", [], {})])

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Draw a bar on a terminal; give what tells it how far we are."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=self.notes, transient=True) as bar:
            task = bar.add_task(what, total=max(total, 1))
            yield lambda done: bar.update(task, completed=done)


@contextmanager
def screen(as_json: bool) -> Iterator[Screen]:  # each command's one flag
    """Give a screen; an error becomes its sentence and its exit code, Ctrl-C 130."""
    shown = Screen(as_json=as_json)
    try:
        yield shown
    except CliError as error:
        if as_json:
            sys.stderr.write(json.dumps({"error": error.said}, ensure_ascii=False) + "\n")
        else:
            shown.note(f"carillon: {error.sentence}")
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        shown.note("Stopped.")
        raise typer.Exit(130) from None


def clean(text: str) -> str:
    """Return *text* without what a terminal would obey: others wrote it."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
