"""The study chooses the baseline: verdicts are against it, and it is the first of every pair."""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis import AnalysisSection, simulate, stage, verdict
from exemplum.analysis.estimates import cells
from exemplum.analysis.simulate import Spread
from exemplum.errors import UserError
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import COMPARISONS, RESPONSES, VERDICTS

TOML = """[analysis]
bootstrap = 20
[explanations]
methods = ["natural", "synthetic", "random"]
"""


@pytest.fixture(scope="module")
def responses() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    levels = {"natural": 2.0, "synthetic": 1.0, "random": 0.0, "none": 0.0}
    answers = simulate.logistic(simulate.trials(8, 12, list(levels), rng), levels, Spread(0.2, 0.4, 0.2, 0.2), rng)
    return answers.assign(layer="mixed4a", rt_ms=np.nan)


def test_every_other_method_is_judged_against_it(responses) -> None:
    found = verdict.verdicts(responses, AnalysisSection(), "random")
    assert set(found["method"]) == {"natural", "synthetic"}
    assert set(found["baseline"]) == {"random"}
    assert (found["difference"] > 0).all()
    assert found["sentence"].str.contains("than random").all()
    turned = verdict.verdicts(responses, AnalysisSection())
    one = turned[(turned["role"] == "primary") & (turned["method"] == "random")].iloc[0]
    other = found[(found["role"] == "primary") & (found["method"] == "natural")].iloc[0]
    assert one["difference"] == pytest.approx(-other["difference"])
    assert one["p"] == pytest.approx(other["p"])


def test_it_comes_first() -> None:
    names = ["none", "b", "synthetic", "natural", "a"]
    assert cells.order(names) == ["natural", "synthetic", "a", "b", "none"]
    assert cells.order(names, "b") == ["b", "natural", "synthetic", "a", "none"]


def test_a_study_says_which(tmp_path, responses) -> None:
    study = run(tmp_path, TOML + 'baseline = "random"\n', responses)
    assert set(VERDICTS.read(study.stage("analysis") / "verdicts.parquet")["baseline"]) == {"random"}
    compared = COMPARISONS.read(study.stage("analysis") / "comparisons.parquet")
    pairs = compared[compared["test"].isin(["paired_t", "glmm", "lmm", "gee"])]
    assert set(pairs.loc[(pairs["a"] == "random") | (pairs["b"] == "random"), "a"]) == {"random"}
    before = stage.fingerprint(study)
    (tmp_path / "study.toml").write_text(TOML)
    assert stage.fingerprint(Study.open(tmp_path)) != before


def test_without_its_answers_there_is_no_verdict(tmp_path, responses) -> None:
    study = run(tmp_path, TOML, responses[responses["condition"].isin(["synthetic", "none"])])
    assert VERDICTS.read(study.stage("analysis") / "verdicts.parquet").empty


def test_a_difficulty_that_no_trial_has_is_refused(tmp_path, responses) -> None:
    several = responses.assign(difficulty=np.where(responses["channel"] % 2, "extreme", "0.95"))
    with pytest.raises(UserError, match=r"\[analysis\] difficulty: must be all or one of the study's difficulties: "
                                        r"extreme, 0.95 \(got '0.9'\)"):  # fmt: skip
        run(tmp_path, "[analysis]\nbootstrap = 20\ndifficulty = 0.9\n", several)


def run(folder, toml: str, responses: pd.DataFrame) -> Study:
    (folder / "study.toml").write_text(toml)
    RESPONSES.write(folder / "responses" / "participants.parquet", responses)
    study = Study.open(folder)
    blinding.write_status(study, blinding.Status("0" * 32, "closed", 1, len(responses), 8, "", ""))
    stage.run(study)
    return study
