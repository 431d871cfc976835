"""Runs the migrations on the connection that `gateway.database` has locked."""

from alembic import context

from gateway.database import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
