"""Awards whose outcome is unknown: `loop.py` claims those that are due, and each is matched with TRIFFT's movements."""
