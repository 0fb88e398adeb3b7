"""Alembic's environment: the connection is exemplum.server.storage.database.migrate's, or from -x url=… by hand."""

from alembic import context
from sqlalchemy import create_engine

from exemplum.server.storage.schema import Base


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        connection = create_engine(context.get_x_argument(as_dictionary=True)["url"]).connect()
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
