"""The LCR's figures against the reference, its arithmetic against cases worked out by hand.

No engine: what the stages make of the deal cases is tested with the stages. Here the cases are
shown to agree with the parameters; that they notice any change of one is tested with the coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from regulatory_assets.bank.tables import (
    ASSET_CLASSES,
    CREDIT_QUALITIES,
    PRODUCT_TYPES,
    SECTORS,
)
from regulatory_assets.bank.tables.customers import RATING_SCALE
from regulatory_assets.bank.tables.lending import FACILITIES
from regulatory_assets.regulation.cases import CalculationCase, DealBank, ExpectedPart
from regulatory_assets.regulation.parameters import (
    BASEL,
    Parameters,
    ParameterSet,
)
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.calculation import liquidity_coverage_ratio
from regulatory_assets.reports.lcr.plain import PARAMETERS, Bank, Reading
from regulatory_assets.runtime import production_graph

CASES = coverage.cases()
DELIVERED = production_graph().tables
DAY = date(2026, 1, 31)
TABLES = (
    "asset_lines",
    "deposit_lines",
    "facility_lines",
    "inflow_lines",
    "interest_lines",
    "lending_lines",
    "loan_lines",
    "outflow_lines",
    "secured_lines",
    "swap_lines",
    "rating_bands",
    "ratings_counted",
    "security_level",
)
OTHERS = (
    "lines",
    "cap_excess",
    "caps",
    "currency_lines",
    "deposit_insurance",
    "facility_kinds",
    "foreign_sovereigns",
    "lending_excess",
    "market_valuation",
    "mortgage_pools",
    "outflow_adjustment",
    "risk_weight_bands",
    "small_business",
    "window",
)
NAMES = tuple(f"lcr/{name}" for name in (*TABLES, *OTHERS))
OF_COMPONENTS = (
    "lcr/cap_excess",
    "lcr/caps",
    "lcr/currency_lines",
    "lcr/foreign_sovereigns",
    "lcr/lending_excess",
    "lcr/limited_transfer",
    "lcr/outflow_adjustment",
    "lcr/window",
)
OF_RATIO = ("lcr/lines", *OF_COMPONENTS)
FAMILIES = ("asset", "facility", "inflow", "lending", "outflow", "secured", "swap")
ADD_ON = "mismatch_add_on"
MEMO = ("collateral", "interest", "unwind_")
CENT = Decimal("0.00000001")

# Typed again from the reference tables: line, factor in percent, component.
REFERENCE = """
level1_cash 100 hqla_level1
level1_central_bank_reserve 100 hqla_level1
level1_security 100 hqla_level1
level2a_security 85 hqla_level2a
level2b_rmbs 75 hqla_level2b
level2b_other 50 hqla_level2b
foreign_sovereign_level2a 85 hqla_level2a
foreign_sovereign_level2b 50 hqla_level2b
foreign_sovereign_none 0 out_of_scope
retail_stable 5 outflow
retail_stable_reduced 3 outflow
retail_less_stable 10 outflow
retail_term_locked 0 outflow
small_business_stable 5 outflow
small_business_less_stable 10 outflow
operational_insured 5 outflow
operational_uninsured 25 outflow
wholesale_nonfinancial 40 outflow
wholesale_nonfinancial_insured 20 outflow
wholesale_other 100 outflow
secured_funding_level1 0 outflow
secured_funding_central_bank 0 outflow
secured_funding_level2a 15 outflow
secured_funding_domestic_public 25 outflow
secured_funding_level2b_rmbs 25 outflow
secured_funding_level2b_other 50 outflow
secured_funding_other 100 outflow
facility_posted 0 outflow
facility_retail 5 outflow
facility_credit_nonfinancial 10 outflow
facility_liquidity_nonfinancial 30 outflow
facility_bank 40 outflow
facility_credit_financial 40 outflow
facility_liquidity_financial 100 outflow
facility_other 100 outflow
lending_financial 100 outflow
lending_nonfinancial 100 lending
own_debt 100 outflow
covered_debt 100 outflow
network_deposit 25 outflow
structured_vehicle 100 outflow
other_contractual_outflow 100 outflow
derivative_outflow 100 outflow
derivative_outflow_offset 100 outflow
downgrade_collateral 100 outflow
valuation_collateral 20 outflow
excess_collateral 100 outflow
uncalled_collateral 100 outflow
substitutable_collateral 100 outflow
market_valuation 100 outflow
uncommitted_facility 5 outflow
guarantee 5 outflow
other_contingent 5 outflow
trade_finance 5 outflow
customer_short 50 outflow
reverse_repo_level1 0 inflow
reverse_repo_level2a 15 inflow
reverse_repo_level2b_rmbs 25 inflow
reverse_repo_level2b_other 50 inflow
reverse_repo_other 100 inflow
swap_even 0 outflow
swap_outflow_10 10 outflow
swap_outflow_15 15 outflow
swap_outflow_25 25 outflow
swap_outflow_35 35 outflow
swap_outflow_50 50 outflow
swap_outflow_75 75 outflow
swap_outflow_85 85 outflow
swap_outflow_100 100 outflow
swap_inflow_10 10 inflow
swap_inflow_15 15 inflow
swap_inflow_25 25 inflow
swap_inflow_35 35 inflow
swap_inflow_50 50 inflow
swap_inflow_75 75 inflow
swap_inflow_85 85 inflow
swap_inflow_100 100 inflow
loan_retail 50 inflow
loan_small_business 50 inflow
loan_nonfinancial 50 inflow
loan_financial 100 inflow
security_maturing 100 inflow
margin_loan 50 inflow
short_cover_lending 0 inflow
derivative_inflow 100 inflow
derivative_inflow_offset 100 inflow
other_contractual_inflow 0 inflow
operational_placement 0 inflow
facility_received 0 inflow
unwind_level1_cash 100 unwind_level1
unwind_level1 100 unwind_level1
unwind_level2a 85 unwind_level2a
unwind_level2b_rmbs 75 unwind_level2b
unwind_level2b_other 50 unwind_level2b
out_of_scope_maturity 0 out_of_scope
out_of_scope_liability 0 out_of_scope
out_of_scope_open_loan 0 out_of_scope
out_of_scope_overdue 0 out_of_scope
out_of_scope_not_liquid 0 out_of_scope
out_of_scope_stock 0 out_of_scope
unclassified 0 unclassified
"""
LINES = {
    line: (percent, component)
    for line, percent, component in map(str.split, REFERENCE.strip().splitlines())
}


@pytest.fixture(scope="module")
def parameters() -> ParameterSet:
    return Parameters.default().at(DAY, NAMES)


# The figures.


@pytest.mark.parametrize("line", LINES)
def test_every_factor_is_the_reference_tables(parameters: ParameterSet, line: str) -> None:
    percent, component = LINES[line]
    table = parameters.rates("lcr/lines")
    assert table.value(line, "rate", BASEL) * 100 == Decimal(percent)
    assert table.text(line, "component", BASEL) == component


def test_there_is_no_other_line(parameters: ParameterSet) -> None:
    assert [key for (key,) in parameters.rates("lcr/lines").rows(BASEL)] == list(LINES)


def test_caps_window_and_limit_are_the_references(parameters: ParameterSet) -> None:
    caps = {
        key: row.values["share"] for (key,), row in parameters.rates("lcr/caps").rows(BASEL).items()
    }
    assert caps == {
        "level2": Decimal("0.4"),
        "level2b": Decimal("0.15"),
        "inflows": Decimal("0.75"),
    }
    assert parameters.rates("lcr/window").value("lcr", "days") == 30
    look_back = parameters.rates("lcr/market_valuation").row("lcr", BASEL).values
    assert look_back == {"months": 24, "days": 30}
    assert parameters.rates("lcr/small_business").value("lcr", "limit") == 1_000_000
    excess = parameters.rates("lcr/lending_excess").rows(BASEL)
    assert {line: row.values["share"] for (line,), row in excess.items()} == {
        "lending_nonfinancial": Decimal(1),
        "loan_retail": Decimal("-0.5"),
        "loan_small_business": Decimal("-0.5"),
        "loan_nonfinancial": Decimal("-0.5"),
    }
    insurance = parameters.rates("lcr/deposit_insurance")
    assert insurance.value("default", "limit") == 100_000
    assert insurance.text("default", "currency") == "EUR"
    bands = Parameters.default().at(DAY, ["lcr/risk_weight_bands"]).rates("lcr/risk_weight_bands")
    assert parameters.rates("lcr/mortgage_pools").value("rmbs", "average_ltv") == Decimal("0.8")
    foreign = parameters.rates("lcr/foreign_sovereigns")
    assert {row.values["rate"] for row in foreign.rows(BASEL).values()} == {Decimal(1)}
    assert {(f"foreign_sovereign_{of}",) for of in ("level2a", "level2b", "none")} == {
        *foreign.rows(BASEL)
    }
    assert bands.value("ZERO", "risk_weight") == 0
    assert bands.value("TWENTY", "risk_weight") == Decimal("0.2")


@pytest.mark.parametrize("line", ["out_of_scope_maturity", "trade_finance", "unclassified"])
def test_what_nobody_has_read_says_so(parameters: ParameterSet, line: str) -> None:
    assert not parameters.rates("lcr/lines").row(line, BASEL).citation.verified
    read = {
        r.name: r.citation.verified for r in parameters.decisions("lcr/security_level").rules(BASEL)
    }
    assert (read["rmbs_high"], read["rmbs_band"]) == (True, False)


def test_enumerations_are_those_of_the_source_tables(parameters: ParameterSet) -> None:
    level = parameters.decisions("lcr/security_level").inputs
    assert level["asset_class"] == ASSET_CLASSES
    bands = parameters.decisions("lcr/rating_bands")
    assert bands.inputs["rating"] == RATING_SCALE
    assert set(level["credit_quality"]) == {*CREDIT_QUALITIES, *bands.outputs["credit_quality"]}
    for name in ("deposit_lines", "facility_lines", "loan_lines", "secured_lines"):
        assert parameters.decisions(f"lcr/{name}").inputs["sector"] == (*SECTORS, "NONE")
    covered = ["DEPOSIT", "LOAN"]
    for name in FAMILIES:
        covered += parameters.decisions(f"lcr/{name}_lines").inputs["product_type"]
    assert sorted(covered) == sorted(PRODUCT_TYPES)
    kinds = parameters.decisions("lcr/facility_kinds")
    asked = {name: FACILITIES.column(name).allowed for name in ("direction", "kind", "cancellable")}
    assert {name: kinds.inputs[name] for name in asked} == asked
    assert {*kinds.outputs["product_type"]} < {*PRODUCT_TYPES}
    levels = parameters.decisions("lcr/security_level").outputs["level"]
    for name in ("asset_lines", "secured_lines"):
        assert parameters.decisions(f"lcr/{name}").inputs["level"] == levels


def test_every_decided_line_exists_and_every_line_is_decided(parameters: ParameterSet) -> None:
    """By Basel's rules, or by those of a regime that makes a choice which Basel leaves to it."""
    decided = {
        rule.then["line"]
        for name in TABLES
        if "line" in (table := parameters.decisions(f"lcr/{name}")).outputs
        for regime in table.regimes
        for rule in table.rules(regime)
    }
    known_by_themselves = {line for line in LINES if line.startswith("unwind_")}
    known_by_themselves |= {line for (line,) in parameters.rates("lcr/currency_lines").rows()}
    assert decided == {*LINES} - known_by_themselves


