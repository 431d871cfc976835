"""The notes that a ticket gets of an award: which one is next, and how it is known again.

What a note says is in `wording/note.py`.
"""
