"""`exemplum observe`."""

from exemplum.cli.arguments import Force, StudyFolder, run_until


def observe(study: StudyFolder, force: Force = False) -> None:
    """Have machine observers answer every trial of the design."""
    run_until(study, "responses", force)
