"""Governed adjustments: what a rule says, who proposed and approved it, and what it would do.

How contra and rebooked rows spread through the graph is the kernel's (``ledger.adjusted``); which
tables can be adjusted is declared beside the stages that write them.
"""