# The arithmetic.


def _calculated(case: CalculationCase, parameters: ParameterSet) -> Mapping[str, Decimal | None]:
    return liquidity_coverage_ratio(case.rows, parameters, case.regime)


@pytest.mark.parametrize("case", CASES.calculations, ids=lambda case: case.name)
def test_the_calculation_gives_the_result_worked_out_by_hand(case: CalculationCase) -> None:
    parameters = Parameters.default().at(case.day, OF_RATIO)
    assert _calculated(case, parameters) == {**case.result, ADD_ON: 0}, case.place


def test_a_component_in_the_row_needs_no_line(parameters: ParameterSet) -> None:
    rows = [
        {"line": "a", "component": "hqla_level1", "weighted": Decimal(10)},
        {"line": "b", "component": "outflow", "weighted": Decimal(8)},
        {"line": "c", "component": "out_of_scope", "weighted": Decimal(5)},
        {"line": "d", "component": "unclassified", "weighted": Decimal(5)},
        {"line": "e", "component": "lending", "weighted": Decimal(5)},
    ]
    caps = Parameters.default().at(DAY, OF_COMPONENTS)
    assert liquidity_coverage_ratio(rows, caps)["ratio"] == Decimal("1.25")
    wrong = {"line": "a", "component": "outflows", "weighted": Decimal(1)}
    with pytest.raises(ValueError, match="no component outflows"):
        liquidity_coverage_ratio([wrong], parameters)


