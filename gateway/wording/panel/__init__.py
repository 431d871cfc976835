"""The widget: its labels, its first line, its rows. A new field of the member is one line in `member.py`."""
