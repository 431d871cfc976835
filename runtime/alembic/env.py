"""Alembic's entry point: runs the steps on the connection and in the transaction of `runtime.migrations`."""

from alembic import context

attributes = context.config.attributes
context.configure(connection=attributes["connection"], version_table=attributes["version_table"])
context.run_migrations()
