"""How large the images of a trial were shown.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SIZES = ("query_px", "reference_px", "pixel_ratio")


def upgrade() -> None:
    for name in SIZES:
        op.add_column("answers", sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    for name in SIZES:
        op.drop_column("answers", name)
