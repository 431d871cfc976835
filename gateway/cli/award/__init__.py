"""The group `trifft-gorgias award`.

`commands`, `export` and `totals` have the commands, the other two files their shared parts.
"""
