"""What the sample bank is made of: kinds of deals, securities, entities, currencies.

Data only; ``book`` turns it into deals. Shares and sizes are invented to look like a universal
bank: most deals are retail deposits and loans, most money moves in a few wholesale deals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

ENTITIES = ("BANK_DE", "BANK_FR", "BROKER_DE")
ENTITY_NAMES = ("Beispielbank AG", "Banque Exemple SA", "Beispiel Wertpapierhaus GmbH")
ENTITY_COUNTRIES = ("DE", "FR", "DE")
GROUP = "GROUP"

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "CZK")
REPORTING_CURRENCY = "EUR"
RATES = (100_000_000, 92_000_000, 117_000_000, 106_000_000, 3_980_000)
"""Euro for one unit, in units of 10**-8; a day's rate lies within 0.2 % of it."""
UNITS_PER_EURO = (1, 1, 1, 1, 25)
"""By what an amount in euro is multiplied to look natural in the currency."""

RETAIL_CURRENCIES = (930, 20, 10, 20, 20)
WHOLESALE_CURRENCIES = (720, 150, 50, 50, 30)
"""Per mille of the deals in each currency."""

NOTICE_30, NOTICE_31 = -30, -31
"""Tenors of notice accounts: due on the 30th or the 31st day from whatever day it is."""
OPEN = 0


@dataclass(frozen=True)
class Kind:
    """One kind of deal; ``share`` is in 1/100,000 of all deals, chances are per mille.

    A deal of rank r has sector r modulo the sectors and the tenor after it (days; 0 is open). A
    deal with a tenor is rolled at maturity. Where ``minimum`` raises the number of deals, their
    size shrinks, so the money of a kind is in proportion to the book.
    """

    name: str
    product: str
    sectors: tuple[str, ...]
    share: int
    minimum: int
    median: int
    """Euro."""
    sigma: int
    """Of the log-normal size, in thousandths."""
    tenors: tuple[int, ...] = (OPEN,)
    currencies: tuple[int, ...] = WHOLESALE_CURRENCIES
    transactional: int = 0
    insurable: int = 0
    locked: int = 0
    operational: int = 0
    eligible: int = 0
    secured: bool = False
    """Names a security: one held, or the collateral."""
    intragroup: bool = False
    """The same rank of the mirror kind is the other entity's side of the deal."""

    @property
    def account(self) -> str | None:
        """The kind of account behind a customer's deposit or loan."""
        if not self.sectors or self.product not in ("DEPOSIT", "LOAN"):
            return None
        if self.product == "LOAN":
            return "LOAN"
        if self.transactional or self.operational:
            return "CURRENT"
        return "SAVINGS" if self.tenors == (OPEN,) else "TERM_DEPOSIT"


def _retail(
    name: str,
    product: str,
    share: int,
    minimum: int,
    median: int,
    sigma: int,
    tenors: tuple[int, ...] = (OPEN,),
    sector: str = "RETAIL",
    transactional: int = 0,
    locked: int = 0,
) -> Kind:
    return Kind(
        name,
        product,
        (sector,),
        share,
        minimum,
        median,
        sigma,
        tenors,
        RETAIL_CURRENCIES,
        transactional=transactional,
        insurable=970 if product == "DEPOSIT" else 0,
        locked=locked,
    )


_PUBLIC = ("SOVEREIGN", "PSE", "MDB", "CENTRAL_BANK")
_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
_SECURED = ("BANK", "OTHER_FINANCIAL", "BANK", "CENTRAL_BANK")
_REPO_TENORS = (7, 14, 30, 60, 90, OPEN)
_MONEY_MARKET = (OPEN, 30, 60, 90, 180, 365)

