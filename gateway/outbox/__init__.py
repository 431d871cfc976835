"""Writes to Gorgias that must not be lost: on record before the award is sent, delivered once.

Open `service.py` first. May import notes, installation, wording and what is below them.
"""
