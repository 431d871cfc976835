"""Writes to Gorgias that must not be lost: on record before the award is sent or with the link, delivered once.

The only kind is a note, of an award or a link: rows, look-ups and delivery know only notes. Read `service.py` first.
"""
