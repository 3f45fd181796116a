"""Alembic's entry: runs the migrations on the connection that `store.migrate` hands over."""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=False,
    render_as_batch=False,
)
with context.begin_transaction():
    context.run_migrations()
