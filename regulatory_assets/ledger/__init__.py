"""The kernel: tables as append-only ledgers, and stages that post to them.

Knows no regulation and no Dagster. ``table`` describes, ``stages`` declares, ``plan`` decides,
``run`` carries plans out, ``deliver`` posts what sources bring, ``reader`` reads, ``compact``
maintains.
"""
