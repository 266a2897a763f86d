"""Who customers are: encrypted apart from all figures, shown to officers, erased for good.

Nothing here is read by a calculation, and no ledger holds anything of it.
"""
