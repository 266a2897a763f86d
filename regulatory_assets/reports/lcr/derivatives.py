"""Payments of derivatives, netted: derivative_flows -> derivative_payments -> netted_sets,
netted_currencies -> lcr_derivative_flows.

A payment stays a row of its own, on the side on which its netting set is, so that a figure opens
down to payments. Net amounts that the source delivers are deals and do not belong here.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.derivatives import DERIVATIVE_FLOWS, DERIVATIVES, NETTING_SETS
from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.instalments import last_of_window
from regulatory_assets.reports.lcr.positions import (
    OF_PARTY,
    position_stage,
    with_flows,
)
from regulatory_assets.reports.lcr.tables import LCR_DERIVATIVE_FLOWS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY = ColumnType.STRING, ColumnType.MONEY
_OPTIONS = ("OPTION_BOUGHT", "OPTION_SOLD")
_OFFSET = "_offset"
"""Ends the name of a line of payments whose currency is on the other side than their set."""

_NETTING = Column(
    "netting",
    _STRING,
    "SET and the netting set under a master agreement, else TRADE and the trade alone.",
)
_CURRENCY = Column("currency", _STRING, "ISO 4217 code of the payments.")
_NET = Column("net", _MONEY, "Paid less received in the window.", unit="reporting currency",
              nullable=True)  # fmt: skip

DERIVATIVE_PAYMENTS = Table(
    name="derivative_payments",
    description="Payments of derivatives that count in the window, with what they are netted in.",
    key=("trade_id", "flow"),
    selective="trade_id",
    group="lcr",
    columns=(
        Column("trade_id", _STRING, "The trade."),
        Column("flow", ColumnType.INTEGER, "Number of the payment."),
        _NETTING,
        Column("entity_id", _STRING, "Entity that trades.", nullable=True),
        Column("counterparty_id", _STRING, "The other party.", nullable=True),
        _CURRENCY,
        Column("due_date", ColumnType.DATE, "Day of payment."),
        Column("paid", _MONEY, "Paid; less than nothing where it is received.",
               unit="reporting currency", nullable=True),
    ),
)  # fmt: skip

NETTED_SETS = Table(
    name="netted_sets",
    description="What each netting set pays or receives in the window, over all currencies.",
    key=("netting",),
    group="lcr",
    columns=(_NETTING, _NET),
)

NETTED_CURRENCIES = Table(
    name="netted_currencies",
    description="What each netting set pays or receives in the window in each currency.",
    key=("currency", "netting"),
    group="lcr",
    columns=(_CURRENCY, _NETTING, _NET),
)


@row_stage(
    reads=DERIVATIVE_FLOWS,
    writes=DERIVATIVE_PAYMENTS,
    lookups=(
        RATE_OF_DAY,
        Lookup(
            DERIVATIVES,
            by=("trade_id",),
            take=("netting_set_id", "entity_id", "counterparty_id", "kind", "in_the_money"),
            prefix="of_",
        ),
        Lookup(NETTING_SETS, by=("of_netting_set_id",), take=("master_agreement",), optional=True),
    ),
    parameters=("lcr/window",),
)
def derivative_payments(flows: DataFrame, p: Any) -> DataFrame:
    """Payments of the window with their netting set: that of a master agreement, else the trade
    (BCBS 238 paras 116, 158, convention 12).

    An option is exercised when it is in the money. What is overdue is still to be paid, but no
    longer to be received (convention 1). Principal exchanged on one day needs no agreement, since a
    trade is netted in itself.
    """
    due, paid = F.col("due_date"), F.col("direction") == "PAID"
    counts = (due <= last_of_window(p)) & (paid | (due > F.lit(p.day)))
    exercised = ~F.coalesce(F.col("of_kind").isin(*_OPTIONS), F.lit(False)) | F.col(
        "of_in_the_money"
    )
    agreed = F.coalesce(F.col("master_agreement"), F.lit(False))
    worth = product(F.col("amount"), F.col("rate"))
    return flows.where(counts & exercised).withColumns(
        {
            "netting": F.when(agreed, F.concat(F.lit("SET "), "of_netting_set_id")).otherwise(
                F.concat(F.lit("TRADE "), "trade_id")
            ),
            "entity_id": F.col("of_entity_id"),
            "counterparty_id": F.col("of_counterparty_id"),
            "paid": F.when(paid, worth).otherwise(-worth).cast(_MONEY.value),
        }
    )


@group_stage(reads=DERIVATIVE_PAYMENTS, writes=NETTED_SETS, by=("netting",))
def netted_sets(payments: DataFrame, p: Any) -> DataFrame:
    """The net amount of a set in reporting currency (BCBS 238 paras 116, 158)."""
    return payments.groupBy("netting").agg(total(F.col("paid")).alias("net"))


@group_stage(reads=DERIVATIVE_PAYMENTS, writes=NETTED_CURRENCIES, by=("currency", "netting"))
def netted_currencies(payments: DataFrame, p: Any) -> DataFrame:
    """The net amount within a currency, for the views of single ones (convention 12)."""
    return payments.groupBy("currency", "netting").agg(total(F.col("paid")).alias("net"))


@position_stage(
    reads=DERIVATIVE_PAYMENTS,
    writes=LCR_DERIVATIVE_FLOWS,
    lookups=(
        OF_PARTY,
        Lookup(NETTED_SETS, by=("netting",), take=("net",), prefix="set_"),
        Lookup(NETTED_CURRENCIES, by=("currency", "netting"), take=("net",), prefix="currency_"),
    ),
)
def lcr_derivative_flows(payments: DataFrame, p: Any) -> DataFrame:
    """Payments on the side of their set: outflows where it pays more than it receives (BCBS 238
    paras 116, 158).

    The payments of a set sum to its net amount. Those in a currency in which it is on the other
    side have a line of their own, by which a view of that currency turns them round.
    """
    pays, paid = F.col("set_net") >= 0, F.col("paid")
    turned = pays != (F.col("currency_net") >= 0)
    line = F.when(pays, "derivative_outflow").otherwise("derivative_inflow")
    positions = payments.withColumns(
        {
            "product_type": F.when(pays, "DERIVATIVE_OUTFLOW").otherwise("DERIVATIVE_INFLOW"),
            "amount": F.when(pays, paid).otherwise(-paid).cast(_MONEY.value),
            "maturity_date": F.when(F.col("due_date") > F.lit(p.day), F.col("due_date")),
        }
    )
    return with_flows(positions, p, F.when(turned, F.concat(line, F.lit(_OFFSET))))
