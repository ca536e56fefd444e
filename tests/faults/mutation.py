"""
Remove each guard and see a test notice: ``python -m tests.faults.mutation``.

Works on copies of the tree. Exits 1 when a guard can be removed unnoticed, when
its text is no longer found exactly once, or when the tests fail with all guards
in place (then "noticed" would mean nothing): every test that noticed is run again
on the whole tree. Words given as arguments pick the
guards whose name holds one of them; SHARE=2/5 in the environment picks the second fifth.

Each run is a fork of this process, which has loaded the libraries once: loading
them anew for every guard would cost more than all tests together.
"""

import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from tests.faults.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
# Beside something else, one is enough: WORKERS=1.
WORKERS = int(os.environ.get("WORKERS", "2"))
# Of the processor, and in all: a fork that runs beside something else may wait for long.
MOST_CPU_S = 60
TIMEOUT_S = 600.0
# What the chosen tests read of the tree.
_PARTS = ("layers/core", "functions", "infra", "tests", "pyproject.toml", "template.yaml")
_LEFT_OUT = shutil.ignore_patterns(".hypothesis", "node_modules", "browser", "assets")
# A fork must load these from its own copy of the tree.
_OURS = ("carillon", "functions", "infra", "tests")
_LIBRARIES = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "hypothesis",
    "moto.dynamodb.models",
    "moto.s3.models",
    "moto.secretsmanager.models",
    "moto.sqs.models",
    "twilio.rest",
)
# The name of a case may hold spaces.
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
_DID_NOT_END = "(the tests did not end)"
_SKIPPED_OPTIONS = ("-p", "no:cacheprovider")


@dataclass(frozen=True)
class Verdict:
    """What became of one guard's removal; ``noticed_by`` is empty when nobody noticed."""

    guard: Guard
    noticed_by: str
    problem: str = ""
    took_s: float = 0.0

    @property
    def tests_that_noticed(self) -> tuple[str, ...]:
        """The one that failed, or all that were picked when they did not end."""
        if self.noticed_by == _DID_NOT_END:
            return self.guard.tests
        return (self.noticed_by,) if self.noticed_by else ()


@dataclass(frozen=True)
class Task:
    """One run of *tests*, those that *only* picks, with the change of *guard* if there is one."""

    tests: tuple[str, ...]
    only: str
    guard: Guard | None = None


@dataclass(frozen=True)
class Ended:
    """How a task ended: pytest's exit code (None: not in time) and what it printed."""

    task: Task
    code: int | None
    output: str
    took_s: float = 0.0


@dataclass
class _Fork:
    task: Task
    tree: Path
    pid: int
    output: Path
    started: float


def matches(guard: Guard, root: Path = ROOT) -> int:
    """Return how often the guard's text stands in its file; it must be once."""
    path = root / guard.path
    return path.read_text(encoding="utf-8").count(guard.text) if path.exists() else 0


def remove_all(guards: Sequence[Guard]) -> list[Verdict]:
    """Remove each of *guards* in turn and say who noticed."""
    tasks = [Task(g.tests, g.only, g) for g in guards if matches(g) == 1]
    ended = {one.task.guard: one for one in run_all(tasks)}
    return [verdict_on(guard, ended.get(guard)) for guard in guards]


