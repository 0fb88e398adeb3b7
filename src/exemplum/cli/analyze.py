"""`exemplum analyze`."""

from exemplum import pipeline
from exemplum.cli.arguments import DatabaseUrl, Force, StudyFolder, Unblind, run_stage
from exemplum.cli.looking import open_study
from exemplum.study import Study


def analyze(study: StudyFolder, force: Force = False, unblind: Unblind = None, database: DatabaseUrl = "") -> None:
    """Turn answers into estimates and comparisons, as tables."""
    opened = open_study(study, unblind=unblind, database=database, before=_refuse)
    run_stage(opened, "analysis", force)


def _refuse(study: Study) -> None:
    pipeline.refuse(study, ["analysis"])
