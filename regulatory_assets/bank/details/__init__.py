"""The sample bank's further tables (``tables.DETAILS``), one module a family.

Made like the book: each row is a pure function of seed, day and place, in pieces of bounded size,
and agrees with the deals it describes. Amounts are whole cents, no float enters.
"""
