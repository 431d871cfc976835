"""Awards whose outcome is unknown are claimed, matched with TRIFFT's movements, and settled."""
