"""Studies are known by an id of their own; on SQLite no id is given twice; what is frozen, and how far scrubbed."""

import re

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0002"
down_revision = "0001"
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# All with numbered rows. "secrets" has none.
TABLES = ("studies", "audit", "participants", "study_versions", "sessions", "events", "steps", "trials", "answers")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # AUTOINCREMENT cannot be added to a table, so each is recreated. Foreign keys are off meanwhile
        # (exemplum.server.storage.database.migrate): dropping the old table would delete what refers to it.
        for table in TABLES:
            with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch:
                if table == "studies":
                    _studies(batch)
        _leave_out_withdrawn_labels()
        assert not op.get_bind().exec_driver_sql("PRAGMA foreign_key_check").all(), "a row refers to one that is gone"
    else:
        with op.batch_alter_table("studies") as batch:
            _studies(batch)


def _studies(batch: BatchOperations) -> None:
    batch.add_column(sa.Column("uid", sa.String(length=32), nullable=True))
    batch.add_column(sa.Column("frozen", sa.JSON(), nullable=True))
    batch.add_column(sa.Column("scrubbed_to", INTEGER, nullable=False, server_default="0"))
    batch.drop_constraint("uq_studies_name", type_="unique")
    batch.create_unique_constraint("uq_studies_uid", ["uid"])


def _leave_out_withdrawn_labels() -> None:
    """Go on behind the largest label that a withdrawn session had (P0007 is session 7): its row is gone."""
    connection = op.get_bind()
    details = connection.execute(sa.text("SELECT detail FROM audit WHERE action = 'withdraw'")).scalars()
    labels = [int(found[1]) for detail in details if (found := re.fullmatch(r"P(\d+)", detail))]
    largest = max([0, *labels, connection.execute(sa.text("SELECT max(id) FROM sessions")).scalar() or 0])
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'sessions'"))
    connection.execute(
        sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('sessions', :largest)"), {"largest": largest}
    )


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in TABLES if is_sqlite else ("studies",):
        with op.batch_alter_table(table, recreate="always" if is_sqlite else "auto") as batch:
            if table == "studies":
                batch.drop_constraint("uq_studies_uid", type_="unique")
                batch.create_unique_constraint("uq_studies_name", ["name"])
                for column in ("uid", "frozen", "scrubbed_to"):
                    batch.drop_column(column)
