"""What a session has sent: characters that were replaced, and how many events, for its quota.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = ("replaced", "event_rows", "event_bytes")
FILL = """
    UPDATE sessions SET
        event_rows = (SELECT count(*) FROM events WHERE events.session_id = sessions.id),
        event_bytes = (SELECT coalesce(sum(length(CAST(data AS TEXT))), 0) FROM events WHERE session_id = sessions.id)
"""


def upgrade() -> None:
    for name in COUNTS:
        op.add_column("sessions", sa.Column(name, INTEGER, nullable=False, server_default="0"))
    op.execute(FILL)


def downgrade() -> None:
    for name in COUNTS:
        op.drop_column("sessions", name)