# fmt: off
KINDS: tuple[Kind, ...] = (
    _retail("current account", "DEPOSIT", 31_450, 60, 3_000, 1100, transactional=900),
    _retail("savings account", "DEPOSIT", 18_000, 40, 14_000, 1100),
    _retail("term deposit", "DEPOSIT", 7_000, 30, 20_000, 900, (90, 180, 365, 730), locked=700),
    _retail("notice account", "DEPOSIT", 100, 6, 12_000, 900, (NOTICE_30, NOTICE_31)),
    _retail("business account", "DEPOSIT", 3_500, 12, 12_000, 900, sector="SMALL_BUSINESS",
            transactional=850),
    _retail("business term deposit", "DEPOSIT", 500, 6, 30_000, 800, (30, 90, 180),
            sector="SMALL_BUSINESS", locked=300),
    Kind("corporate account", "DEPOSIT", ("CORPORATE",), 1_300, 12, 60_000, 1000,
         insurable=300, operational=400),
    Kind("corporate term deposit", "DEPOSIT", ("CORPORATE",), 600, 10, 120_000, 800,
         (30, 60, 90, 180, 365)),
    Kind("notice money", "DEPOSIT", ("CORPORATE", "BANK"), 40, 4, 150_000, 600,
         (NOTICE_30, NOTICE_31)),
    Kind("public deposit", "DEPOSIT", _PUBLIC, 200, 8, 150_000, 900, (OPEN, 90, 365),
         operational=200),
    Kind("financial deposit", "DEPOSIT", _FINANCIAL, 250, 36, 300_000, 700, _MONEY_MARKET,
         operational=100),
    _retail("mortgage", "LOAN", 9_000, 30, 90_000, 600, (3650, 5475, 7300, 9125, 10950)),
    _retail("consumer loan", "LOAN", 18_000, 40, 6_000, 900, (365, 730, 1095, 1825, 2555)),
    _retail("card and overdraft", "LOAN", 5_000, 20, 900, 900),
    _retail("business loan", "LOAN", 2_500, 10, 30_000, 900, (180, 365, 1095, 1825),
            sector="SMALL_BUSINESS"),
    Kind("corporate loan", "LOAN", ("CORPORATE",), 1_500, 10, 150_000, 800,
         (180, 365, 1095, 1825)),
    Kind("callable loan", "LOAN", ("CORPORATE", "BANK"), 40, 4, 100_000, 600,
         (NOTICE_30, NOTICE_31)),
    Kind("public loan", "LOAN", _PUBLIC, 120, 8, 200_000, 900, (365, 1825, 3650)),
    Kind("financial loan", "LOAN", _FINANCIAL, 150, 24, 200_000, 600, _MONEY_MARKET),
    Kind("repo", "REPO", _SECURED, 200, 39, 200_000, 600, _REPO_TENORS,
         eligible=800, secured=True),
    Kind("reverse repo", "REVERSE_REPO", _SECURED, 200, 39, 150_000, 600, _REPO_TENORS,
         eligible=300, secured=True),
    Kind("security", "SECURITY", (), 350, 39, 100_000, 500, eligible=930, secured=True),
    Kind("intragroup loan", "LOAN", (), 0, 4, 15, 200, (20, 40, 365), (1000, 0, 0, 0, 0),
         intragroup=True),
    Kind("intragroup deposit", "DEPOSIT", (), 0, 4, 15, 200, (20, 40, 365), (1000, 0, 0, 0, 0),
         intragroup=True),
    Kind("intragroup reverse repo", "REVERSE_REPO", (), 0, 2, 15, 200, (30, 60),
         (1000, 0, 0, 0, 0), secured=True, intragroup=True),
    Kind("intragroup repo", "REPO", (), 0, 2, 15, 200, (30, 60), (1000, 0, 0, 0, 0),
         secured=True, intragroup=True),
    Kind("cash", "CASH", (), 0, 3, 20, 0, eligible=1000, currencies=(1000, 0, 0, 0, 0)),
    Kind("central bank reserve", "CENTRAL_BANK_RESERVE", (), 0, 3, 0, 0, eligible=1000,
         currencies=(1000, 0, 0, 0, 0)),
)
# fmt: on
"""Sizes of the fixed kinds (share 0) are euro per deal of the book."""

INTRAGROUP_SIDES = ((0, 2), (0, 1), (1, 2), (1, 0))
"""Lender and borrower of the intragroup deals, by rank."""


@dataclass(frozen=True)
class SecurityVariant:
    """A class of securities; ``weight`` scales the bank's holdings of it."""

    asset_class: str
    risk_weight: str | None
    credit_quality: str
    financial_issuer: bool
    weight: int


SECURITY_VARIANTS: tuple[SecurityVariant, ...] = (
    SecurityVariant("SOVEREIGN", "0", "AAA_TO_AA_MINUS", False, 20),
    SecurityVariant("SOVEREIGN", "0.2", "A_PLUS_TO_BBB_MINUS", False, 4),
    SecurityVariant("SOVEREIGN", "0.5", "A_PLUS_TO_BBB_MINUS", False, 1),
    SecurityVariant("SOVEREIGN", "1", "BELOW_BBB_MINUS", False, 1),
    SecurityVariant("COVERED_BOND", "0.1", "AAA_TO_AA_MINUS", True, 4),
    SecurityVariant("CORPORATE_BOND", "0.2", "AAA_TO_AA_MINUS", False, 3),
    SecurityVariant("CORPORATE_BOND", "0.5", "A_PLUS_TO_BBB_MINUS", False, 1),
    SecurityVariant("CORPORATE_BOND", "0.2", "AAA_TO_AA_MINUS", True, 1),
    SecurityVariant("RMBS", "0.2", "AAA_TO_AA_MINUS", True, 1),
    SecurityVariant("RMBS", "1", "BELOW_BBB_MINUS", True, 1),
    SecurityVariant("EQUITY", None, "UNRATED", False, 1),
    SecurityVariant("EQUITY", None, "UNRATED", True, 1),
    SecurityVariant("OTHER", None, "UNRATED", False, 1),
)

