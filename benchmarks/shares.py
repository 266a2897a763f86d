"""The shares of deals that a rule takes, each with the end of the ids it takes."""

SHARES = {"0.01pct": "%0000", "0.1pct": "%000", "1pct": "%00", "10pct": "%0"}
