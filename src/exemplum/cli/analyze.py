"""`exemplum analyze`."""

from exemplum.cli.arguments import Force, StudyFolder, run_until


def analyze(study: StudyFolder, force: Force = False) -> None:
    """Turn answers into estimates and comparisons, as tables."""
    run_until(study, "analysis", force)
