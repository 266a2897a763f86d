"""The shares of deals that a rule takes, each with the end of the ids it takes."""

SHARES = {"0.01pct": "%0000", "0.1pct": "%000", "1pct": "%00", "10pct": "%0"}

LINES = {"0.4pct": "operational_uninsured", "12pct": "retail_less_stable"}
"""Lines of the LCR by the share of all parts that are on them."""
