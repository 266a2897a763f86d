"""Two real processes that do things at the same moment.

They are spawned, as nothing may be forked beside a running engine; what they run is a function of
a module that can be imported. They are started once, since each start costs a second.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60


class Processes:
    """Processes that wait for work."""

    def __init__(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._barrier = context.Barrier(number, timeout=PATIENCE_SECONDS)
        self._pipes = []
        self._processes = []
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self._barrier), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, work: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
        """Run ``work(barrier, *arguments)`` in one process per tuple; what each returned.

        An exception in a process is raised here.
        """
        for pipe, own in zip(self._pipes, arguments, strict=False):
            pipe.send((work, own))
        busy = self._pipes[: len(arguments)]
        answers = [p.recv() if p.poll(PATIENCE_SECONDS) else TimeoutError() for p in busy]
        for answer in answers:
            if isinstance(answer, Exception):
                self._barrier.reset()
                raise answer
        return answers

    def stop(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5)
            process.kill()


def _work(pipe: Any, barrier: Any) -> None:
    while True:
        try:
            work, own = pipe.recv()
        except EOFError:
            return
        try:
            answer = work(barrier, *own)
        except Exception as error:
            barrier.abort()
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        pipe.send(answer)
