"""What a run has to do for the sources of a day: which databases it asks, which files it takes.

``plan`` prints it, a run carries it out, and the sensor requests runs by it. It follows from
names, hashes and the register alone: no database is asked for it, and no line is read. Asking is
for ``fetching``, taking for ``ingest``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from regulatory_assets.bank.claims import StandingDeliveries, standing_deliveries
from regulatory_assets.bank.control_totals import ControlTotal, not_compared
from regulatory_assets.bank.delivery import DeliveredFile
from regulatory_assets.bank.fetching import Asking
from regulatory_assets.bank.files import COMPRESSED
from regulatory_assets.bank.formats import Unreadable
from regulatory_assets.bank.staging import raw_lines, text_hash
from regulatory_assets.control.register import Delivery, Register
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class Arrivals:
    """What has arrived so far: the register, and the folder of the kept lines."""

    register: Register
    raw: Path

    def standing(self, table: Table, day: date) -> StandingDeliveries:
        """The deliveries that make up the rows of a table's day."""
        return standing_deliveries(self.raw, table, self.register.deliveries(table.name, day))

    def asks(
        self, askable: Iterable[Asking], delivered: Iterable[DeliveredFile], day: date
    ) -> tuple[Asking, ...]:
        """The sources whose database is asked for a day: those that have no answer among the
        files, and have never delivered for it."""
        there = {f.path.name for f in delivered}
        return tuple(
            a
            for a in askable
            if not any(a.mapping.pattern.matches(name) for name in there)
            and not {d.source for d in self.register.deliveries(a.mapping.table.name, day)}
            & {a.mapping.source, *a.mapping.formerly}
        )

    def pending(self, files: Sequence[DeliveredFile]) -> tuple[DeliveredFile, ...]:
        """The files of one table and day that are not applied yet: source by source in the order of
        their names, and each in order.

        A full file that is not the last one applied replaces its source's rows, so the deltas
        beside it follow it again; so does one whose mapping has changed since, and one of whose
        keys a source before it had some, when that source delivered again. Otherwise only deltas
        that were not applied since are pending.
        """
        if not files:
            return ()
        table, day = files[0].table, files[0].day
        standing = self.standing(table, day)
        waiting: list[DeliveredFile] = []
        for source in sorted({f.source for f in files}):
            own = [f for f in files if f.source == source]
            now = standing.before(source, {name for f in own for name in f.mapping.formerly})
            fulls, applied = [f for f in own if f.mode == "full"], now.of.get(source, ())
            whole = applied[0] if applied and applied[0].mode == "full" else None
            before = [d for name, each in now.of.items() if name < source for d in each]
            # Where rows have passed to another name, keys of the former may be free.
            before += [d for name, d in now.passed if name < source != d.source]
            if fulls and (
                whole is None or not self._is(fulls[-1], whole) or _contested(applied, before)
            ):
                waiting += own
            else:
                waiting += self._unapplied((f for f in own if f.mode == "delta"), applied)
        return tuple(waiting)

    def to_compare(
        self, totals: Iterable[ControlTotal], table: Table, day: date, names: Mapping[str, str]
    ) -> tuple[tuple[ControlTotal, Delivery | None], ...]:
        """A table's control totals that came after the full file of which they speak, or changed
        since, each with it; and those that count rows where no such file was taken.

        ``names`` are those of today (``mapping.names_of_today``). Of a file that is pending nothing
        is said: it is held against the totals when it is taken.
        """
        totals = [t for t in totals if t.table == table.name]
        if not totals:
            return ()
        full = self.standing(table, day).full(names)
        lacking = (t for t in totals if t.rows and not any(t.source in ("", s) for s in full))
        return (*not_compared(totals, full), *((t, None) for t in lacking))

    def _is(self, file: DeliveredFile, applied: Delivery) -> bool:
        """Whether this very content was applied by this very mapping."""
        if file.sha256 != applied.sha256:
            return False
        kept = raw_lines(self.raw, file.table, applied.batch)
        return kept.mapping_text == file.mapping.text

    def _unapplied(
        self, deltas: Iterable[DeliveredFile], applied: Sequence[Delivery]
    ) -> list[DeliveredFile]:
        """The deltas of which none that was applied has the content: one each, since changes that
        are taken back and come again are delivered twice."""
        left = [d for d in applied if d.mode == "delta"]
        waiting = []
        for delta in deltas:
            if (same := self._same(delta, left)) is None:
                waiting.append(delta)
            else:
                left.remove(same)
        return waiting

    def _same(self, delta: DeliveredFile, among: Sequence[Delivery]) -> Delivery | None:
        """The delivery of these very changes, however they were packed then."""
        if exact := [d for d in among if d.sha256 == delta.sha256]:
            return exact[0]
        unpacked = delta.packed or delta.parts
        others = [d for d in among if unpacked or d.file_name.endswith(COMPRESSED)]
        try:
            text = text_hash(delta) if others else ""
        except (Unreadable, OSError):
            return None  # who takes it says what is wrong
        kept = ((d, raw_lines(self.raw, delta.table, d.batch)) for d in others)
        return next((d for d, lines in kept if lines.text_sha256 == text), None)


def _contested(applied: Sequence[Delivery], before: Sequence[Delivery]) -> bool:
    """Whether who has which key must be settled anew: a source before this one has delivered
    since its full file, and they have had keys in common."""
    since = [d for d in before if (d.revision or 0) > (applied[0].revision or 0)]
    return bool(since) and any(d.contested for d in (*applied, *since))
