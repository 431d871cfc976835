"""Where Alembic looks for its `env.py`."""
