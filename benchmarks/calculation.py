"""The LCR written by hand as SQL, once for both engines that it is compared with.

Nothing of the system's calculation is used, so equal results mean something. Only the factor of
each line is taken from the parameters, as a table. The few words in which DuckDB and Spark differ
are a ``Dialect``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from benchmarks.data import DAY
from regulatory_assets.regulation.parameters import Parameters

MONEY, RATE = "DECIMAL(28,8)", "DECIMAL(12,8)"
WINDOW_DAYS = 30
_LIMIT = f"CAST(100000 AS {MONEY})"
_SMALL_BUSINESS = "CAST(1000000 AS DECIMAL(28,8))"


@dataclass(frozen=True)
class Dialect:
    """How an engine says what the other says differently."""

    explode: str
    array: str
    split: str
    contains: str
    prepend: str
    length: str
    gather: str
    quotient: str
    """Half-up a * b / c on non-negative money, as money."""


DUCKDB = Dialect(
    explode="unnest({0})",
    array="[{0}]",
    split="string_split({0}, '/')",
    contains="list_contains({0}, {1})",
    prepend="list_prepend({1}, {0})",
    length="len({0})",
    gather="list({0})",
    # A product of two decimals(38,8) does not fit 38 digits; whole numbers of 10**-8 do.
    quotient=f"""CAST(CAST(
        (CAST({{0}} * 100000000 AS HUGEINT) * CAST({{1}} * 100000000 AS HUGEINT) * 2
         + CAST({{2}} * 100000000 AS HUGEINT)) // (CAST({{2}} * 100000000 AS HUGEINT) * 2)
        AS DECIMAL(28,0)) * CAST(0.00000001 AS DECIMAL(8,8)) AS {MONEY})""",
)

SPARK = Dialect(
    explode="explode({0})",
    array="array({0})",
    split="split({0}, '/')",
    contains="array_contains({0}, {1})",
    prepend="concat(array({1}), {0})",
    length="size({0})",
    gather="collect_list({0})",
    quotient=f"""CAST(CAST(
        (CAST(CAST({{0}} * 100000000 AS DECIMAL(23,0)) * CAST({{1}} * 100000000 AS DECIMAL(14,0))
              AS DECIMAL(37,0)) * 2 + CAST({{2}} * 100000000 AS DECIMAL(38,0)))
        div CAST(CAST({{2}} * 100000000 AS DECIMAL(36,0)) * 2 AS DECIMAL(38,0))
        AS DECIMAL(19,0)) * CAST(0.00000001 AS DECIMAL(8,8)) AS {MONEY})""",
)


def _product(amount: str, rate: str) -> str:
    return f"CAST(CAST({amount} AS DECIMAL(25,8)) * CAST({rate} AS DECIMAL(12,8)) AS {MONEY})"


def _total(what: str) -> str:
    return f"CAST(coalesce(sum({what}), 0) AS {MONEY})"


def line_factors() -> list[tuple[str, str, Decimal]]:
    """Line, component and factor."""
    table = Parameters.default().at(DAY, ["lcr/lines"]).rates("lcr/lines")
    return [
        (key[0], row.texts["component"], row.values["rate"])
        for key, row in table.by_regime["basel"].items()
    ]


def factors() -> str:
    """The factors as a query of constants."""
    return " UNION ALL ".join(
        f"SELECT '{line}' AS line, '{component}' AS component, CAST('{rate}' AS {RATE}) AS factor"
        for line, component, rate in line_factors()
    )


def depositors(dialect: Dialect, deals: str = "deals") -> str:
    """Balance and insured amount by entity and depositor."""
    key = "entity_id, counterparty_id"
    share = dialect.quotient.format("d.covered", _LIMIT, "h.eligible_balance")
    return f"""
    WITH deposits AS (
        SELECT {key}, deal_id, {_product("amount", "rate")} AS held,
               CASE WHEN insurable THEN {_product("amount", "rate")} END AS covered
        FROM {deals} LEFT JOIN fx_rates USING (currency) WHERE product_type = 'DEPOSIT'
    ), held AS (
        SELECT {key}, {_total("held")} AS balance, {_total("covered")} AS eligible_balance,
               coalesce(max(covered), CAST(0 AS {MONEY})) AS largest_balance
        FROM deposits GROUP BY {key}
    ), spread AS (
        SELECT d.entity_id AS e, d.counterparty_id AS c, {_total(share)} AS shares,
               min(CASE WHEN d.covered = h.largest_balance THEN d.deal_id END) AS residue_deal_id
        FROM deposits d JOIN held h ON d.entity_id = h.entity_id
             AND d.counterparty_id IS NOT DISTINCT FROM h.counterparty_id
        WHERE d.covered IS NOT NULL AND h.eligible_balance > {_LIMIT}
        GROUP BY d.entity_id, d.counterparty_id
    )
    SELECT h.entity_id, h.counterparty_id, balance, eligible_balance,
           CAST(least(eligible_balance, {_LIMIT}) AS {MONEY}) AS insured_amount,
           largest_balance, balance = least(eligible_balance, {_LIMIT}) AS all_insured,
           CASE WHEN eligible_balance > {_LIMIT} THEN eligible_balance END AS spread_balance,
           CASE WHEN eligible_balance > {_LIMIT} THEN {_LIMIT} END AS spread_limit,
           residue_deal_id,
           CAST(coalesce({_LIMIT} - shares, 0) AS {MONEY}) AS residue
    FROM held h LEFT JOIN spread s ON h.entity_id = s.e
         AND h.counterparty_id IS NOT DISTINCT FROM s.c"""


def _scopes(dialect: Dialect, entity: str, path: str) -> str:
    above = f"coalesce({dialect.split.format(path)}, {dialect.array.format('')})"
    return dialect.prepend.format(above, entity)


def large(dialect: Dialect) -> str:
    """Small businesses that reach the limit, and the scopes in which they do; no groups here."""
    return f"""
    WITH fanned AS (
        SELECT d.entity_id, d.counterparty_id, d.balance,
               {dialect.explode.format(_scopes(dialect, "d.entity_id", "e.group_path"))} AS scope
        FROM depositors d JOIN counterparties c ON d.counterparty_id = c.counterparty_id
        JOIN entities e ON d.entity_id = e.entity_id WHERE c.sector = 'SMALL_BUSINESS'
    ), funding AS (
        SELECT counterparty_id, scope, sum(balance) AS balance FROM fanned
        GROUP BY counterparty_id, scope
    )
    SELECT f.entity_id, f.counterparty_id, {dialect.gather.format("f.scope")} AS scopes
    FROM fanned f JOIN funding a ON f.counterparty_id = a.counterparty_id AND f.scope = a.scope
    WHERE a.balance >= {_SMALL_BUSINESS} GROUP BY f.entity_id, f.counterparty_id"""


LEVELS = """
    SELECT security_id, CASE
        WHEN asset_class = 'SOVEREIGN' AND NOT financial_issuer AND risk_weight = 0 THEN 'level1'
        WHEN asset_class = 'SOVEREIGN' AND NOT financial_issuer AND risk_weight = 0.2
            THEN 'level2a'
        WHEN asset_class = 'SOVEREIGN' AND NOT financial_issuer AND risk_weight IS NOT NULL
             AND credit_quality = 'A_PLUS_TO_BBB_MINUS' THEN 'level2b_other'
        WHEN asset_class = 'COVERED_BOND' AND credit_quality = 'AAA_TO_AA_MINUS' THEN 'level2a'
        WHEN asset_class = 'CORPORATE_BOND' AND NOT financial_issuer
             AND credit_quality = 'AAA_TO_AA_MINUS' THEN 'level2a'
        WHEN asset_class = 'CORPORATE_BOND' AND NOT financial_issuer
             AND credit_quality = 'A_PLUS_TO_BBB_MINUS' THEN 'level2b_other'
        WHEN asset_class = 'RMBS' AND credit_quality = 'AAA_TO_AA_MINUS' THEN 'level2b_rmbs'
        WHEN asset_class = 'EQUITY' AND NOT financial_issuer THEN 'level2b_other'
        ELSE 'none' END AS level
    FROM securities"""


def flows(dialect: Dialect, deals: str = "deals") -> str:
    """One row per part of a deal."""

    def parts(*names: str) -> str:
        return dialect.array.format(", ".join(f"'{n}'" for n in names))

    share = dialect.quotient.format("held", "insured_amount", "eligible_balance")
    exploded = dialect.explode.format(
        f"""CASE
            WHEN product_type = 'DEPOSIT' AND sector IN ('RETAIL', 'SMALL_BUSINESS')
                THEN {parts("stable", "less_stable")}
            WHEN product_type = 'DEPOSIT' THEN
                {parts("operational_insured", "operational_uninsured", "insured", "uninsured")}
            WHEN product_type = 'REPO' THEN {parts("whole", "unwind_cash", "unwind_collateral")}
            WHEN product_type = 'REVERSE_REPO'
                THEN {parts("whole", "collateral", "unwind_cash", "unwind_collateral")}
            ELSE {parts("whole")} END"""
    )
    last = (DAY + timedelta(days=WINDOW_DAYS)).isoformat()
    zero = f"CAST(0 AS {MONEY})"
    of_entity = _scopes(dialect, "d.entity_id", "e.group_path")
    alike = dialect.array.format("CAST(NULL AS STRING)")
    treated = dialect.explode.format(
        f"""CASE WHEN product_type = 'DEPOSIT'
                 AND {dialect.length.format("g.scopes")} < {dialect.length.format(of_entity)}
            THEN {of_entity} ELSE {alike} END"""
    )
    return f"""
    WITH joined AS (
        SELECT d.*, c.partner_entity_id, c.relationship, c.sector AS delivered,
            CASE WHEN product_type = 'DEPOSIT' THEN g.scopes END AS large, {treated} AS only_in,
            coalesce(s.level, 'none') AS level, p.balance, p.eligible_balance, p.insured_amount,
            CASE WHEN d.deal_id = p.residue_deal_id THEN p.residue ELSE {zero} END AS residue,
            {_product("d.amount", "r.rate")} AS held,
            {_product("d.collateral_value", "r.rate")} AS pledged,
            coalesce({_product("d.operational_amount", "r.rate")}, {zero}) AS needed,
            CASE WHEN product_type IN ('LOAN', 'REVERSE_REPO')
                      AND (maturity_date <= DATE '{DAY}' OR days_past_due > 0) THEN 'OVERDUE'
                 WHEN maturity_date IS NULL THEN 'OPEN'
                 WHEN maturity_date <= DATE '{last}' THEN 'WITHIN' ELSE 'BEYOND' END AS due
        FROM {deals} d
        LEFT JOIN fx_rates r ON d.currency = r.currency
        LEFT JOIN counterparties c ON d.counterparty_id = c.counterparty_id
        LEFT JOIN levels s ON d.security_id = s.security_id
        LEFT JOIN depositors p ON d.entity_id = p.entity_id
             AND d.counterparty_id IS NOT DISTINCT FROM p.counterparty_id
        LEFT JOIN entities e ON d.entity_id = e.entity_id
        LEFT JOIN large g ON d.entity_id = g.entity_id AND d.counterparty_id = g.counterparty_id
    ), sized AS (
        SELECT *, CASE WHEN large IS NOT NULL
                       AND (only_in IS NULL OR {dialect.contains.format("large", "only_in")})
                  THEN 'CORPORATE' ELSE coalesce(delivered, 'NONE') END AS sector
        FROM joined
    ), described AS (
        SELECT *, least(needed, held) AS operational,
            CASE WHEN NOT (insurable AND product_type = 'DEPOSIT') THEN {zero}
                 WHEN insured_amount = eligible_balance THEN held
                 ELSE CAST({share} + residue AS {MONEY}) END AS insured,
            coalesce(transactional OR relationship, FALSE) AS firm,
            balance = insured_amount AND sector NOT IN ('BANK', 'OTHER_FINANCIAL',
                'OTHER_LEGAL_ENTITY') AS all_insured,
            eligible AND level <> 'none' AS liquid,
            eligible AND level <> 'none'
                AND (due = 'WITHIN' OR (due = 'OPEN' AND product_type = 'REPO')) AS unwound,
            product_type = 'REVERSE_REPO' AS lent
        FROM sized
    ), divided AS (
        SELECT *, {exploded} AS part FROM described
    ), parts AS (
        SELECT *, CAST(CASE part
            WHEN 'whole' THEN held
            WHEN 'stable' THEN CASE WHEN firm THEN insured ELSE 0 END
            WHEN 'less_stable' THEN held - CASE WHEN firm THEN insured ELSE 0 END
            WHEN 'operational_insured' THEN least(operational, insured)
            WHEN 'operational_uninsured' THEN operational - least(operational, insured)
            WHEN 'insured' THEN CASE WHEN all_insured THEN held - operational ELSE 0 END
            WHEN 'uninsured' THEN CASE WHEN all_insured THEN 0 ELSE held - operational END
            WHEN 'collateral' THEN
                CASE WHEN liquid AND due IN ('WITHIN', 'BEYOND') THEN pledged END
            WHEN 'unwind_cash' THEN
                CASE WHEN unwound THEN CASE WHEN lent THEN held ELSE -held END END
            WHEN 'unwind_collateral' THEN
                CASE WHEN unwound THEN CASE WHEN lent THEN -pledged ELSE pledged END END
            END AS {MONEY}) AS part_amount
        FROM divided
    ), classified AS (
        SELECT *, CASE WHEN part_amount IS NULL THEN 'unclassified' ELSE {_LINE} END AS line
        FROM parts WHERE part = 'whole' OR part_amount <> 0 OR held IS NULL
    )
    SELECT deal_id, part, only_in, entity_id, partner_entity_id, currency, 'basel' AS regime,
           f.component, f.line, CAST(NULL AS INTEGER) AS due_day, part_amount AS amount, f.factor,
           {_product("part_amount", "f.factor")} AS weighted
    FROM classified c JOIN factors f ON c.line = f.line"""


_LINE = """CASE
    WHEN part = 'unwind_cash' THEN 'unwind_level1_cash'
    WHEN part = 'unwind_collateral' THEN concat('unwind_', level)
    WHEN product_type IN ('CASH', 'CENTRAL_BANK_RESERVE', 'SECURITY') OR part = 'collateral' THEN
        CASE WHEN NOT eligible THEN 'out_of_scope_not_liquid'
             WHEN product_type = 'CASH' THEN 'level1_cash'
             WHEN product_type = 'CENTRAL_BANK_RESERVE' THEN 'level1_central_bank_reserve'
             WHEN level IN ('level1', 'level2a') THEN concat(level, '_security')
             WHEN level = 'none' THEN 'out_of_scope_not_liquid'
             ELSE level END
    WHEN sector = 'NONE' THEN 'unclassified'
    WHEN product_type = 'DEPOSIT' AND sector IN ('RETAIL', 'SMALL_BUSINESS') THEN
        CASE WHEN due = 'BEYOND' AND locked_in THEN 'retail_term_locked'
             WHEN sector = 'RETAIL' THEN concat('retail_', part)
             ELSE concat('small_business_', part) END
    WHEN product_type = 'DEPOSIT' THEN
        CASE WHEN due = 'BEYOND' THEN 'out_of_scope_liability'
             WHEN part IN ('operational_insured', 'operational_uninsured') THEN part
             WHEN sector IN ('BANK', 'OTHER_FINANCIAL', 'OTHER_LEGAL_ENTITY')
                 THEN 'wholesale_other'
             WHEN part = 'insured' THEN 'wholesale_nonfinancial_insured'
             ELSE 'wholesale_nonfinancial' END
    WHEN due = 'BEYOND' AND product_type = 'REPO' THEN 'out_of_scope_liability'
    WHEN due = 'BEYOND' THEN 'out_of_scope_maturity'
    WHEN product_type = 'REPO' THEN
        CASE WHEN sector = 'CENTRAL_BANK' THEN 'secured_funding_central_bank'
             WHEN level IN ('level1', 'level2a') THEN concat('secured_funding_', level)
             WHEN sector IN ('SOVEREIGN', 'PSE', 'MDB') THEN 'secured_funding_domestic_public'
             WHEN level = 'none' THEN 'secured_funding_other'
             ELSE concat('secured_funding_', level) END
    WHEN due = 'OPEN' THEN 'out_of_scope_open_loan'
    WHEN due = 'OVERDUE' THEN 'out_of_scope_overdue'
    WHEN product_type = 'REVERSE_REPO' THEN
        CASE WHEN level = 'none' THEN 'reverse_repo_other' ELSE concat('reverse_repo_', level) END
    WHEN sector = 'RETAIL' THEN 'loan_retail'
    WHEN sector = 'SMALL_BUSINESS' THEN 'loan_small_business'
    WHEN sector IN ('CENTRAL_BANK', 'BANK', 'OTHER_FINANCIAL') THEN 'loan_financial'
    ELSE 'loan_nonfinancial' END"""

LINE_KEY = "entity_id, partner_entity_id, currency, only_in, regime, component, line, due_day"


def lines(source: str = "lcr_flows") -> str:
    """Sums by entity, partner, currency and line."""
    return f"""
    SELECT {LINE_KEY}, {_total("amount")} AS amount, {_total("weighted")} AS weighted,
           count(*) AS n_rows, count(*) AS n
    FROM {source} GROUP BY {LINE_KEY}"""


def scope_lines(dialect: Dialect) -> str:
    """Lines in each scope, without deals that have both parties in it."""
    inside = dialect.contains.format(_scopes(dialect, "partner_entity_id", "partner_path"), "scope")
    alone = dialect.array.format("l.only_in")
    fanned = dialect.explode.format(
        f"""CASE WHEN l.only_in IS NULL THEN {_scopes(dialect, "l.entity_id", "e.group_path")}
            ELSE {alone} END"""
    )
    return f"""
    WITH fanned AS (
        SELECT {fanned} AS scope, e.reporting_currency, p.group_path AS partner_path, l.*
        FROM lcr_lines l JOIN entities e ON l.entity_id = e.entity_id
        LEFT JOIN entities p ON l.partner_entity_id = p.entity_id
    )
    SELECT scope, CASE WHEN scope = entity_id THEN 'solo' ELSE 'group' END AS consolidation,
           reporting_currency, {LINE_KEY}, amount, weighted, n
    FROM fanned WHERE partner_entity_id IS NULL OR NOT {inside}"""


def components() -> str:
    """Weighted amounts of each scope by component, one row a scope."""
    names = (
        *(f"{kind}_{level}" for kind in ("hqla", "unwind") for level in _LEVELS),
        "outflow",
        "inflow",
    )
    sums = ", ".join(
        f"{_total(f'''CASE WHEN component = '{n}' THEN weighted END''')} AS {n}" for n in names
    )
    return f"""
    SELECT scope, min(consolidation) AS consolidation, min(reporting_currency) AS currency, {sums}
    FROM lcr_scope_lines GROUP BY scope"""


_LEVELS = ("level1", "level2a", "level2b")


def ratio(row: dict[str, Any]) -> dict[str, Any]:
    """Caps and ratio of one scope: a handful of rows, so plain decimals."""

    def rounded(amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.00000001"), rounding=ROUND_HALF_UP)

    with localcontext() as context:
        context.prec = 60
        stock = {level: row[f"hqla_{level}"] for level in _LEVELS}
        held = {level: stock[level] + row[f"unwind_{level}"] for level in _LEVELS}
        one, two_a, two_b = held.values()
        cap_b = max(
            two_b - rounded((one + two_a) * 15 / 85), two_b - rounded(one * 15 / 60), Decimal(0)
        )
        cap_2 = max(two_a + two_b - cap_b - rounded(one * 40 / 60), Decimal(0))
        hqla = sum(stock.values()) - cap_b - cap_2
        inflows = min(row["inflow"], rounded(row["outflow"] * Decimal("0.75")))
        net = row["outflow"] - inflows
        return {
            "scope": row["scope"],
            "consolidation": row["consolidation"],
            "currency": row["currency"],
            **stock,
            **{f"adjusted_{level}": amount for level, amount in held.items()},
            "cap_level2b": cap_b,
            "cap_level2": cap_2,
            "hqla": hqla,
            "lending_excess": Decimal(0),  # the drawn books hold no promises to lend
            "outflows": row["outflow"],
            "inflows_uncapped": row["inflow"],
            "inflows": inflows,
            "mismatch_add_on": Decimal(0),  # Basel has none
            "net_outflows": net,
            "ratio": rounded(hqla / net) if net else None,
        }
