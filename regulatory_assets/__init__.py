"""A daily asset graph that computes a bank's regulatory figures from ledgers."""
