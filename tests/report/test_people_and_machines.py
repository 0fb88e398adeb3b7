"""The page of a study of people and machines, however few its units."""

import pytest

from exemplum import tables
from exemplum.analysis.machines.predictions import Machines, predictions
from exemplum.report import stage
from exemplum.responses import read
from exemplum.study import blinding
from exemplum.study.folder import Study


@pytest.fixture(scope="module")
def judged(tmp_path_factory, finish) -> Study:
    study = finish(tmp_path_factory.mktemp("judged") / "study")
    found = predictions(read(study.stage("responses")), Machines(), seed=1, resamples=50)
    tables.PEOPLE_AND_MACHINES.write(study.stage("analysis") / "people_and_machines.parquet", found.people_and_machines)
    before = tables.ESTIMATES.read(study.stage("analysis") / "estimates.parquet")
    tables.ESTIMATES.write(
        study.stage("analysis") / "estimates.parquet", tables.ESTIMATES.concat([before, found.estimates])
    )
    return study


def test_the_page_has_the_section_and_the_table(judged, parse) -> None:
    summary = stage.run(judged)
    page = parse(judged.folder / "report/index.html")
    assert "#machines" in page.values("href")
    assert "No machine predicts people" in page.text["machines"]  # of three units
    assert (judged.folder / "report/tables/people_and_machines.csv").exists()
    assert summary["figures"] == len([figure for figure in page.all("figure") if figure.get("class") == "plot"])


def test_while_the_study_recruits_the_report_does_not_read_it(judged) -> None:
    status = blinding.read_status(judged)
    assert len(stage.read(judged).people_and_machines)
    blinding.write_status(judged, blinding.Status(status.id, "open", None, 36, 4, "design", "experiment.sqlite"))
    assert stage.read(Study.open(judged.folder)).people_and_machines.empty
