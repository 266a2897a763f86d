"""What only the LCR can know: nothing unclassified; scopes, components and ratio tie to lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.quality.examination import (
    SHOWN,
    Check,
    Examination,
    Result,
    verdict,
)
from regulatory_assets.regulation.parameters import BASEL, Parameters, RateTable
from regulatory_assets.reports.lcr.adjustments import flow_adjustments, line_adjustments
from regulatory_assets.reports.lcr.assignment import UNCLASSIFIED
from regulatory_assets.reports.lcr.calculation import ADD_ON, EXCESS, NO_COMPONENT, OF_NO_LINE
from regulatory_assets.reports.lcr.currency import LCR_CURRENCY, lcr_currency
from regulatory_assets.reports.lcr.mismatch import kind_of
from regulatory_assets.reports.lcr.scopes import SCOPES
from regulatory_assets.reports.lcr.stages import lcr, lcr_components, lcr_scope_lines
from regulatory_assets.reports.lcr.tables import (
    ADJUSTMENT_ENTITIES,
    ADJUSTMENT_PREFIX,
    LCR,
    LCR_COMPONENTS,
    LCR_FLOWS,
    LCR_LINES,
    LCR_SCOPE_LINES,
    PROMOTED,
    UNTRANSFERABLE,
    UNTRANSFERABLE_UNWIND,
)

Totals = Mapping[tuple[str, ...], Decimal]
"""By the columns of a place, the component last."""

_ZERO, _ONE = Decimal(0), Decimal(1)
_UNWIND = "unwind_"
_LINES = "lcr/lines"
_TURNED = "lcr/currency_lines"
_FOREIGN, _ADJUSTMENT = "lcr/foreign_sovereigns", "lcr/outflow_adjustment"


def without_line() -> Column:
    """Whether a row of flows has no line, or lacks what its line should give it."""
    missing = F.col("factor").isNull() | F.col("weighted").isNull()
    return (F.col("line") == UNCLASSIFIED) | missing


def _unclassified(day: Examination, since: int) -> Result:
    """After all rules, so that one mends a part for which nothing better is delivered."""
    key = LCR_FLOWS.key
    found = day.left(LCR_FLOWS, key, among=without_line())
    wrong = (
        "parts of deals have no LCR line or factor (where collateral_levels has regimes in "
        "`differing`: a swap gives pieces of another level than its deal's security, deliver a "
        "deal for each level given; where its `shares` have no level: deliver the market value of "
        "the pieces)"
    )
    return verdict(found.count(), found, key, wrong, "every part of every deal has its line")


def _solo(day: Examination, since: int) -> Result:
    """But for lines that are not the entity's own: of deals that a group above treats otherwise."""
    columns = (*LCR_LINES.key, "amount", "weighted")
    lines = day.reader.rows(day.read_by(lcr_scope_lines, LCR_LINES)).select(*columns)
    booked = [
        row
        for row in frames.values(lines)
        if row["only_in"] in (None, row["entity_id"])
        or row["entity_id"].startswith(ADJUSTMENT_PREFIX)
    ]
    found = frames.values(day.rows(LCR_SCOPE_LINES).select("scope", *columns))
    # In Python: Sail fails to compare two columns below the joins that these rows come from.
    own = [r for r in found if r["entity_id"] in (r["scope"], ADJUSTMENT_PREFIX + r["scope"])]
    expected = Counter(tuple(row.values()) for row in booked)
    expected.subtract(tuple(row[c] for c in columns) for row in own)
    wrong = sorted((row for row, left in expected.items() if left), key=repr)
    shown = "; ".join(", ".join(map(str, row)) for row in wrong[:SHOWN])
    said = f"{len(wrong)} rows differ, for instance {shown}" if wrong else "all rows agree"
    return Result(not wrong, said, {"offending": len(wrong)})


def _places(day: Examination, since: int) -> Result:
    """Rules add lines of any name; those that deals have made are looked at with the deals."""
    if not day.version(line_adjustments.writes).live:
        return Result(True, "no rule acts on lines")
    found = day.rows(line_adjustments.writes).select(*LCR_LINES.key).distinct()
    entities = {
        row["entity_id"]
        for table in (ENTITIES, ADJUSTMENT_ENTITIES)
        for row in frames.values(day.rows(table).select("entity_id"))
    }
    wrong = []
    for row in frames.values(found.orderBy("entity_id", "line")):
        known = _component_of(row["line"], row["regime"], day.version(LCR_LINES).day)
        if row["entity_id"] not in entities:
            wrong.append(f"{row['entity_id']} is neither an entity nor a scope's adjustment entity")
        if row["component"] != known:
            wrong.append(f"{row['line']} is of {known or 'no component'}, not {row['component']}")
    facts: dict[str, int | str] = {"offending": len(wrong)}
    return Result(not wrong, "; ".join(dict.fromkeys(wrong)) or "every line has its place", facts)


