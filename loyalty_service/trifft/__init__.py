"""The TRIFFT adapter: the only room that spells TRIFFT's paths, fields and codes."""
