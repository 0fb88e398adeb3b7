"""`exemplum index`."""

from exemplum.cli.arguments import Force, Ray, StudyFolder, run_until


def index(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Measure every unit for every image: its highest and lowest images, mean, quantiles. Resumes."""
    run_until(study, "index", force, ray)
