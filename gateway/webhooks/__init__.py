"""TRIFFT's webhooks, which tell of changes of a member."""
