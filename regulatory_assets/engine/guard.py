"""Run a command that must not outlive its parent: it is stopped when standard input closes.

A parent that ends for any reason, even killed, closes its end of the pipe. Run as a script, with
the command as arguments; the exit status is the command's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 10


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _stop_when_closed(child: subprocess.Popen[bytes]) -> None:
    # Not through sys.stdin: a thread that holds its lock would abort the interpreter's end.
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    _stop(child)


def main(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: _stop(child))
    threading.Thread(target=_stop_when_closed, args=(child,), daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
