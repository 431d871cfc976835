"""The ticket that an award is given on: whether it is there, and the notes that awards leave in it."""
