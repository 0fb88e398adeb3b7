"""The schema of a database: made at once, migrated, and that of the code are the same."""

from __future__ import annotations

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from exemplum.server.storage import database as databases
from exemplum.server.storage.database import Database, DatabaseError, is_current, sqlite_url
from exemplum.server.storage.schema import Base
from server.conftest import connected, new_database
from server.legacy import legacy_study


def upgrade(url, revision):
    config = databases._config()
    with connected(url) as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)


def schema(url):
    """All that a database says of its tables, in no order."""
    with connected(url) as connection:
        found, dialect = inspect(connection), connection.dialect.name
        options = {"sequences": found.get_sequence_names() if dialect == "postgresql" else []}
        if dialect == "sqlite":
            made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
            options["autoincrement"] = [name for name, sql in made if "AUTOINCREMENT" in sql]
        told = {name: sorted(value) for name, value in options.items()}
        for table in found.get_table_names():
            parts = [
                found.get_columns(table), found.get_foreign_keys(table), found.get_unique_constraints(table),
                found.get_indexes(table), found.get_check_constraints(table), [found.get_pk_constraint(table)],
            ]  # fmt: skip
            told[table] = [sorted(map(repr, (sorted(row.items()) for row in part))) for part in parts]
    return told


def test_a_new_database_has_at_once_what_the_migrations_make(database, request, tmp_path):
    """Columns with types and defaults, keys, indexes and constraints. Oracle: the database after every migration."""
    migrated = new_database(request.getfixturevalue("postgres")) if database else sqlite_url(tmp_path / "old.sqlite")
    upgrade(migrated, "0001")
    old, new = Database(migrated), Database(database or sqlite_url(tmp_path / "new.sqlite"))
    assert (old.migrated_from, new.migrated_from) == ("0001", None)
    old.close()
    new.close()
    assert is_current(new.url)
    assert schema(new.url) == schema(old.url)


def test_tables_without_a_revision_are_not_taken_for_an_empty_database(tmp_path):
    """They may be of any version."""
    url = sqlite_url(tmp_path / "half.sqlite")
    upgrade(url, "0002")
    with connected(url) as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(DatabaseError, match="table secrets already exists"):
        Database(url)


def test_the_migrated_schema_is_that_of_the_code(tmp_path):
    """Of a study of an earlier version. Oracle: Alembic's comparison of a database with the classes."""
    url = sqlite_url(legacy_study(tmp_path, "older") / "server" / "experiment.sqlite")
    Database(url).close()
    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_no_id_of_any_table_is_given_twice_on_sqlite(tmp_path):
    database = Database(sqlite_url(tmp_path / "new.sqlite"))
    with database.read() as orm:
        made = dict(orm.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all())
    database.close()
    numbered = [table.name for table in Base.metadata.sorted_tables if "id" in table.columns]
    assert len(numbered) == 10
    assert [name for name in numbered if "AUTOINCREMENT" not in made[name]] == []