def _component_of(line: str, regime: str, day: date) -> str | None:
    """The component that a line enters; a day older than the regulation has its first values."""
    table = _table(_LINES, day)
    if line == UNCLASSIFIED:
        return UNCLASSIFIED
    row = table.rows(regime).get((line,)) if regime in table.regimes else None
    return row.texts["component"] if row else None


def _table(name: str, day: date) -> RateTable:
    (first, *_) = (start for start, table in Parameters.default().history(name) if table)
    return Parameters.default().at(day, [name], first).rates(name)


def _components(day: Examination, since: int) -> Result:
    """Before any rule and after all rules on lines, each by itself; some are of no line."""
    lines, components = day.read_by(lcr_components, LCR_SCOPE_LINES), day.version(LCR_COMPONENTS)
    wrong = [
        f"{which}{fault}"
        for which, read in (("before rules ", day.reader.base), ("", day.reader.net))
        for fault in _of_lines(
            _totals(read(lines), "weighted"),
            _totals(read(components)),
            _kept(day, lcr_components, read(lines)),
            _promotable(day, read(lines)),
        )
    ]
    said = "; ".join(wrong) or "the components of every scope are the sums of their lines"
    return Result(not wrong, said, {"offending": len(wrong)})


def _kept(
    day: Examination, stage: Stage, lines: DataFrame, by: tuple[str, ...] = ("scope",)
) -> Totals:
    """What entities hold in groups that they may not pass on, as a stage has read it; and how much
    may at most be left out of what their trades unwind: that, and what they hold."""
    structure = day.reader.base(day.read_by(stage, ENTITY_STRUCTURE))
    keeping = structure.where(~F.col("transferable")).select("entity_id")
    in_groups = lines.where(F.col("consolidation") == "group")
    theirs = frames.semi(in_groups, keeping, ("entity_id",))
    held: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for place, amount in _totals(theirs, "weighted", ("entity_id", *by)).items():
        unwound = place[-1].startswith(_UNWIND)
        held[place[1:]] += abs(amount) if unwound else max(amount, _ZERO)
    for place, amount in _promotable(day, theirs, by).items():
        held[*place[:-1], place[-1].replace("promoted_", "hqla_")] += max(amount, _ZERO)
    for place, amount in [*held.items()]:
        if place[-1].startswith("hqla_"):
            held[*place[:-1], place[-1].replace("hqla_", _UNWIND)] += amount
    return held


def _promotable(day: Examination, lines: DataFrame, by: tuple[str, ...] = ("scope",)) -> Totals:
    """What sovereigns in a foreign currency may bring to Level 1, and take from other levels."""
    table = _table(_FOREIGN, day.version(LCR_LINES).day)
    names = {line for regime in table.regimes for (line,) in table.rows(regime)}
    most: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    foreign = lines.where(F.col("line").isin(*names))
    for row in frames.values(foreign.select(*by, "component", "amount", "weighted")):
        place = _place(row, by)
        most[*place, PROMOTED[0]] += max(row["amount"], _ZERO)
        level = row["component"].replace("hqla_", "promoted_")
        if level in PROMOTED:
            most[*place, level] -= max(row["weighted"], _ZERO)
    return most


def _of_lines(
    lines: Totals, components: Totals, kept: Totals, promotable: Totals | None = None
) -> Iterator[str]:
    places = {place for place in lines if place[1] not in NO_COMPONENT} | {*components}
    for place in sorted(places):
        scope, component = place
        found, expected = (t.get(place, _ZERO) for t in (components, lines))
        if component in UNTRANSFERABLE:
            most = kept.get((scope, _level(component)), _ZERO)
            if not _ZERO <= found <= most:
                yield f"{scope} {component}: {found}, its entities keep {most}"
        elif component in UNTRANSFERABLE_UNWIND:
            most = kept.get((scope, _level(component)), _ZERO)
            if abs(found) > most:
                yield f"{scope} {component}: {found}, its entities unwind {most}"
        elif component in PROMOTED:
            most = (promotable or {}).get(place, _ZERO)
            if not min(most, _ZERO) <= found <= max(most, _ZERO):
                yield f"{scope} {component}: {found}, its sovereigns are {most}"
        elif component not in OF_NO_LINE and found != expected:
            yield f"{scope} {component}: {found}, its lines give {expected}"
    for scope in sorted({scope for scope, _ in lines} - {scope for scope, _ in components}):
        yield f"{scope}: has lines but no components"


