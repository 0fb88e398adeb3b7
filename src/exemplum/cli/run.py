"""`exemplum run`."""

from exemplum import pipeline
from exemplum.cli.arguments import DatabaseUrl, Force, Ray, StudyFolder, Unblind
from exemplum.cli.looking import open_study


def run(
    study: StudyFolder, force: Force = False, ray: Ray = None, unblind: Unblind = None, database: DatabaseUrl = ""
) -> None:
    """Do every stage whose inputs have changed: index, explanations, design, responses, analysis, report. Resumes."""
    opened = open_study(study, ray, unblind, database, before=lambda study: pipeline.refuse(study, force=force))
    pipeline.run(opened, force=force)
    pipeline.point_to_report(opened)
