"""Alembic looks for its `env.py` here."""
