"""The TRIFFT adapter: the only package that spells TRIFFT's paths, fields and codes."""
