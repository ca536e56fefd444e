"""
Taps on every call that leaves the process, for use cases that take a bundle of ports.

    steps = Steps()
    world = tapped(world, steps)         every port behind a tap
    steps.at(7, crash)                   the seventh tap does something

A tap stands before and after each call; a batch of contacts has one before and
after each contact, because a batch can be written half.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

_World = TypeVar("_World")
# Reading the time does not leave the process; functions are pure, settings fixed.
_NOT_TAPPED = frozenset({"clock", "parse_phone", "lateness_limit"})


class Crash(BaseException):
    """The process died here: nothing catches it, nothing runs after it."""


def crash() -> None:
    """Die."""
    raise Crash


@dataclass
class Steps:
    """Counts taps; *acts* says at which of them (from 1) something happens, once."""

    acts: dict[int, Callable[[], object]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def at(self, number: int, act: Callable[[], object]) -> None:
        """Let *act* happen at tap *number*."""
        self.acts[number] = act

    def tap(self, name: str) -> None:
        """Pass one tap."""
        self.names.append(name)
        if act := self.acts.pop(len(self.names), None):
            act()


def tapped(world: _World, steps: Steps) -> _World:
    """Return *world* (a dataclass of ports) with a tap before and after every call of a port."""
    ports = {
        port.name: _Tapped(getattr(world, port.name), port.name, steps)
        for port in fields(world)  # type: ignore[arg-type]  # a dataclass, which mypy cannot say
        if port.name not in _NOT_TAPPED and not isinstance(getattr(world, port.name), int)
    }
    return replace(world, **ports)  # type: ignore[type-var]  # the same as above


class _Tapped:
    def __init__(self, port: Any, name: str, steps: Steps) -> None:
        self._port = port
        self._name = name
        self._steps = steps

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Tap a port that is one function."""
        self._steps.tap(f"before {self._name}")
        answer = self._port(*args, **kwargs)
        self._steps.tap(f"after {self._name}")
        return answer

    def __getattr__(self, method: str) -> Callable[..., Any]:
        name = f"{self._name}.{method}"
        call = getattr(self._port, method)

        def tapped_call(*args: Any, **kwargs: Any) -> Any:
            if name == "contacts.add":
                return self._one_by_one(*args)
            self._steps.tap(f"before {name}")
            answer = call(*args, **kwargs)
            self._steps.tap(f"after {name}")
            return answer

        return tapped_call

    def _one_by_one(
        self, list_id: str, shards: int, contacts: Sequence[Any]
    ) -> list[tuple[str, int]]:
        origins = []
        for contact in contacts:
            self._steps.tap("before contacts.add")
            origins += self._port.add(list_id, shards, [contact])
            self._steps.tap("after contacts.add")
        return origins
