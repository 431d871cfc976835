"""What was asked for, what became of it, and who changed that when. `ledger.py` is the door; `read.py` lists and sums."""
