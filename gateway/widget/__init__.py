"""The sidebar: find the customer, get the snapshot, render. Read `handler.py` first."""