def _level(untransferable: str) -> str:
    """The component of lines that an untransferable one is part of."""
    if untransferable in UNTRANSFERABLE_UNWIND:
        return untransferable.removeprefix("untransferable_")
    return untransferable.replace("untransferable_", "hqla_")


def _ratio(day: Examination, since: int) -> Result:
    """Before any rule and after all rules, each by itself."""
    components, figures = day.read_by(lcr, LCR_COMPONENTS), day.as_read(LCR)
    shares = _shares(day, lcr)
    wrong = [
        f"{which}{fault}"
        for which, read in (("before rules ", day.reader.base), ("", day.reader.net))
        for fault in _faults(_totals(read(components)), read(figures), shares)
    ]
    said = "; ".join(wrong) or "the operands of every scope tie to its components"
    return Result(not wrong, said, {"offending": len(wrong)})


def _every_scope(day: Examination, since: int) -> Result:
    by = ("scope",)
    left = frames.anti(day.rows(SCOPES).select(*by), day.keys(LCR, by), by)
    said = "scopes have no line, so their ratio is not defined; deliver their deals"
    return verdict(left.count(), left, by, said, "every scope has its figures")


def _currencies(day: Examination, since: int) -> Result:
    """Before any rule and after all rules, each by itself; a currency without a view has no say."""
    lines, views = day.read_by(lcr_currency, LCR_SCOPE_LINES), day.as_read(LCR_CURRENCY)
    shares = _shares(day, lcr_currency)
    wrong = []
    for which, read in (("before rules ", day.reader.base), ("", day.reader.net)):
        of_lines = _within_currencies(day, read(lines))
        found = frames.values(read(views).orderBy(*LCR_CURRENCY.key))
        of_none = {(*_place(v, LCR_CURRENCY.key), n): v[n] for v in found for n in OF_NO_LINE}
        kept = _kept(day, lcr_currency, read(lines), LCR_CURRENCY.key)
        promotable = _promotable(day, read(lines), LCR_CURRENCY.key)
        sums = {**of_lines, **of_none}
        faults = _operands(sums, found, LCR_CURRENCY.key, kept, promotable, shares)
        wrong += [f"{which}{fault}" for fault in faults]
        without = {scope for scope, *_ in of_lines} - {view["scope"] for view in found}
        wrong += [f"{which}{scope}: has lines but no view" for scope in sorted(without)]
    said = "; ".join(wrong) or "the operands of every view are the sums of its currency's lines"
    return Result(not wrong, said, {"offending": len(wrong)})


def _within_currencies(day: Examination, lines: DataFrame) -> Totals:
    """The components in each currency; lines that a view turns round go to the other side."""
    by, table = LCR_CURRENCY.key, _table(_TURNED, day.version(LCR_LINES).day)
    sums = dict(_totals(lines, "weighted", by))
    turned = lines.where(F.col("line").isin(*(line for (line,) in table.rows())))
    for (*place, _), amount in _totals(turned, "weighted", by).items():
        for component in ("outflow", "inflow"):
            sums[*place, component] = sums.get((*place, component), _ZERO) - amount
    return sums


def _totals(rows: DataFrame, of: str = "amount", by: tuple[str, ...] = ("scope",)) -> Totals:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in frames.values(rows.select(*by, "component", of)):
        sums[*_place(row, by), row["component"]] += row[of]
    return sums


def _place(row: Mapping[str, Any], by: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row[name] for name in by)


def _shares(day: Examination, stage: Stage) -> Mapping[str, Decimal]:
    """Of each scope what of its net outflows counts, as a stage has read it."""
    table = _table(_ADJUSTMENT, day.version(LCR_LINES).day)
    found = {}
    for row in frames.values(day.reader.base(day.read_by(stage, SCOPES))):
        regime = row["regime"] if row["regime"] in table.regimes else BASEL
        kind = kind_of(row["outflow_adjustment"], table, regime)
        found[row["scope"]] = table.value(kind, "share", regime)
    return found


