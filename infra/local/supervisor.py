"""
Run one command until stdin closes, then leave nothing of it behind.

``python supervisor.py FOLDER COMMAND...`` is started by the local platform with a pipe
as stdin. However the platform ends (also by SIGKILL), the pipe closes: the command is
asked to stop, what is left of its process group is killed (its workers are in it), and
FOLDER is removed. When the command ends by itself FOLDER stays: its log says why.
Standard library only; it must start fast and outlive its parent.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time

_GRACE_S = 15.0
_POLL_S = 0.2


def main(folder: str, command: list[str]) -> int:
    """Return the command's exit code, 0 when it stopped because it was asked to."""
    # The terminal's Ctrl-C and a polite kill reach the platform, which then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while not _closed(sys.stdin.fileno()):
        if child.poll() is not None:
            _kill_group(child.pid)
            return child.returncode or 1
    _stop(child)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _closed(pipe: int) -> bool:
    readable, _, _ = select.select([pipe], [], [], _POLL_S)
    return bool(readable) and os.read(pipe, 1) == b""


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _kill_group(child.pid)


def _kill_group(group: int) -> None:
    """Kill what still runs in the process group, and wait until the kernel forgot it."""
    for _ in range(50):
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            return
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
