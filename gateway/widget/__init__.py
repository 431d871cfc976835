"""The sidebar: parse who the customer is, ask for the snapshot, render. `handler.py` first."""
