"""Customers, accounts and transactions as the money-laundering officer looks at them."""
