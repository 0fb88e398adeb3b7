"""`exemplum report`."""

from exemplum.cli.arguments import DatabaseUrl, Force, StudyFolder, Unblind, run_stage
from exemplum.cli.looking import open_study


def report(study: StudyFolder, force: Force = False, unblind: Unblind = None, database: DatabaseUrl = "") -> None:
    """Write the report: one HTML file with figures, and the tables beside it."""
    run_stage(open_study(study, unblind=unblind, database=database), "report", force)
