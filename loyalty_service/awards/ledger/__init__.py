"""What was asked for, what became of it, who changed that when. `ledger.py` is the door; `read.py` lists and sums."""