def failing_unbroken(verdicts: Sequence[Verdict]) -> list[str]:
    """Return which of the tests that noticed fail while every guard stands; best none."""
    noticing = sorted({test for verdict in verdicts for test in verdict.tests_that_noticed})
    share = -(-len(noticing) // WORKERS)
    tasks = [
        Task(tuple(noticing[start : start + share]), "")
        for start in range(0, len(noticing), share or 1)
    ]
    ended = run_all(tasks, most_cpu_s=MOST_CPU_S * 10)
    return [_last_lines(one) for one in ended if one.code != 0]


def verdict_on(guard: Guard, ended: Ended | None) -> Verdict:
    """Return who noticed, by how the tests ended; None means that the guard was not found."""
    if ended is None:
        return Verdict(guard, "", f"its text stands there {matches(guard)} times")
    if ended.code is None:
        return Verdict(guard, _DID_NOT_END, took_s=ended.took_s)
    if ended.code == 0:
        return Verdict(guard, "", "nobody noticed", ended.took_s)
    failed = _FAILED.search(ended.output)
    if ended.code != 1 or failed is None:
        problem = f"the tests did not run: {_last_lines(ended)}"
        return Verdict(guard, "", problem, ended.took_s)
    return Verdict(guard, failed.group(1), took_s=ended.took_s)


def _last_lines(ended: Ended) -> str:
    names = _FAILED.findall(ended.output) or ended.output.strip().splitlines()[-1:]
    return f"pytest said {ended.code}: {' '.join(names)}"


# Running ---------------------------------------------------------------------------------------


def run_all(tasks: Sequence[Task], most_cpu_s: int = MOST_CPU_S) -> list[Ended]:
    """Run *tasks*, ``WORKERS`` at a time, each in a copy of the tree that is its own meanwhile."""
    waiting, running, ended = list(tasks), list[_Fork](), list[Ended]()
    _load_libraries()
    with _copies(WORKERS) as free:
        try:
            while waiting or running:
                while waiting and free:
                    running.append(_start(waiting.pop(0), free.pop(), most_cpu_s))
                for fork in list(running):
                    if (result := _finished(fork)) is not None:
                        running.remove(fork)
                        free.append(fork.tree)
                        ended.append(result)
                time.sleep(0.02)
        finally:
            for fork in running:
                _kill(fork)
    return ended


def _start(task: Task, tree: Path, most_cpu_s: int) -> _Fork:
    if task.guard is not None:
        path = tree / task.guard.path
        text = path.read_text(encoding="utf-8")
        _write(path, text.replace(task.guard.text, task.guard.broken))
    output = tree / "output.txt"
    pid = os.fork()
    if pid == 0:
        _become_pytest(task, tree, output, most_cpu_s)
    return _Fork(task, tree, pid, output, time.monotonic())


def _become_pytest(task: Task, tree: Path, output: Path, most_cpu_s: int) -> None:
    code = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_s, most_cpu_s))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        printed = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        os.chdir(tree)
        for name in [n for n in sys.modules if n.partition(".")[0] in _OURS]:
            del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
        options = [
            "-x",
            "-q",
            "--tb=no",
            *_SKIPPED_OPTIONS,
            *(("-k", task.only) if task.only else ()),
        ]
        code = int(pytest.main([*options, *task.tests]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _finished(fork: _Fork) -> Ended | None:
    pid, status = os.waitpid(fork.pid, os.WNOHANG)
    took_s = time.monotonic() - fork.started
    late = took_s > TIMEOUT_S
    if not pid and not late:
        return None
    if not pid:
        _kill(fork)
    if fork.task.guard is not None:
        shutil.copy2(ROOT / fork.task.guard.path, fork.tree / fork.task.guard.path)
    exit_code = os.waitstatus_to_exitcode(status) if pid else -signal.SIGKILL
    # Ended by a signal: it used up its time.
    code = exit_code if exit_code >= 0 else None
    output = fork.output.read_text(encoding="utf-8", errors="replace")
    return Ended(fork.task, code, output, took_s)


def _kill(fork: _Fork) -> None:
    # Until it has made its own session, its group is ours.
    with suppress(ProcessLookupError):
        os.kill(fork.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(fork.pid, signal.SIGKILL)
    os.waitpid(fork.pid, 0)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # Python trusts compiled files by whole seconds, so every version gets its own.
    _write.second += 10  # type: ignore[attr-defined]
    moment = time.time() + _write.second  # type: ignore[attr-defined]
    os.utime(path, (moment, moment))


_write.second = 0  # type: ignore[attr-defined]


def _load_libraries() -> None:
    """Load what the tests load, boto3's service models above all, before the first fork."""
    for library in _LIBRARIES:
        import_module(library)
    with mock_aws():
        for service in ("dynamodb", "sqs", "s3", "secretsmanager"):
            boto3.client(
                service,
                region_name="us-east-1",
                aws_access_key_id="emulated",
                aws_secret_access_key="emulated",
            )


@contextmanager
def _copies(number: int) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory(prefix="carillon-mutation-") as folder:
        yield [_copy(Path(folder) / str(name)) for name in range(number)]


def _copy(to: Path) -> Path:
    for part in _PARTS:
        source, target = ROOT / part, to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_OUT)
        elif source.exists():
            shutil.copy2(source, target)
    return to


def main(words: Sequence[str]) -> int:
    """Print a table of guards and who noticed; return the exit code."""
    # Ended from outside, it ends its forks and its copies too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    number, of = map(int, os.environ.get("SHARE", "1/1").split("/"))
    chosen = [g for at, g in enumerate(GUARDS) if at % of == number - 1]
    guards = [g for g in chosen if not words or any(word in g.name for word in words)]
    started = time.monotonic()
    verdicts = remove_all(guards)
    width = max((len(guard.name) for guard in guards), default=0)
    for verdict in verdicts:
        noticed = verdict.noticed_by or f"SURVIVED: {verdict.problem}"
        _print(f"{verdict.took_s:5.1f} s  {verdict.guard.name:<{width}}  {noticed}")
    broken = failing_unbroken(verdicts)
    if broken:
        _print("The tests fail with every guard in place:", *broken)
    survived = sum(not verdict.noticed_by for verdict in verdicts)
    took_s = time.monotonic() - started
    _print(f"{len(verdicts)} guards removed, {survived} unnoticed, in {took_s:.0f} s")
    return 1 if survived or broken or not verdicts else 0


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
