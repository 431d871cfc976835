"""`make torture`: sends thousands of awards while everything fails, then compares the ledger with TRIFFT."""
