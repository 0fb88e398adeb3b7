"""What a whole run ends with: the verdicts, where the report is, and what to do next."""

from __future__ import annotations

from exemplum import checks, scores
from exemplum.errors import command
from exemplum.runtime import console, output, styled
from exemplum.study import Study, pipeline


def tell(study: Study) -> None:
    """Print the primary verdicts of a study that was run, as its report states them, and the next command."""
    from exemplum.report import declared_verdicts  # late: it imports pandas and matplotlib

    verdicts = study.tables.verdicts
    for verdict in declared_verdicts(verdicts[verdicts["role"] == "primary"]):
        output.print(styled((f"Verdict by {verdict.observer}: ", "bold"), verdict.text))
    point_to_network_page(study)
    pipeline.point_to_report(study)
    if not checks.made(study):
        console.print(f"next, whether the trials are valid: {command('check', study.folder)}", soft_wrap=True)


def point_to_network_page(study: Study) -> None:
    """Print where the page of the scores of all units is, if there are scores and they are up to date."""
    if page := scores.page_of(study):
        console.print(f"network page: {page}; a page per unit: {command('gallery', study.folder)}", soft_wrap=True)
