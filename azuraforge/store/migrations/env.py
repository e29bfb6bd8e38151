"""Run by Alembic: brings the database of the given connection up to date in its transaction."""

from alembic import context

from azuraforge.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
