"""`exemplum report`."""

from exemplum.cli.arguments import Force, StudyFolder, run_until


def report(study: StudyFolder, force: Force = False) -> None:
    """Write the report: one HTML file with figures, and the tables beside it."""
    run_until(study, "report", force)
