"""The LCR's arithmetic on the totals of one scope: unwind, caps, net outflows, ratio.

Exact decimals and nothing else: no engine, no rows of deals. The shares come from ``lcr/caps``, the
component of a line from the row itself or from ``lcr/lines``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from regulatory_assets.ledger.arithmetic import fraction, ratio
from regulatory_assets.regulation.parameters import BASEL, ParameterSet
from regulatory_assets.reports.lcr.mismatch import WHOLE, add_on, net_outflows, profile_of
from regulatory_assets.reports.lcr.tables import (
    COMPONENTS,
    PROMOTED,
    UNTRANSFERABLE,
    UNTRANSFERABLE_UNWIND,
)

NO_COMPONENT = ("lending", "out_of_scope", "unclassified")
"""Components of lines that enter no total; ``lending`` does so only through its excess, and
``unclassified`` fails a check elsewhere."""

_LEVELS = ("level1", "level2a", "level2b")
EXCESS = "lending_excess"
"""Lending beyond a share of inflows (paragraph 133)."""
ADD_ON = "mismatch_add_on"
"""The add-on for maturity mismatch (12 CFR 249.30(b))."""
OF_NO_LINE = (EXCESS, ADD_ON)
"""Components that follow from a scope's lines together and are the sum of none."""
_STATED = ("level2_of_level1", "level2b_of_level1_and_2a")
"""Multipliers of the caps where a regime states them."""
_ZERO = Decimal(0)


def liquidity_coverage_ratio(
    lines: Iterable[Mapping[str, Any]],
    parameters: ParameterSet,
    regime: str = BASEL,
    bank: str = WHOLE,
) -> dict[str, Decimal | None]:
    """The ratio of one scope from its lines: the components of these, and what follows from them.

    ``lines`` are the scope's amounts: each row has ``line``, ``amount``, ``weighted`` and perhaps
    its ``component``, its ``currency`` and whose it is (``entity_id``). In a group, rows may say
    whether that entity's liquidity may leave it (``consolidation``, ``transferable``). ``bank`` is
    the kind whose share of net outflows counts.
    """
    lines = list(lines)
    return ratio_of(component_totals(lines, parameters, regime, bank), parameters, regime, bank)


def ratio_of(
    amount: Mapping[str, Decimal], parameters: ParameterSet, regime: str, bank: str = WHOLE
) -> dict[str, Decimal | None]:
    """The ratio from its components, with every operand (BCBS 238 paras 46-51, 69, Annex 1).

    The caps are computed on the adjusted amounts, those held after unwinding the secured trades of
    the next 30 days (Annex 1), and deducted from the unadjusted stock, without a floor (convention
    11). ``ratio`` is None where there are no net outflows: it is not defined.
    """
    stock = {
        level: _held(amount, level) - amount.get(f"untransferable_{level}", _ZERO)
        for level in _LEVELS
    }
    adjusted = {
        level: stock[level]
        + amount[f"unwind_{level}"]
        - amount.get(f"untransferable_unwind_{level}", _ZERO)
        for level in _LEVELS
    }
    cap_level2b, cap_level2 = _caps(**adjusted, parameters=parameters, regime=regime)
    if parameters.rates("lcr/cap_excess").text("lcr", "excess", regime) == "greater":
        unadjusted = _caps(**stock, parameters=parameters, regime=regime)
        cap_level2b, cap_level2 = max((cap_level2b, cap_level2), unadjusted, key=sum)
    hqla = sum(stock.values(), _ZERO) - cap_level2b - cap_level2
    net = _net(amount, parameters, regime, bank)
    return {
        **stock,
        **{f"adjusted_{level}": held for level, held in adjusted.items()},
        "cap_level2b": cap_level2b,
        "cap_level2": cap_level2,
        "hqla": hqla,
        EXCESS: amount[EXCESS],
        "outflows": amount["outflow"] + amount[EXCESS],
        "inflows_uncapped": amount["inflow"],
        "inflows": net["inflows"],
        ADD_ON: amount[ADD_ON],
        "net_outflows": net["net_outflows"],
        "ratio": ratio(hqla, net["net_outflows"]),
    }


def within_currency(
    lines: Iterable[Mapping[str, Any]], parameters: ParameterSet, regime: str
) -> list[Mapping[str, Any]]:
    """The lines of one currency, netted within it: payments of netting sets that are on the other
    side over all currencies stand on their own (convention 12, lcr/currency_lines)."""
    turned, known = parameters.rates("lcr/currency_lines"), parameters.rates("lcr/lines")
    found: list[Mapping[str, Any]] = []
    for row in lines:
        if (row["line"],) in turned.rows():
            line = turned.text(row["line"], "turned")
            of_line = {"line": line, "component": known.text(line, "component", regime)}
            row = {**row, **of_line, "amount": -row["amount"], "weighted": -row["weighted"]}
        found.append(row)
    return found


