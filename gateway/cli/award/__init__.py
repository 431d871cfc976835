"""The group `trifft-gorgias award`. Its commands are in `commands` and `export`, and share the other two."""
