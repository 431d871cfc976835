"""The widget: its labels, its first line, its rows.

One line in `member.py` shows a field of the contract's Member. docs/changing.md says how to add a new field.
"""
