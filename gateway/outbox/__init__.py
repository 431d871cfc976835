"""Writes to Gorgias that must not be lost: on record before the award is sent, delivered once.

Today they are the notes of awards, and nothing else: rows, look-ups and delivery know of notes only. Open `service.py`
first.
"""
