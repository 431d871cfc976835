"""The group `trifft-gorgias award`.

`commands` and `export` have the commands, the other two files their shared parts.
"""
