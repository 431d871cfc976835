"""Points given by support: the ledger, and the way from a request to its outcome."""
