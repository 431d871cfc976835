"""The ledger of awards: what was asked for, what became of it, and who changed that when. `ledger.py` is its door."""
