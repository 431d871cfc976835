"""Customers who do not write from their member's e-mail: what their panels cost, and how many are live."""