def _net(
    amount: Mapping[str, Decimal], parameters: ParameterSet, regime: str, bank: str
) -> Mapping[str, Decimal]:
    """Net outflows from components, with the lending excess and the add-on (paras 69, 133, 144)."""
    outflows = amount["outflow"] + amount[EXCESS]
    return net_outflows(outflows, amount["inflow"], amount[ADD_ON], parameters, regime, bank)


def component_totals(
    lines: Sequence[Mapping[str, Any]], parameters: ParameterSet, regime: str, bank: str = WHOLE
) -> dict[str, Decimal]:
    """What the lines of one scope add up to, by component, and what is of no line: the lending
    excess, foreign-currency sovereigns that are Level 1, and liquid assets that may not leave their
    entity, with the unwinding of its trades."""
    totals = _sums(lines, parameters, regime)
    promoted = _promoted(lines, parameters, regime, bank)
    return {**totals, **promoted, **_untransferable(lines, parameters, regime, bank)}


def _held(amount: Mapping[str, Decimal], level: str) -> Decimal:
    """A level of the stock with the sovereigns that have come to it or gone from it."""
    return amount[f"hqla_{level}"] + amount.get(f"promoted_{level}", _ZERO)


def _promoted(
    lines: Sequence[Mapping[str, Any]], parameters: ParameterSet, regime: str, bank: str
) -> dict[str, Decimal]:
    """Sovereigns in a foreign currency that are Level 1, and what their levels lose by it.

    They are Level 1 up to the positive net outflows of their entity in their currency, which are
    those that stand in the scope's ratio too, and count first where they gain most (BCBS 238 para
    50(e), conventions 10 and 18, lcr/foreign_sovereigns). There are no rows where nobody has any.
    """
    table = parameters.rates("lcr/foreign_sovereigns")
    turns = {line: table.text(line, "turn", regime) for (line,) in table.rows(regime)}
    of_place: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in lines:
        of_place.setdefault((row.get("entity_id"), row.get("currency")), []).append(row)
    moved: dict[str, Decimal] = {}
    for own in of_place.values():
        held = [row for row in own if row["line"] in turns]
        if not held:
            continue
        moved = moved or dict.fromkeys(PROMOTED, _ZERO)
        of_currency = within_currency(own, parameters, regime)
        net = _net(_sums(of_currency, parameters, regime), parameters, regime, bank)
        need = max(net["net_outflows"], _ZERO)
        for line in sorted({row["line"] for row in held}, key=turns.__getitem__):
            amount = sum((r["amount"] for r in held if r["line"] == line), _ZERO)
            weighted = sum((r["weighted"] for r in held if r["line"] == line), _ZERO)
            counted = max(min(amount, need), _ZERO)
            need -= counted
            moved["promoted_level1"] += _of(counted, Fraction(table.value(line, "rate", regime)))
            component = parameters.rates("lcr/lines").text(line, "component", regime)
            level = component.replace("hqla_", "promoted_")
            if counted and level in moved:
                moved[level] -= _of(weighted, Fraction(counted) / Fraction(amount))
    return moved


def _untransferable(
    lines: Iterable[Mapping[str, Any]], parameters: ParameterSet, regime: str, bank: str
) -> dict[str, Decimal]:
    """Liquid assets in a group beyond the net outflows of an entity that may not pass them on
    (BCBS 238 paras 36, 171, convention 13), by level, with a row for each where there is one; and
    what does not count of the unwinding of its trades.

    An entity's net outflows are those that stand in the group's ratio too: flows inside the group
    are in neither. Which assets cover them first is a choice (lcr/limited_transfer). The share of
    its assets that counts is that of its adjusted amounts too, in the same order; where one is
    short, as much of what lacks.
    """
    kept: dict[str, list[Mapping[str, Any]]] = {}
    for row in lines:
        if row.get("transferable") is False and row["consolidation"] == "group":
            kept.setdefault(row["entity_id"], []).append(row)
    beyond = dict.fromkeys((*UNTRANSFERABLE, *UNTRANSFERABLE_UNWIND) if kept else (), _ZERO)
    for own in kept.values():
        first = parameters.rates("lcr/limited_transfer").text("covers_first", "is", regime)
        order = _LEVELS if first == "most_liquid" else _LEVELS[::-1]
        totals = _sums(own, parameters, regime) | _promoted(own, parameters, regime, bank)
        need = max(_net(totals, parameters, regime, bank)["net_outflows"], _ZERO)
        held = {level: max(_held(totals, level), _ZERO) for level in order}
        adjusted = {level: held[level] + totals[f"unwind_{level}"] for level in order}
        covering = _first_of(held, need)
        share = _share_of(_positive(covering), _positive(held))
        counted = _first_of(adjusted, _of(_positive(adjusted), share))
        for level in order:
            surplus = held[level] - covering[level]
            after = counted[level] + _of(min(adjusted[level], _ZERO), share)
            beyond[f"untransferable_{level}"] += surplus
            beyond[f"untransferable_unwind_{level}"] += adjusted[level] - after - surplus
    return beyond


