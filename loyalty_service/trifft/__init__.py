"""The TRIFFT adapter: the only room that spells TRIFFT."""
