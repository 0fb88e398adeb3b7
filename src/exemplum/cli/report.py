"""`exemplum report`."""

from exemplum import pipeline
from exemplum.cli.arguments import DatabaseUrl, Force, StudyFolder, Unblind, run_stage
from exemplum.cli.looking import open_study
from exemplum.study import Study


def report(study: StudyFolder, force: Force = False, unblind: Unblind = None, database: DatabaseUrl = "") -> None:
    """Write the report: one HTML file with figures, and the tables beside it."""
    opened = open_study(study, unblind=unblind, database=database, before=_refuse)
    run_stage(opened, "report", force)


def _refuse(study: Study) -> None:
    pipeline.refuse(study, ["report"])