def test_amounts_of_a_line_add_up_in_any_order(parameters: ParameterSet) -> None:
    rows = [
        {"line": "level1_cash", "weighted": Decimal("0.00000001")},
        {"line": "level1_cash", "weighted": Decimal("99999999999999.99999999")},
        {"line": "wholesale_other", "weighted": Decimal(3)},
    ]
    result = liquidity_coverage_ratio(rows, parameters)
    assert result == liquidity_coverage_ratio(reversed(rows), parameters)
    assert result["hqla"] == Decimal("100000000000000")
    assert result["ratio"] == Decimal("33333333333333.33333333")


# The deal cases.


def _parts() -> Iterator[Any]:
    for bank in CASES.banks:
        for case in bank.cases:
            yield pytest.param(bank, case.parts, id=f"{bank.path.stem}:{case.name}")


def _weighted(part: ExpectedPart, parameters: ParameterSet, regime: str) -> Decimal:
    product = part.amount * parameters.rates("lcr/lines").value(part.line, "rate", regime)
    return product.quantize(CENT, ROUND_HALF_UP)


def _owners(bank: DealBank) -> Mapping[str, Mapping[str, Any]]:
    """By the name of a part's deal, or of what no deal stands for: whose it is, with whom."""
    tables = ("deals", "facilities", "own_debt", "derivatives", "netting_sets", "collateral_flows")
    found = {
        row[DELIVERED[name].key[0]]: {"counterparty_id": None, **row}
        for name in tables
        for row in bank.rows.get(name, ())
    }
    posted = {row["counterparty_id"]: row for row in bank.rows.get("netting_sets", ())}
    return posted | found


