"""`exemplum analyze`."""

from exemplum.cli.arguments import DatabaseUrl, Force, StudyFolder, Unblind, run_stage
from exemplum.cli.looking import open_study


def analyze(study: StudyFolder, force: Force = False, unblind: Unblind = None, database: DatabaseUrl = "") -> None:
    """Turn answers into estimates and comparisons, as tables."""
    run_stage(open_study(study, unblind=unblind, database=database), "analysis", force)
