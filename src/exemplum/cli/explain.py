"""`exemplum explain`."""

from exemplum.cli.arguments import Force, Ray, StudyFolder, run_until


def explain(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Choose the study's units and make their pictures by every explanation method. Resumes."""
    run_until(study, "explanations", force, ray)
