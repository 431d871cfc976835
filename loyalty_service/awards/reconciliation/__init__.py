"""Settles unknown awards: `loop.py` claims those that are due, and each is compared with TRIFFT's movements."""
