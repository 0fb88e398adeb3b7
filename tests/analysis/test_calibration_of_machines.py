"""α of a machine's evidence against statsmodels, and the file that carries it to other studies."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from statsmodels.stats.sandwich_covariance import cov_cluster

from exemplum.analysis.machines import calibration
from exemplum.analysis.machines.calibration import calibrate, fit
from exemplum.errors import UserError
from exemplum.responses import Calibration, read_calibration, read_encoders, write_calibrations, write_encoders

from .predicted_study import ALPHA, study


@dataclass(frozen=True)
class Encoder:
    name: str = "similarity"
    fingerprint: str = "5d41"
    metric: str = "cosine"


def crossed(people: int = 14, units: int = 25, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    who, what = (index.ravel() for index in np.indices((people, units)))
    evidence = 0.4 + 0.5 * rng.standard_normal(len(who)) + 0.3 * rng.standard_normal(units)[what]
    odds = 2 * evidence + rng.standard_normal(people)[who] + rng.standard_normal(units)[what]
    return evidence, (rng.random(len(who)) < expit(odds)).astype(float), who, what


def test_alpha_is_that_of_statsmodels() -> None:
    evidence, right, who, what = crossed()
    model = sm.Logit(right, evidence[:, None]).fit(disp=0)
    found = fit(evidence, right, who, what)
    assert found.alpha == pytest.approx(model.params[0])
    assert found.loglik == pytest.approx(model.llf)


def test_standard_error_is_that_of_clustering_by_people_and_units() -> None:
    """statsmodels' of each grouping alone; what both hold is subtracted once (Cameron, Gelbach & Miller 2011)."""
    evidence, right, who, what = crossed()
    model = sm.Logit(right, evidence[:, None]).fit(disp=0)
    parts = [float(cov_cluster(model, codes, use_correction=False)[0, 0]) * n / (n - 1)
             for codes, n in ((who, 14), (what, 25))]  # fmt: skip
    alone = float(cov_cluster(model, np.arange(len(who)), use_correction=False)[0, 0])
    assert fit(evidence, right, who, what).std_error ** 2 == pytest.approx(sum(parts) - alone, rel=0.1)


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_alpha_has_the_unit_of_the_evidence(scale: float) -> None:
    evidence, right, who, what = crossed()
    plain, other = fit(evidence, right, who, what), fit(scale * evidence, right, who, what)
    assert other.alpha * scale == pytest.approx(plain.alpha)
    assert np.array(other.interval()) * scale == pytest.approx(np.array(plain.interval()))


def test_which_query_is_called_the_right_one_does_not_matter() -> None:
    evidence, right, who, what = crossed()
    turned = np.random.default_rng(0).random(len(who)) < 0.5
    other = fit(np.where(turned, -evidence, evidence), np.where(turned, 1 - right, right), who, what)
    assert other.alpha == pytest.approx(fit(evidence, right, who, what).alpha)
    assert other.std_error == pytest.approx(fit(evidence, right, who, what).std_error, rel=1e-6)


def test_undefined_alphas_say_why() -> None:
    evidence, right, who, what = crossed()
    assert fit(0 * evidence, right, who, what).note == calibration.CONSTANT
    assert fit(np.abs(evidence), np.ones(len(who)), who, what).note == calibration.SEPARATED
    alone = fit(evidence, right, 0 * who, what)
    assert alone.note == calibration.FEW
    assert np.isnan([alone.std_error, *alone.interval()]).all()
    assert np.isfinite(alone.alpha)


def test_people_who_answer_by_the_evidence_are_recovered() -> None:
    made = study(people=30, units=40)
    rows, kept = calibrate(
        made.responses, made.machines.evidence, {"similarity": {"fingerprint": "5d41", "metric": "cosine"}}
    )
    alphas = rows[rows["term"] == "evidence"].set_index("group")
    assert alphas.loc["similarity", "low"] < ALPHA < alphas.loc["similarity", "high"]
    assert alphas.loc["luminance", "high"] < ALPHA  # noise in the evidence makes it worth less
    fits = rows[rows["term"] == "log_likelihood"].set_index("group")["estimate"]
    assert fits["similarity"] > fits["luminance"]
    assert set(rows["term"]) == {"evidence", "evidence|natural", "evidence|synthetic", "log_likelihood", "aic"}
    assert {made.observer: made.fingerprint for made in kept} == {"similarity": "5d41", "luminance": ""}


def made(**other) -> Calibration:
    given = {
        "observer": "similarity", "alpha": 3.1, "low": 2.4, "high": 3.8, "std_error": 0.34, "fingerprint": "5d41",
        "metric": "cosine", "experiment": "quick", "n_trials": 640, "n_participants": 20, "n_units": 32,
    }  # fmt: skip
    return Calibration(**(given | other))


def test_a_calibration_comes_back_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "calibration.json"
    write_calibrations(path, [made(), made(observer="hue"), made(n_trials=20, alpha=9.0)])
    assert read_calibration(path, Encoder()) == made()  # of two experiments that with more trials
    assert json.loads(path.read_text())["format"] == 1
    write_calibrations(path, [])
    assert not path.exists()
    write_calibrations(path, [])


@pytest.mark.parametrize(
    ("encoder", "text", "message"),
    [
        (Encoder("similaritty"), None, "no calibration of the observer 'similaritty'; did you mean similarity"),
        (Encoder(fingerprint="77"), None, "another encoder"),
        (Encoder(metric="euclidean"), None, "another encoder"),
        (Encoder(), "{}", "is not a calibration"),
        (Encoder(), '{"format": 2, "observers": {}}', "another format"),
        (Encoder(), "no JSON", "is not a calibration"),
        (Encoder(), '{"format": 1, "observers": {"similarity": {"alpha": 1}}}', "is not a calibration"),
        (Encoder(), "", "does not exist"),
    ],
)
def test_calibrations_that_do_not_fit_are_refused(tmp_path, encoder, text, message) -> None:
    path = tmp_path / "calibration.json"
    write_calibrations(path, [made()])
    if text is not None:
        path.write_text(text) if text else path.unlink()
    with pytest.raises(UserError, match=message) as raised:
        read_calibration(path, encoder)
    assert "\n" not in str(raised.value)


def test_encoders_of_observers_are_noted_beside_their_evidence(tmp_path) -> None:
    assert read_encoders(tmp_path) == {}
    write_encoders(tmp_path, [Encoder()])
    assert read_encoders(tmp_path) == {"similarity": {"fingerprint": "5d41", "metric": "cosine"}}
