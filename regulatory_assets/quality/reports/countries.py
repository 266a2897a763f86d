"""Countries that decide a figure and are not known: of entities, issuers and counterparties.

A sovereign above 0 % is Level 1 only in the country where the entity takes its risk or has its home
(BCBS 238 paras 50(d), 50(e)); where a country is not told, or has no known currency, it counts by
its weight alone: less than it may. Secured funding with central banks and the public sector runs
off by less where they are domestic (para 115); whose country is not told is taken for domestic. So
these checks warn and do not block. A table that was not delivered at all is no fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.customers import COUNTERPARTY_DETAILS
from regulatory_assets.bank.tables.securities import SECURITY_TERMS
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger import frames
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr.public import PUBLIC_COUNTERPARTIES
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES, SCOPES
from regulatory_assets.reports.lcr.securities import SECURITY_GRADES
from regulatory_assets.reports.lcr.tables import LCR_FLOWS

_CURRENCIES = "lcr/country_currencies"
_NOT_TOLD = "not told"


def _heads(day: Examination, since: int) -> Result:
    unknown = F.col("country").isNotNull() & F.col("country_currency").isNull()
    rows = day.rows(SCOPES).where(unknown).select("scope", "country")
    found = {row["scope"]: row["country"] for row in frames.values(rows)}
    said = _said(found, "scopes whose head's country has no currency", "the entity's country")
    return _result([said], len(found), "every country that is given has its currency")


def _deciding(day: Examination, since: int) -> Result:
    """Of securities that deals hold or have as collateral, and of the entities of these deals."""
    used = day.keys(DEALS, ("entity_id", "security_id"), among=F.col("security_id").isNotNull())
    sovereigns, repos = _sovereigns(day), _public_repos(day)
    tables = (SECURITY_TERMS, COUNTERPARTY_DETAILS, ENTITY_STRUCTURE)
    delivered = {t.name: bool(day.version(t).chain) for t in tables}
    issuers = _issuers(day, sovereigns, used) if delivered[SECURITY_TERMS.name] else {}
    partners = _partners(day, repos) if delivered[COUNTERPARTY_DETAILS.name] else {}
    holders = frames.semi(used, sovereigns, ("security_id",))
    whose = _entities(day, (holders, repos)) if delivered[ENTITY_STRUCTURE.name] else {}
    said = (
        _said(issuers, "sovereigns above 0 % whose country is not known", "security_terms"),
        _said(partners, "public counterparties of repos without a country", "counterparty_details"),
        _said(
            whose,
            "entities that hold or fund with any, whose own country or group's head's is not known",
            "entity_structure",
        ),
    )
    without = [f"{name} was not delivered" for name, there in delivered.items() if not there]
    right = "; ".join(without) or "every country that decides is known"
    return _result(said, len(issuers) + len(partners) + len(whose), right)


def _issuers(day: Examination, sovereigns: DataFrame, used: DataFrame) -> dict[str, str]:
    country = F.split("sovereign", " ").getItem(0)
    known = [code for (code,) in _known(day)]
    among = sovereigns.where(F.col("sovereign").isNull() | ~country.isin(*known))
    held = frames.semi(among, used, ("security_id",))
    rows = held.select("security_id", F.coalesce(country, F.lit(_NOT_TOLD)).alias("country"))
    return {row["security_id"]: row["country"] for row in frames.values(rows)}


def _public_repos(day: Examination) -> DataFrame:
    """The entities and counterparties of repos with those who may be domestic."""
    repo = (F.col("product_type") == "REPO") & F.col("counterparty_id").isNotNull()
    repos = day.keys(DEALS, ("entity_id", "counterparty_id"), among=repo)
    return frames.semi(repos, day.rows(PUBLIC_COUNTERPARTIES), ("counterparty_id",))


def _partners(day: Examination, repos: DataFrame) -> dict[str, str]:
    untold = day.rows(PUBLIC_COUNTERPARTIES).where(F.col("country").isNull())
    rows = frames.semi(untold, repos, ("counterparty_id",)).select("counterparty_id")
    return {row["counterparty_id"]: _NOT_TOLD for row in frames.values(rows)}


def _entities(day: Examination, deals: Iterable[DataFrame]) -> dict[str, str]:
    found = [frames.values(rows.select("entity_id").distinct()) for rows in deals]
    of_deals = {row["entity_id"] for rows in found for row in rows}
    return {
        row["entity_id"]: _NOT_TOLD
        for row in frames.values(day.rows(ENTITY_SCOPES).select("entity_id", "at_home"))
        if row["entity_id"] in of_deals and not all(p.strip() for p in row["at_home"].split("/"))
    }


def _sovereigns(day: Examination) -> DataFrame:
    """Those that count otherwise in their own country than by their weight."""
    weighted = (F.col("risk_weight_band") != "ZERO") & (F.col("issuer") == "OTHER")
    grades = day.rows(SECURITY_GRADES).where((F.col("asset_class") == "SOVEREIGN") & weighted)
    return grades.select("security_id", "sovereign")


def _known(day: Examination) -> Iterable[tuple[str, ...]]:
    """The countries of which a currency is known; a day older than the list has its first rows."""
    of_day, parameters = day.version(LCR_FLOWS).day, Parameters.default()
    (first, *_) = (start for start, table in parameters.history(_CURRENCIES) if table)
    return parameters.at(of_day, [_CURRENCIES], first).rates(_CURRENCIES).rows()


def _said(found: Mapping[str, str], wrong: str, remedy: str) -> str:
    if not found:
        return ""
    shown = ", ".join(f"{name} ({country})" for name, country in sorted(found.items())[:SHOWN])
    lists = f"correct {remedy}, or add the country to {_CURRENCIES}"
    return f"{len(found)} {wrong}, for instance {shown}: {lists}"


def _result(said: Iterable[str], count: int, right: str) -> Result:
    return Result(not count, "; ".join(filter(None, said)) or right, {"offending": count})


heads = Check(
    SCOPES,
    "countries",
    "The country of a scope's head has a currency; else no sovereign counts as issuing in it.",
    False,
    _heads,
)
deciding = Check(
    LCR_FLOWS,
    "countries",
    "Where sovereigns above 0 % are held, or repos are with the public sector, their countries and "
    "those of the entities are known; else weights decide, and counterparties are domestic.",
    False,
    _deciding,
    (
        DEALS,
        SECURITY_GRADES,
        ENTITY_SCOPES,
        SECURITY_TERMS,
        COUNTERPARTY_DETAILS,
        ENTITY_STRUCTURE,
        PUBLIC_COUNTERPARTIES,
    ),
)
