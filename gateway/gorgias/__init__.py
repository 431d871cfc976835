"""Gorgias' REST API and its spellings: nothing outside this package spells them."""
