"""The record of which Gorgias customer an agent linked to which member. Read `link.py` first."""
