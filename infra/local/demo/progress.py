"""What the person at the terminal sees while a campaign runs."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

_EVERY_S = 0.5
# A log file gets a line this often instead of a moving one.
_PLAIN_EVERY_S = 5.0


class Progress:
    """Draws one moving line on a terminal, a line every few seconds elsewhere."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._moving = out.isatty()
        self._drawn_at = 0.0
        self._started = time.monotonic()
        self._submitted = 0
        self._submitted_at = self._started
        self._width = 0

    def follow(
        self,
        figures: Callable[[], Mapping[str, Any]],
        is_over: Callable[[], bool],
        *,
        timeout_s: float,
    ) -> bool:
        """Draw *figures* until *is_over*; False when *timeout_s* passes first."""
        deadline = time.monotonic() + timeout_s
        while True:
            over = is_over()
            self._draw(figures(), last=over)
            if over:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_EVERY_S)

    def _draw(self, figures: Mapping[str, Any], *, last: bool) -> None:
        now = time.monotonic()
        if not self._moving and not last and now - self._drawn_at < _PLAIN_EVERY_S:
            return
        self._drawn_at = now
        line = self._line(figures)
        if self._moving:
            self._out.write("\r" + line.ljust(self._width) + ("\n" if last else ""))
            self._width = len(line)
        else:
            self._out.write(line + "\n")
        self._out.flush()

    def _line(self, figures: Mapping[str, Any]) -> str:
        def value(name: str) -> int:
            return int(figures[name]["value"] or 0)

        submitted, total = value("contacts_submitted"), value("total")
        handled = submitted + value("failed")
        if submitted != self._submitted:
            self._submitted, self._submitted_at = submitted, time.monotonic()
        # Up to the last message: waiting for receipts is not sending slowly.
        rate = submitted / max(self._submitted_at - self._started, 0.001)
        left = (total - handled) / rate if rate and handled < total else 0.0
        return (
            f"  submitted {submitted}/{total}  delivered {value('contacts_messaged')}"
            f"  failed {value('failed')}  replies {value('contacts_responded')}"
            f"  opt-outs {value('total_opt_outs')}  {rate:.0f} msg/s  {left:.0f} s left"
        )
