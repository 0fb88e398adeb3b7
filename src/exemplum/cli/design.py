"""`exemplum design`."""

from exemplum.cli.arguments import Force, StudyFolder, run_until


def design(study: StudyFolder, force: Force = False) -> None:
    """Lay out every trial of every session from the study's seed, and check the design's invariants."""
    run_until(study, "design", force)
