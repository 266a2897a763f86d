"""How a command speaks: plain refusals instead of traces, one JSON document, a spinner.

Every group of commands uses these; what a command does belongs elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

if TYPE_CHECKING:
    from pyspark.errors import PySparkException
    from sqlalchemy.exc import DBAPIError

SILENT_SECONDS = 0.3
"""A command that has said nothing for so long shows that it is at work; what it imports before took
a second already."""


class _Sign:
    """A spinner on standard error, for a command that is at work and has not spoken yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._timer: Timer | None = None
        self._spinner: Status | None = None

    def begin(self) -> None:
        self._timer = Timer(SILENT_SECONDS, self._spin)
        self._timer.daemon = True
        self._timer.start()

    def _spin(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._spinner = errors.status("working")
                self._spinner.start()

    def end(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._spinner is not None:
                self._spinner.stop()
            self._timer = self._spinner = None


sign = _Sign()


class _Output(Console):
    """Standard output, on which no spinner turns."""

    def print(self, *args: Any, **kwargs: Any) -> None:
        sign.end()
        super().print(*args, **kwargs)


# Names and values come from files: brackets and colons in them are no markup and no emoji.
console = _Output(width=None if sys.stdout.isatty() else 120, markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)

Day = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Reporting date.")]
Source = Annotated[
    Path | None,
    typer.Option("--source", exists=True, file_okay=False, help="Folder of delivered files."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_ENGINE_WORDS = 600
_TOO_LARGE = ("too large to store in a Decimal", "NUMERIC_VALUE_OUT_OF_RANGE")
"""What Sail says, and Apache Spark, of an amount beyond its type."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def tell(kind: str, text: str, colour: str) -> None:
    """A word on standard error."""
    sign.end()
    said = Text.assemble((f"{kind}:", colour), " ", text)
    errors.print(said, highlight=False, soft_wrap=True)


def plainly(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """End with a plain message instead of a trace where the cause is known; show that the command
    is at work where people, and no program, wait for its output."""

    @wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if console.is_terminal and errors.is_terminal and not kwargs.get("as_json"):
            sign.begin()
        try:
            return told(*args, **kwargs)
        finally:
            sign.end()

    def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        from pyspark.errors import AnalysisException, PySparkException
        from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

        from regulatory_assets.adjustments.people import NotAllowed
        from regulatory_assets.adjustments.refusals import RuleError
        from regulatory_assets.audit.anchors import AnchorError
        from regulatory_assets.bank.delivery import DeliveryError
        from regulatory_assets.control.append_only import UnguardedError
        from regulatory_assets.control.database import (
            DatabaseURLError,
            LostDatabaseError,
            NewerDatabaseError,
        )
        from regulatory_assets.control.events import EventRefused
        from regulatory_assets.control.register import LostRace
        from regulatory_assets.engine import EngineError
        from regulatory_assets.ledger.lake import LakeError
        from regulatory_assets.ledger.plan import NotReady
        from regulatory_assets.ledger.postcheck import PostingRefused
        from regulatory_assets.privacy.sealing import VaultError
        from regulatory_assets.regulation.document import ParameterError
        from regulatory_assets.settings import SettingsError

        known = (
            AnchorError,
            DatabaseURLError,
            DeliveryError,
            EngineError,
            EventRefused,
            LakeError,
            LostDatabaseError,
            LostRace,
            NewerDatabaseError,
            NotAllowed,
            NotReady,
            ParameterError,
            PostingRefused,
            RuleError,
            SettingsError,
            UnguardedError,
            VaultError,
        )
        try:
            return command(*args, **kwargs)
        except known as error:
            tell("error", str(error), "red")
            raise typer.Exit(1) from None
        except DBAPIError as error:
            # Of what it refuses, a database's own state is no fault of the program.
            if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
                raise
            tell("error", _of_a_database(error), "red")
            raise typer.Exit(1) from None
        except PySparkException as error:
            # What was asked is wrong, not what is there; but Sail tells so of some numbers too.
            if isinstance(error, AnalysisException) and not _of_a_number(error):
                raise
            tell("error", of_the_engine(error), "red")
            raise typer.Exit(1) from None
        except OSError as error:
            if error.filename is None:  # not of a file or folder that somebody named
                raise
            tell("error", f"{error.filename}: {error.strerror}", "red")
            raise typer.Exit(1) from None

    return wrapped


def _of_a_database(error: DBAPIError) -> str:
    """What the database itself says, and which one it is; no address, which may hold a password."""
    which = next(iter(getattr(error, "__notes__", ())), "database")
    return (
        f"the {which} cannot be used ({str(error.orig).strip()}); see that it can be reached, read "
        "and written, and that it is the one that the settings name (docs/reference/settings.md)"
    )


def of_the_engine(error: PySparkException) -> str:
    """What the engine says, for as long as somebody reads it, and what to do."""
    told = str(error).strip().partition("\n")[0][:_ENGINE_WORDS]
    if _of_a_number(error):
        return (
            f"a number is too large to be calculated with ({told}); correct the row that holds "
            "it, or the rule that makes it"
        )
    return (
        f"the engine failed ({told}); where it names a file, restore that from backup: "
        "audit verify names all that are missing"
    )


def _of_a_number(error: PySparkException) -> bool:
    """Whether one is beyond its type."""
    from regulatory_assets.ledger.arithmetic import TOO_LARGE

    return any(word in str(error) for word in (*_TOO_LARGE, TOO_LARGE))


def print_json(document: object) -> None:
    def plain(value: object) -> object:
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, date | datetime):
            return value.isoformat()
        raise TypeError(f"no JSON for {type(value).__name__}")

    print(json.dumps(document, default=plain, indent=2))


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner with the current step, on standard error, unless the output is for a program."""
    if quiet or not errors.is_terminal:
        yield (lambda _: None) if quiet else (lambda step: errors.print(f"  {step}"))
        return
    sign.end()
    with errors.status(what) as spinner:
        yield lambda step: spinner.update(f"{what}: {step}")
