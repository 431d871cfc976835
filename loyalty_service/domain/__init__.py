"""Values and rules of a loyalty programme; no I/O."""
