"""Converts messages of the proto to the domain's values and back, one file for each noun."""
