"""The evidence of observers of pictures, built-in and of the user's, in a study whose pictures tell their pole."""

import numpy as np
import pandas as pd
import pytest

from exemplum import design, observers
from exemplum.observers import ObserverError, stage
from exemplum.responses import read_all
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import EVIDENCE, RESPONSES

OWN = """import numpy as np

class Reds:
    name, metric = "reds", "euclidean"
    def __init__(self, study): ...
    def encode(self, pictures):
        return np.array([[picture[..., 0].mean()] for picture in pictures])

class Brighter:
    name = "brighter"
    def __init__(self, study):
        self.study = study
    def evidence(self, trial):
        from exemplum import store
        queries = (store.read_png(self.study.folder / trial.queries[side]) for side in ("top", "bottom"))
        top, bottom = (picture[..., 0].mean() for picture in queries)
        return top - bottom
    def respond(self, trial, rng):
        from exemplum.records import Response
        return Response(trial.trial_id, self.name, "top" if self.evidence(trial) > 0 else "bottom", 3)
"""


@pytest.fixture
def drawn(drawn) -> Study:
    (drawn.folder / "own.py").write_text(OWN, encoding="utf-8")
    return drawn


def run(study: Study, *names: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    text = f"seed = 4\n[design]\nparticipants = 3\n[observers]\nrun = {list(names)}\n".replace("'", '"')
    (study.folder / "study.toml").write_text(text, encoding="utf-8")
    stage.run(Study.open(study.folder))
    return RESPONSES.read(study.stage("responses") / "machines.parquet"), EVIDENCE.read(
        study.folder / EVIDENCE.files[0]
    )


def test_evidence_is_for_the_right_query_of_every_trial_with_references(drawn):
    answers, evidence = run(drawn, "mean_colour", "chance")
    assert set(evidence["observer"]) == {"mean_colour"}
    own = answers[answers["observer"] == "mean_colour"]
    found = own.merge(evidence, on=["observer", "trial_id"], how="left")
    assert (found["evidence"].isna() == (found["condition"] == "none")).all()
    graded = found.dropna(subset=["evidence"])
    assert ((graded["evidence"] > 0) == graded["correct"])[graded["evidence"] != 0].all()
    assert 0.6 < graded["correct"].mean() < 1  # else the line above says little
    # a repeated trial shows the same images, perhaps turned round
    first = graded.set_index(["participant", "trial_id"])["evidence"]
    repeated = graded[graded["repeats"] != ""]
    assert len(repeated) == 3 * 12
    again = first.loc[list(zip(repeated["participant"], repeated["repeats"], strict=True))]
    np.testing.assert_array_equal(repeated["evidence"], again)


def test_the_table_of_evidence_is_not_read_as_answers(drawn):
    answers, _ = run(drawn, "mean_colour")
    assert len(read_all(drawn.stage("responses")).responses) == len(answers)
    assert not blinding.has_people(drawn)


def test_an_encoder_of_ones_own_is_an_observer(drawn):
    """Red is all that differs, so a user's mean of red answers as the luminance does, which grows with it."""
    answers, evidence = run(drawn, "own:Reds", "luminance")
    reds, luminance = (answers[answers["observer"] == name].reset_index(drop=True) for name in ("reds", "luminance"))
    with_references = reds["condition"] != "none"
    assert (reds["choice"] == luminance["choice"])[with_references].mean() > 0.95
    assert (evidence["observer"] == "reds").sum() == with_references.sum()
    made = observers.encoders(Study.open(drawn.folder), ["own:Reds", "luminance"])
    assert [encoder.name for encoder in made] == ["reds", "luminance"]
    np.testing.assert_array_equal(made[0].encode([np.full((4, 4, 3), 7, np.uint8)]), [[7]])
    assert (drawn.stage("responses") / "vectors" / "reds.npz").exists()


def test_an_observer_of_ones_own_may_grade_its_evidence(drawn):
    answers, evidence = run(drawn, "own:Brighter")
    found = answers.merge(evidence, on=["observer", "trial_id"])
    assert len(found) == len(answers)
    assert ((found["evidence"] > 0) == found["correct"])[found["evidence"] != 0].all()


@pytest.mark.parametrize(("old", "new", "said"), [
    ('"euclidean"', '"manhattan"', "observer own:Reds has the metric 'manhattan'; it must be cosine or euclidean"),
    ("[[picture[..., 0].mean()] for", "[picture[..., 0].mean() for",
     r"encode of observer own:Reds returned float64 of shape \(\d+,\); it must return an array \(pictures, d\)"),
    (".mean()] for picture in pictures]", ".mean()] for picture in list(pictures)[1:]]",
     r"encode of observer reds returned shape \(\d+, 1\) for \d+ pictures"),
    ("[[picture", "[1 / 0, [picture", r"encode of observer own:Reds failed: ZeroDivisionError: .*own\.py, line 7\)"),
])  # fmt: skip
def test_faults_of_an_encoder_of_ones_own_are_told_in_one_line(drawn, old, new, said):
    (drawn.folder / "own.py").write_text(OWN.replace(old, new, 1).replace("[1 / 0,", "1 / 0 or ["), encoding="utf-8")
    with pytest.raises(ObserverError, match=said) as caught:
        run(drawn, "own:Reds")
    assert "\n" not in str(caught.value)


def test_evidence_that_is_no_number_is_told(drawn):
    (drawn.folder / "own.py").write_text(OWN.replace("return top - bottom", "return 'top'"), encoding="utf-8")
    with pytest.raises(ObserverError, match=r"observer own:Brighter, on p01-.*: evidence is 'top'; it must be a"):
        observers.load("own:Brighter", drawn).evidence(design.load(drawn).trials[0])


def test_an_observer_of_trials_alone_has_no_encoder(study):
    with pytest.raises(ObserverError, match="observer chance answers trials alone, and cannot compare other pictures"):
        observers.encoders(study, ["mean_colour", "chance"])