def _first_of(levels: Mapping[str, Decimal], amount: Decimal) -> dict[str, Decimal]:
    """An amount, or as much as there is, taken from the levels in their order."""
    taken: dict[str, Decimal] = {}
    for level, held in levels.items():
        taken[level] = min(max(held, _ZERO), amount)
        amount -= taken[level]
    return taken


def _positive(levels: Mapping[str, Decimal]) -> Decimal:
    return sum((max(amount, _ZERO) for amount in levels.values()), _ZERO)


def _share_of(covering: Decimal, held: Decimal) -> Fraction:
    """The share of what is held that counts: the whole where nothing is held to be left out."""
    return Fraction(covering) / Fraction(held) if held else Fraction(1)


def _sums(
    lines: Sequence[Mapping[str, Any]], parameters: ParameterSet, regime: str
) -> dict[str, Decimal]:
    totals = dict.fromkeys(COMPONENTS, _ZERO)
    for row in lines:
        component = row.get("component")
        if component is None:
            component = parameters.rates("lcr/lines").text(row["line"], "component", regime)
        if component in NO_COMPONENT:
            continue
        if component not in totals or component in OF_NO_LINE:
            raise ValueError(f"the LCR has no component {component} of lines")
        totals[component] += row["weighted"]
    days = int(parameters.rates("lcr/window").value("lcr", "days", regime))
    added = add_on(profile_of(lines), days)
    return {**totals, EXCESS: _lending_excess(lines, parameters, regime), ADD_ON: added}


def _lending_excess(
    lines: Iterable[Mapping[str, Any]], parameters: ParameterSet, regime: str
) -> Decimal:
    """Contractual lending to customers beyond a share of their inflows (BCBS 238 paragraph 133)."""
    shares = {
        line: Fraction(row.values["share"])
        for (line,), row in parameters.rates("lcr/lending_excess").rows(regime).items()
    }
    owed = [_of(row["amount"], shares[row["line"]]) for row in lines if row["line"] in shares]
    return max(sum(owed, _ZERO), _ZERO)


def _caps(
    level1: Decimal, level2a: Decimal, level2b: Decimal, parameters: ParameterSet, regime: str
) -> tuple[Decimal, Decimal]:
    """What the two caps of Annex 1 deduct, from adjusted amounts.

    Level 2B: max(L2B - 15/85 (L1 + L2A), L2B - 15/60 L1, 0). Level 2: max(L2A + L2B - the first
    - 2/3 L1, 0). The multipliers follow from the shares: beside 15 % of Level 2B stand 85 % of
    Level 1 and 2A, or 60 % of Level 1 alone; beside 40 % of Level 2 stand 60 % of Level 1. Adjusted
    amounts may be negative. A regime that states its multipliers takes Level 2 first: max(L2A +
    L2B - m L1, 0), then Level 2B: max(L2B - the first - n (L1 + L2A), 0) (12 CFR 249.21).
    """
    if {(cap,) for cap in _STATED} <= parameters.rates("lcr/caps").rows(regime).keys():
        level2_of, level2b_of = (_share(name, parameters, regime) for name in _STATED)
        first = max(level2a + level2b - _of(level1, level2_of), _ZERO)
        return max(level2b - first - _of(level1 + level2a, level2b_of), _ZERO), first
    of_level2b, of_level2 = (_share(name, parameters, regime) for name in ("level2b", "level2"))
    cap_level2b = max(
        level2b - _of(level1 + level2a, of_level2b / (1 - of_level2b)),
        level2b - _of(level1, of_level2b / (1 - of_level2)),
        _ZERO,
    )
    level2 = level2a + level2b - cap_level2b
    return cap_level2b, max(level2 - _of(level1, of_level2 / (1 - of_level2)), _ZERO)


def _share(name: str, parameters: ParameterSet, regime: str) -> Fraction:
    return Fraction(parameters.rates("lcr/caps").value(name, "share", regime))


def _of(amount: Decimal, share: Fraction) -> Decimal:
    """A share of an amount, rounded half-up to the 8 decimals of money."""
    return fraction(amount, share.numerator, share.denominator)
