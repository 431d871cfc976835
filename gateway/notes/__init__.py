"""The notes that a ticket gets about an award: which one is next, and how a written one is recognised.

The text of a note is in `wording/note.py`.
"""
