"""Work done by several real processes at the same moment.

The processes are spawned, so what they run is a function of a module that can be imported.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60


def together(work: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
    """Run ``work(barrier, *arguments)`` in one process per tuple; what each returned, in order.

    An exception in a process is raised here.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(arguments), timeout=PATIENCE_SECONDS)
    pipes, processes = [], []
    for own in arguments:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_report, args=(sender, work, barrier, own), daemon=True)
        process.start()
        sender.close()
        pipes.append(receiver)
        processes.append(process)
    try:
        answers = [p.recv() if p.poll(PATIENCE_SECONDS) else TimeoutError() for p in pipes]
    finally:
        for process in processes:
            process.join(5)
            process.kill()
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _report(sender: Any, work: Callable[..., Any], barrier: Any, own: tuple[Any, ...]) -> None:
    try:
        sender.send(work(barrier, *own))
    except Exception as error:
        barrier.abort()
        sender.send(RuntimeError(f"{type(error).__name__}: {error}"))
