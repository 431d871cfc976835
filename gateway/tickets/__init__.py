"""The ticket that an award is given on: whose it is, and the notes that awards leave in it."""