def _faults(sums: Totals, figures: DataFrame, shares: Mapping[str, Decimal]) -> Iterator[str]:
    found = frames.values(figures.orderBy("scope"))
    yield from _operands(sums, found, ("scope",), shares=shares)
    for scope in sorted({scope for scope, _ in sums} - {figure["scope"] for figure in found}):
        yield f"{scope}: has components but no ratio"


def _operands(
    sums: Totals,
    figures: Iterable[Mapping[str, Any]],
    by: tuple[str, ...],
    kept: Totals | None = None,
    promotable: Totals | None = None,
    shares: Mapping[str, Decimal] | None = None,
) -> Iterator[str]:
    """Operands that are not what their parts give; of what entities keep, levels may lack some, and
    some of what sovereigns in a foreign currency may move. Net outflows count whole but for scopes
    with a share."""
    for figure in figures:
        place = _place(figure, by)
        share = (shares or {}).get(place[0], _ONE)

        def of(component: str, place: tuple[str, ...] = place) -> Decimal:
            return sums.get((*place, component), _ZERO)

        net = figure["outflows"] - figure["inflows"] + figure[ADD_ON]
        levels = figure["level1"] + figure["level2a"] + figure["level2b"]
        expected = {
            EXCESS: of(EXCESS),
            "outflows": of("outflow") + of(EXCESS),
            "inflows_uncapped": of("inflow"),
            "hqla": levels - figure["cap_level2b"] - figure["cap_level2"],
            ADD_ON: of(ADD_ON),
            "net_outflows": fraction(net, *share.as_integer_ratio()),
        }
        for component, unwind in zip(UNTRANSFERABLE, UNTRANSFERABLE_UNWIND, strict=True):
            level = _level(component)
            promoted = level.replace("hqla_", "promoted_")
            name, most = level.removeprefix("hqla_"), of(level) + of(promoted) - of(component)
            moved = (promotable or {}).get((*place, promoted), _ZERO)
            least = most - (kept or {}).get((*place, level), _ZERO) + min(moved, _ZERO)
            most += max(moved, _ZERO)
            if not least <= figure[name] <= most:
                yield f"{' '.join(place)} {name}: {figure[name]}, its parts give {most}"
            adjusted = figure[name] + of(_level(unwind)) - of(unwind)
            kept_back = (kept or {}).get((*place, _level(unwind)), _ZERO)
            name = f"adjusted_{name}"
            if abs(figure[name] - adjusted) > kept_back:
                yield f"{' '.join(place)} {name}: {figure[name]}, its parts give {adjusted}"
        for name, amount in expected.items():
            if figure[name] != amount:
                yield f"{' '.join(place)} {name}: {figure[name]}, its parts give {amount}"


unclassified = Check(
    LCR_LINES,
    "classified",
    "Every part of a deal has an LCR line and its factor, after all rules.",
    True,
    _unclassified,
    (LCR_FLOWS, flow_adjustments.writes),
)
solo_ties = Check(
    LCR_SCOPE_LINES,
    "solo_ties",
    "The lines of the solo scopes are the lines of the entities, exactly; those of an adjustment "
    "entity stand in its scope.",
    True,
    _solo,
    (LCR_LINES,),
)
places_known = Check(
    line_adjustments.writes,
    "places",
    "What rules add to lines has a known entity, and the component of its line.",
    True,
    _places,
    (ENTITIES, ADJUSTMENT_ENTITIES),
)
components_tie = Check(
    LCR_COMPONENTS,
    "sums_of_lines",
    "The components of every scope are the sums of their lines, before and after rules.",
    True,
    _components,
    (LCR_SCOPE_LINES,),
)
ratio_ties = Check(
    LCR,
    "ties",
    "Levels, outflows and inflows are the components; stock and net outflows follow.",
    True,
    _ratio,
    (LCR_COMPONENTS,),
)
scopes_reported = Check(
    LCR,
    "scopes",
    "Every entity and every group of entities has a row; without any line it has none.",
    False,
    _every_scope,
    (SCOPES,),
)
currencies_tie = Check(
    LCR_CURRENCY,
    "ties",
    "The operands of every view are the sums of its currency's lines; every scope has a view.",
    True,
    _currencies,
    (LCR_SCOPE_LINES,),
)
