"""Pages for people outside: templates filled from calculated tables, as spreadsheets and HTML.

Nothing is calculated here beyond choosing what stands on a page; figures come from the ledger.
"""
