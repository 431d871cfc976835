"""The ledger: requests, their outcomes, and who changed them when. `ledger.py` writes; `read.py` lists and sums."""
