"""The checks of what was delivered: nothing lost, nothing doubled, every source there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.claims import (
    SOURCE,
    StandingDeliveries,
    all_claims,
    owners,
    raw_folder,
    standing_deliveries,
)
from regulatory_assets.bank.conform import REJECTED_ROWS, conform_kept
from regulatory_assets.bank.control_totals import (
    REMEDY,
    ControlTotal,
    check_totals,
    control_totals,
    not_compared,
)
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.mapping import installed, names_of_today, needed_sources
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.control.register import Delivery
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.examination import Check, Examination, Result

REJECTED_PER_MILLE = 10
"""From this share of rejected lines on, a delivery is worth a warning."""


def delivery_checks(table: Table) -> tuple[Check, ...]:
    """The checks of a source table's deliveries."""
    return _deliveries(table), _rejected_share(table)


def _deliveries(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        arrived = day.register.deliveries(table.name, day.version(table).day)
        standing = _standing(day, table, arrived)
        wrong = [
            f"{d.file_name}: {d.delivered} lines, {d.accepted} accepted, {d.rejected} rejected"
            for d in arrived
            if d.delivered != d.accepted + d.rejected
        ]
        facts: dict[str, int | str] = {
            "deliveries": len(arrived),
            "delivered": sum(d.delivered for d in arrived),
            "accepted": sum(d.accepted for d in arrived),
            "rejected": sum(d.rejected for d in arrived),
        }
        if len({d.source for d in arrived} | standing.of.keys()) > 1:
            wrong += _of_sources(day, table, standing, facts)
        else:
            wrong += _of_full_files(day, table, arrived)
        batches = {d.batch: d.rejected for d in arrived if d.rejected}
        for batch, kept in _kept(day, batches).items():
            if kept != batches[batch]:
                wrong.append(f"batch {batch}: {batches[batch]} rejected, {kept} kept")
        wrong += _lacking(day, table, standing)
        wrong += _miscounted(day, table, standing)
        if wrong:
            return Result(False, "; ".join(wrong), facts)
        return Result(True, "every delivered line was accepted or kept as rejected", facts)

    return Check(
        table,
        "reconciliation",
        "Every source that the day needs has delivered; delivered lines = accepted + rejected, and "
        "the accepted lines of each source's last full file, with its changes, are its rows; its "
        "lines are those that its control total counts.",
        True,
        examine,
        counts=True,
    )


def _standing(day: Examination, table: Table, arrived: Sequence[Delivery]) -> StandingDeliveries:
    return standing_deliveries(raw_folder(day.reader.lake.root), table, arrived)


def _of_full_files(day: Examination, table: Table, arrived: Sequence[Delivery]) -> list[str]:
    """Where a table has one source: after each full file its accepted lines are the rows."""
    wrong = []
    for full in (d for d in arrived if d.mode == "full" and d.revision):
        chain = day.version(table).until(full.revision or 0).chain
        rows = sum(r.booked - r.reversed for r in chain if r.kind == "delta")
        if rows != full.accepted:
            wrong.append(f"{full.file_name}: {full.accepted} accepted, {rows} rows afterwards")
    return wrong


def _of_sources(
    day: Examination, table: Table, standing: StandingDeliveries, facts: dict[str, int | str]
) -> list[str]:
    """Where a table has several: what each has delivered stands, and nothing besides."""
    version, folder = day.version(table), raw_folder(day.reader.lake.root)
    claims = all_claims(day.reader, day.register, folder, table, version.day, standing)
    rows = day.rows(table).select(*table.key)
    found = frames.attach(
        owners(claims, table), rows.withColumn("__row", F.lit(1)), table.key, table.key, "full"
    )
    counted = found.groupBy(SOURCE).agg(F.count("*").alias("keys"), F.count("__row").alias("rows"))
    wrong = []
    for row in counted.orderBy(SOURCE).collect():
        source = row[SOURCE]
        if source is None:
            wrong.append(f"{row['rows']} rows are of no source")
            continue
        delivered = standing.of[source]
        facts[f"rows of {source}"] = row["rows"]
        facts[f"rejected of {source}"] = sum(d.rejected for d in delivered)
        if row["keys"] != row["rows"]:
            wrong.append(f"{source}: {row['keys']} keys delivered, {row['rows']} of them stand")
    return wrong


def _lacking(day: Examination, table: Table, standing: StandingDeliveries) -> list[str]:
    """The sources without which a table that has begun to arrive is not complete."""
    if not standing.of:
        return []
    mappings = installed(day.positions.graph.sources)
    needed = needed_sources(table, day.version(table).day, mappings)
    delivered = standing.full(names_of_today(table, mappings))
    return [f"the source {s} has not delivered" for s in needed if s not in delivered]


def _miscounted(day: Examination, table: Table, standing: StandingDeliveries) -> list[str]:
    """The control totals with which the full files in force do not agree. Those that lay beside a
    file when it was taken need no second look; the others came later."""
    if day.deliveries is None or not standing.of:
        return []
    names = names_of_today(table, installed(day.positions.graph.sources))
    full = standing.full(names)
    try:
        of_day = control_totals(day.deliveries, day.positions.day, day.positions.graph.sources)
        totals = [t for t in of_day if t.table == table.name]
        check_totals(totals, full, {table.name, *names.values()})
    except DeliveryError as error:
        return [str(error)]
    return [
        f"{differs}. What was taken of it stands; {REMEDY}"
        for each, delivery in not_compared(totals, full)
        if (differs := _difference(day, table, each, delivery))
    ]


def _difference(day: Examination, table: Table, total: ControlTotal, delivery: Delivery) -> str:
    summed = Decimal(0)
    if total.sum_column and delivery.delivered == total.rows:
        raw = raw_lines(raw_folder(day.reader.lake.root), table, delivery.batch)
        summed = total.summed(conform_kept(day.reader.lake, raw))
    return total.difference(delivery.file_name, delivery.delivered, summed)


def _kept(day: Examination, batches: dict[str, int]) -> dict[str, int]:
    if not batches:
        return {}
    rejected = day.rows(REJECTED_ROWS).where(F.col("batch").isin(sorted(batches)))
    counted = rejected.groupBy("batch").count().collect()
    return {**dict.fromkeys(batches, 0), **{row["batch"]: row["count"] for row in counted}}


def _rejected_share(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        arrived = day.register.deliveries(table.name, day.version(table).day)
        last = [each[-1] for each in _standing(day, table, arrived).of.values()]
        if not last:
            return Result(True, "nothing was delivered")
        facts = {
            "delivered": sum(d.delivered for d in last),
            "rejected": sum(d.rejected for d in last),
        }
        many = [d for d in last if d.rejected and _many(d)]
        said = "; ".join(
            f"{d.file_name}: {d.rejected} of {d.delivered} lines rejected" for d in many or last
        )
        return Result(not many, said, facts)

    return Check(
        table,
        "rejected_share",
        f"Fewer than {REJECTED_PER_MILLE} in 1000 lines of each source's last file were rejected.",
        False,
        examine,
    )


def _many(delivery: Delivery) -> bool:
    return delivery.rejected * 1000 >= REJECTED_PER_MILLE * delivery.delivered
