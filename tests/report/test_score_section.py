"""The report tells the scores of the network, if they are of the study's present settings and index."""

import math

import pandas as pd
import pytest

from exemplum import scores
from exemplum.report import stage
from exemplum.scores import stored, summary
from exemplum.study import Study
from exemplum.tables import SCORE_DIFFERENCES, SCORE_SUMMARIES, SCORES


def table() -> pd.DataFrame:
    """Four units, at .95 and .75 by similarity; colour is at chance; shuffled images at .5."""
    means = {("similarity", "extreme", ""): 0.95, ("similarity", "0.85", ""): 0.75, ("colour", "extreme", ""): 0.5,
             ("similarity", "extreme", "shuffled"): 0.5, ("similarity", "0.85", "shuffled"): 0.5}  # fmt: skip
    return SCORES.frame(pd.DataFrame([
        {"unit": f"mixed3a:{k}", "layer": "mixed3a", "method": "natural", "references": 9, "difficulty": difficulty,
         "observer": observer, "null": null, "accuracy": mean + (0.05 if k % 2 else -0.05), "score": mean,
         "score_sd": 0.2, "evidence": 0.1, "predicted": math.nan, "n_tasks": 20, "low": 0.0, "high": 1.0}
        for (observer, difficulty, null), mean in means.items() for k in range(4)
    ]))  # fmt: skip


@pytest.fixture
def scored(finished_stimuli):
    """A study whose network was scored."""
    folder = finished_stimuli.stage(scores.FOLDER)
    SCORE_SUMMARIES.write(folder / "summaries.parquet", summary.summaries(table()))
    SCORE_DIFFERENCES.write(folder / "differences.parquet", summary.differences(table(), "natural"))
    (folder / scores.PAGE).write_text("<p>the network page</p>", encoding="utf-8")
    stored.note(finished_stimuli, ("explanations",))
    finished_stimuli.finish("scores", "scores-fingerprint", 1.0, {})
    return finished_stimuli


def told(study, parse) -> str:
    stage.run(study)
    return parse(study.folder / "report/index.html").text.get("scores", "").replace("\u00a0", " ")


@pytest.mark.slow  # a page more
def test_a_study_without_scores_has_no_such_section(finished_stimuli, parse):
    assert told(finished_stimuli, parse) == ""
    assert not (finished_stimuli.folder / "report/tables/score_summaries.csv").exists()


def test_the_first_observer_is_told_with_its_nulls_and_intervals(scored, parse):
    text = " ".join(told(scored, parse).split())
    low, high = summary.interval(pd.Series([0.9, 1.0, 0.9, 1.0]).to_numpy(), pd.Series([20] * 4).to_numpy())
    assert f"natural 95.0 % {100 * low:.1f} to {100 * high:.1f} %".replace(" ", "") in text.replace(" ", "")
    assert "75.0 %" in text
    assert "shuffled images" in text
    assert "colour" not in text
    assert "shuffled: +0.450" in text
    page = parse(scored.folder / "report/index.html")
    links = [link["href"] for link in page.all("a") if "scores" in link["href"]]
    assert "../scores/index.html" in links
    assert (scored.folder / "report" / "../scores/index.html").exists()
    exported = pd.read_csv(scored.folder / "report/tables/score_summaries.csv")
    assert len(exported) == 10


def test_scores_make_the_report_stale_and_are_not_told_once_they_are_stale(scored, parse):
    before = stage.fingerprint(scored)
    toml = scored.folder / "study.toml"
    held = toml.read_text(encoding="utf-8")
    toml.write_text(held + "[scores]\ntasks = 7\n", encoding="utf-8")
    changed = Study.open(scored.folder)
    assert scores.current(changed)[0].empty
    toml.write_text(held, encoding="utf-8")
    assert stage.fingerprint(scored) == before
    scored.finish("scores", "another fingerprint", 1.0, {})
    assert stage.fingerprint(scored) != before
    assert not scores.current(scored)[0].empty
    stage.run(scored)
    exported = scored.folder / "report/tables/score_summaries.csv"
    assert exported.exists()
    scored.finish("explanations", "other explanations", 1.0, {})
    assert told(scored, parse) == ""
    assert not exported.exists()
    assert scores.page_of(scored) is None


def test_scores_that_are_being_written_are_not_told(scored):
    assert scores.made(scored)
    scored.begin_writing("scores")
    assert not scores.made(scored)
    assert scores.current(scored)[0].empty
