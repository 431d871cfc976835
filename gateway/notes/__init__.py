"""The notes that a ticket gets of an award: which one is next, and how it is known again.

What a note says is in `wording/note.py`. May import wording and what is below it.
"""
