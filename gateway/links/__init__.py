"""The record of which Gorgias customer an agent linked to which member. Read `service.py` first."""
