"""Batches of single-use links, and a summary of each session, so that lists of sessions read no answers.

Summaries of sessions that exist already are made when the server starts.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = ("answers", "main_answers", "main_correct", "main_top", "catch_answers", "catch_correct", "fast")


def upgrade() -> None:
    op.add_column("participants", sa.Column("batch_id", INTEGER, nullable=True))
    op.create_table(
        "batches",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("study_id", INTEGER, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("group", sa.String(length=40), nullable=False),
        sa.Column("size", INTEGER, nullable=False),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_batches_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_batches_study_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "summaries",
        sa.Column("session_id", INTEGER, autoincrement=False, nullable=False),
        *(sa.Column(name, INTEGER, nullable=False) for name in COUNTS),
        sa.Column("rts", sa.JSON(), nullable=False),
        sa.Column("median_rt_ms", sa.Double(), nullable=True),
        sa.Column("longest_gap_ms", INTEGER, nullable=False),
        sa.Column("hidden_ms", sa.Double(), nullable=False),
        sa.Column("blurs", INTEGER, nullable=False),
        sa.Column("image_px", sa.Double(), nullable=True),
        sa.Column("pixel_ratio", sa.Double(), nullable=True),
        sa.Column("frame_ms", sa.Double(), nullable=True),
        sa.Column("began_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("instructions_ms", sa.Double(), nullable=True),
        sa.Column("practice_rounds", INTEGER, nullable=False),
        sa.Column("width", INTEGER, nullable=True),
        sa.Column("height", INTEGER, nullable=True),
        sa.Column("device", sa.String(length=10), nullable=False),
        sa.Column("browser", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_summaries_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_summaries")),
    )


def downgrade() -> None:
    op.drop_table("summaries")
    op.drop_table("batches")
    op.drop_column("participants", "batch_id")