SECTOR_POOLS: tuple[tuple[str, int, int], ...] = (
    ("RETAIL", 350, 50),
    ("SMALL_BUSINESS", 40, 12),
    ("CORPORATE", 20, 12),
    ("SOVEREIGN", 0, 6),
    ("PSE", 0, 6),
    ("MDB", 0, 3),
    ("CENTRAL_BANK", 0, 3),
    ("BANK", 0, 20),
    ("OTHER_FINANCIAL", 1, 12),
    ("OTHER_LEGAL_ENTITY", 1, 8),
)
"""Sector, counterparties per thousand deals, and at least so many."""


@dataclass(frozen=True)
class Branch:
    """A place of business of an entity."""

    number: str
    entity: str
    name: str
    region: str
    country: str
    opened: date
    staff: int
    atms: int


# fmt: off
BRANCHES: tuple[Branch, ...] = (
    Branch("DE01", "BANK_DE", "Frankfurt", "Hessen", "DE", date(1958, 3, 3), 64, 9),
    Branch("DE02", "BANK_DE", "Wiesbaden", "Hessen", "DE", date(1971, 9, 1), 11, 3),
    Branch("DE03", "BANK_DE", "Hamburg", "Hamburg", "DE", date(1983, 4, 5), 22, 5),
    Branch("DE04", "BANK_DE", "Berlin", "Berlin", "DE", date(1991, 1, 2), 31, 7),
    Branch("DE05", "BANK_DE", "Leipzig", "Sachsen", "DE", date(1992, 6, 1), 9, 2),
    Branch("DE06", "BANK_DE", "Dresden", "Sachsen", "DE", date(1993, 2, 1), 8, 2),
    Branch("DE07", "BANK_DE", "Freiburg", "Baden-Wuerttemberg", "DE", date(2004, 10, 4), 6, 1),
    Branch("FR01", "BANK_FR", "Paris", "Ile-de-France", "FR", date(1987, 5, 4), 38, 6),
    Branch("FR02", "BANK_FR", "Lyon", "Auvergne-Rhone-Alpes", "FR", date(1996, 9, 2), 14, 3),
    Branch("FR03", "BANK_FR", "Strasbourg", "Grand Est", "FR", date(1999, 3, 1), 10, 2),
    Branch("FR04", "BANK_FR", "Lille", "Hauts-de-France", "FR", date(2008, 1, 7), 5, 1),
    Branch("BR01", "BROKER_DE", "Frankfurt", "Hessen", "DE", date(2001, 7, 2), 12, 0),
)
"""Each entity's stand together, its head office first."""

COUNTRIES = ("DE", "FR", "AT", "NL", "CH", "GB", "US", "CZ", "TR", "PA")
"""The entities' own countries first."""


@dataclass(frozen=True)
class Movement:
    """One kind of movement on current accounts; other accounts know transfers only."""

    per_mille: int
    direction: str
    channel: str
    cash: bool
    median: int
    """Euro."""


MOVEMENTS: tuple[Movement, ...] = (
    Movement(400, "DEBIT", "CARD", False, 40),
    Movement(150, "DEBIT", "ATM", True, 100),
    Movement(80, "CREDIT", "BRANCH", True, 800),
    Movement(30, "DEBIT", "BRANCH", True, 600),
    Movement(170, "CREDIT", "TRANSFER", False, 700),
    Movement(160, "DEBIT", "TRANSFER", False, 400),
    Movement(10, "DEBIT", "INTERNAL", False, 5),
)
# fmt: on

MOVEMENTS_PER_MILLE = {"CURRENT": 130, "SAVINGS": 30, "TERM_DEPOSIT": 3, "LOAN": 20}
"""Of a thousand accounts, those that move in each of the day's slots."""

NEAR_CASH = (840_000, 150_000)
"""Cents of a cash deposit that keeps just below the threshold: least, and by how much more."""
