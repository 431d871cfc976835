"""The widget: its labels, its first line, its rows.

A field that the contract's Member has already is shown by one line in `member.py`. The way of a new one from TRIFFT to
here is in CONTRIBUTING.md.
"""