@pytest.mark.parametrize("line", LINES)
def test_every_line_has_a_deal(line: str) -> None:
    assert any(part.line == line for bank in CASES.banks for part in bank.parts)


@pytest.mark.parametrize(("bank", "parts"), _parts())
def test_every_weighted_amount_is_amount_times_factor(
    bank: DealBank, parts: tuple[ExpectedPart, ...]
) -> None:
    """By the factors of the entity that booked it, or of the scope that alone treats it so; what
    retail customers have deposited keeps the entity's."""
    parameters = Parameters.default().at(bank.day, ["lcr/lines"])
    book = Bank(bank.rows, bank.day, Reading(Parameters.default().at(bank.day, PARAMETERS)))
    booked = {name: row["entity_id"] for name, row in _owners(bank).items()}
    for part in parts:
        retail = part.line.startswith(("retail_", "small_business_"))
        scope = booked[part.deal_id] if retail or part.only_in is None else part.only_in
        assert _weighted(part, parameters, book.regime_of(scope)) == part.weighted, part.place


@pytest.mark.parametrize("bank", [b for b in CASES.banks if b.results], ids=lambda b: b.path.stem)
def test_the_results_of_a_bank_follow_from_its_parts(bank: DealBank) -> None:
    """The add-on for maturity mismatch does not: parts do not say when they are due."""
    parameters = Parameters.default().at(bank.day, OF_RATIO)
    reading = Reading(Parameters.default().at(bank.day, PARAMETERS))
    book = Bank(bank.rows, bank.day, reading, bank.earlier)
    deals = _owners(bank)
    entity = {name: row["entity_id"] for name, row in deals.items()}
    for scope, expected in bank.results.items():
        rows = [
            {"line": part.line, "amount": part.amount, "weighted": part.weighted}
            | {"currency": deals[part.deal_id]["currency"]}
            | book.of_entity(entity[part.deal_id], scope)
            for part in bank.parts
            if scope in book.scopes[entity[part.deal_id]]
            and scope not in book.scopes.get(book.partner(deals[part.deal_id]), ())
            and part.only_in in (None, scope)
        ]
        seen = book.regime_of(scope), book.kind_of(scope)
        given = liquidity_coverage_ratio(rows, parameters, *seen)
        without = (ADD_ON, "net_outflows", "ratio") if expected.get(ADD_ON) else ()
        assert {n: given[n] for n in expected if n not in without} == {
            n: amount for n, amount in expected.items() if n not in without
        }
    assert set(bank.results) <= {scope for own in book.scopes.values() for scope in own}


def test_all_results_have_the_same_operands() -> None:
    (operands,) = {tuple(sorted(case.result)) for case in CASES.calculations}
    assert len(operands) == 15
    named = {n for bank in CASES.banks for result in bank.results.values() for n in result}
    assert named == {*operands, ADD_ON}


@pytest.mark.parametrize(("bank", "parts"), _parts())
def test_the_parts_of_a_deal_sum_to_its_amount(
    bank: DealBank, parts: tuple[ExpectedPart, ...]
) -> None:
    delivered = (*(bank.earlier[day] for day in sorted(bank.earlier)), bank.rows)
    rates = {row["currency"]: row["rate"] for rows in delivered for row in rows["fx_rates"]}
    sums: dict[tuple[str, str | None], Decimal] = {}
    for part in parts:
        if not part.part.startswith(MEMO):  # also a piece of one
            place = part.deal_id, part.only_in
            sums[place] = sums.get(place, Decimal(0)) + part.amount
    amounts = {"deals": "amount", "facilities": "undrawn", "own_debt": "outstanding"}
    held = {
        row[DELIVERED[name].key[0]]: row[amount] * rates[row["currency"]]
        for name, amount in amounts.items()
        for row in bank.rows.get(name, ())
    }
    for (name, _), total in sums.items():
        if name in held:  # what is netted, or is the worst of many, is no delivered amount
            assert total == held[name]
