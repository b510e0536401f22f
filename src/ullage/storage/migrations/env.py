"""Runs the steps in the transaction of the connection that `upgrade` hands over."""

from alembic import context

from ullage.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
