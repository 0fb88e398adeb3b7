"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "studies",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("recruitment", sa.String(length=10), nullable=False),
        sa.Column("unblinded_at", INTEGER, nullable=True),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("name", name=op.f("uq_studies_name")),
    )
    op.create_table(
        "audit",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("study_id", INTEGER, nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_audit_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "participants",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("study_id", INTEGER, nullable=False),
        sa.Column("external_id", sa.String(length=250), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("group", sa.String(length=40), nullable=False),
        sa.Column("pilot", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", INTEGER, nullable=True),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_participants_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participants")),
        sa.UniqueConstraint(
            "study_id", "external_id", "pilot", name=op.f("uq_participants_study_id_external_id_pilot")
        ),
    )
    op.create_table(
        "study_versions",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("study_id", INTEGER, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("design_hash", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_versions_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_versions")),
        sa.UniqueConstraint("study_id", "hash", name=op.f("uq_study_versions_study_id_hash")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("participant_id", INTEGER, nullable=False),
        sa.Column("version_id", INTEGER, nullable=False),
        sa.Column("start_key", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("token_version", INTEGER, nullable=False),
        sa.Column("resume_hash", sa.String(length=64), nullable=False),
        sa.Column("image_ref", sa.String(length=22), nullable=False),
        sa.Column("seed", INTEGER, nullable=False),
        sa.Column("slot", INTEGER, nullable=True),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=400), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("step", INTEGER, nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("answered", INTEGER, nullable=False),
        sa.Column("total", INTEGER, nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("client", sa.JSON(), nullable=False),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.Column("assigned_at", INTEGER, nullable=True),
        sa.Column("seen_at", INTEGER, nullable=False),
        sa.Column("finished_at", INTEGER, nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.id"], name=op.f("fk_sessions_participant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["study_versions.id"], name=op.f("fk_sessions_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("image_ref", name=op.f("uq_sessions_image_ref")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_sessions_participant_id")),
        sa.UniqueConstraint("start_key", name=op.f("uq_sessions_start_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index("ix_sessions_version_slot", "sessions", ["version_id", "slot"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("session_id", INTEGER, nullable=False),
        sa.Column("page", sa.String(length=80), nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("trial", sa.String(length=22), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("received_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_events_session_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("session_id", "page", "seq", name=op.f("uq_events_session_id_page_seq")),
    )
    op.create_table(
        "steps",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("session_id", INTEGER, nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("shown_at", sa.Double(), nullable=False),
        sa.Column("ms", sa.Double(), nullable=False),
        sa.Column("visible_ms", sa.Double(), nullable=False),
        sa.Column("received_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_steps_session_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steps")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_steps_session_id_position")),
    )
    op.create_table(
        "trials",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("session_id", INTEGER, nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("step", INTEGER, nullable=False),
        sa.Column("last", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(length=22), nullable=False),
        sa.Column("trial_id", sa.String(length=60), nullable=False),
        sa.Column("round", INTEGER, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("condition", sa.String(length=250), nullable=False),
        sa.Column("max_side", sa.String(length=6), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("pictures", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_trials_session_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("session_id", "key", name=op.f("uq_trials_session_id_key")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_trials_session_id_position")),
    )
    op.create_table(
        "answers",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("session_id", INTEGER, nullable=False),
        sa.Column("trial_id", INTEGER, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("choice", sa.String(length=6), nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.Column("confidence", INTEGER, nullable=False),
        sa.Column("rt_ms", sa.Double(), nullable=False),
        sa.Column("shown_at", sa.Double(), nullable=False),
        sa.Column("frame_ms", sa.Double(), nullable=False),
        sa.Column("frames_late", INTEGER, nullable=False),
        sa.Column("hidden_ms", sa.Double(), nullable=False),
        sa.Column("blurs", INTEGER, nullable=False),
        sa.Column("input", sa.String(length=12), nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("received_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_answers_session_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_answers_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sa.UniqueConstraint("trial_id", name=op.f("uq_answers_trial_id")),
    )
    op.create_index(op.f("ix_answers_session_id"), "answers", ["session_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_answers_session_id"), "answers")
    op.drop_table("answers")
    op.drop_table("trials")
    op.drop_table("steps")
    op.drop_table("events")
    op.drop_index("ix_sessions_version_slot", "sessions")
    op.drop_table("sessions")
    op.drop_table("study_versions")
    op.drop_table("participants")
    op.drop_table("audit")
    op.drop_table("studies")
    op.drop_table("secrets")
