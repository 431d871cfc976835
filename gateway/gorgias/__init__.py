"""Gorgias' REST API and its spellings: nothing outside this room spells them."""
