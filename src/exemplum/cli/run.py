"""`exemplum run`."""

from exemplum import pipeline
from exemplum.cli.arguments import Force, Ray, StudyFolder
from exemplum.study import Study


def run(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Do every stage whose inputs have changed: index, explanations, design, responses, analysis, report. Resumes."""
    opened = Study.open(study, ray)
    pipeline.run(opened, force=force)
    pipeline.point_to_report(opened)
