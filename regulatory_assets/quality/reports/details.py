"""What only the delivered details can know: whole shares of joint accounts, scopes that exist."""

from __future__ import annotations

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.bank.tables.capital import OTHER_RWA, OWN_FUNDS
from regulatory_assets.bank.tables.deposits import ACCOUNT_HOLDERS
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.quality.examination import Check, Examination, Result, verdict


def _shares(day: Examination, since: int) -> Result:
    by = ("account_id",)
    whole = F.lit("1").cast(ColumnType.MONEY.value)
    held = day.rows(ACCOUNT_HOLDERS).groupBy(*by).agg(
        F.count("*").alias("holders"),
        F.count("share").alias("given"),
        total(F.col("share")).alias("together"),
    )  # fmt: skip
    in_parts = (F.col("given") == F.col("holders")) & (F.col("together") == whole)
    wrong = held.where((F.col("given") > 0) & ~in_parts)
    said = "joint accounts have shares that are not whole or not all given"
    return verdict(wrong.count(), wrong, by, said, "the shares of every joint account are whole")


def _scopes(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        known: set[str] = set()
        for entity in frames.values(day.rows(ENTITIES).select("entity_id", "group_path")):
            known |= {entity["entity_id"], *(entity["group_path"] or "").split("/")}
        found = day.keys(table, ("scope",), among=~F.col("scope").isin(*sorted(known)))
        wrong = "scopes are neither an entity nor a group of the entities"
        return verdict(found.count(), found, ("scope",), wrong, "every scope is known")

    said = "Every scope is an entity or stands in an entity's group path."
    return Check(table, "scopes", said, True, examine, (ENTITIES,))


whole_shares = Check(
    ACCOUNT_HOLDERS,
    "shares",
    "The shares of a joint account's holders are given for all and add up to one, or for none.",
    True,
    _shares,
)
scopes_of_own_funds = _scopes(OWN_FUNDS)
scopes_of_other_rwa = _scopes(OTHER_RWA)
