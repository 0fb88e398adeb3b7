"""The published sessions at full size: each answer in the tables is the one that was clicked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from design.made import stimuli, units
from exemplum import responses
from exemplum.server.storage.publication import publish
from server.browser.conftest import PACED, saved_study
from server.browser.person import Person

BOTH = '[server]\nintuitiveness = ["before", "after"]\n'
UNITS = {  # of the published studies
    "borowski2021-1": (units(), (9,)),
    "borowski2021-2": (units(20, 20, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g")), (1, 9)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "trials"), [("borowski2021-1", 186), ("borowski2021-2", 216)])
def test_every_answer_of_a_full_session_is_stored_as_it_was_clicked(host, context, tmp_path, protocol, trials):
    """All trials and ratings by mouse and slider, at random; only the feedback is shown for a fifth of its time."""
    of, references = UNITS[protocol]
    folder = tmp_path / "full"
    folder.mkdir()
    base = saved_study(folder, protocol, of, stimuli(of, references=references), participants=1)
    running = host(base=base, toml=BOTH)
    rng, given = np.random.default_rng(14), []

    def choose(trial):
        given.append((trial.trial_id, ("top", "bottom")[rng.integers(2)], int(rng.integers(1, 4))))
        return given[-1][1:]

    context.add_init_script(PACED)
    page = context.new_page()
    page.goto(running.url)
    person = Person(page, running.experiment, choose)
    person.rating = lambda: int(rng.choice([-1, 1]) * rng.integers(1, 9))
    person.session()
    page.locator(".code output").wait_for()
    publish(running.experiment)
    found = responses.read_all(running.folder / "responses")
    asked = found.responses.sort_values("trial")[["trial_id", "choice", "confidence"]]
    assert asked.to_numpy().tolist() == [list(answer) for answer in given]
    assert len(asked) == trials
    assert found.ratings["rating"].tolist() == person.rated
    assert found.ratings["phase"].tolist() == ["pre"] * 3 + ["post"] * 3
    right = pd.Series([side for _, side, _ in given], index=found.responses.index) == found.responses["max_side"]
    assert (found.responses["correct"] == right).all()
    assert (found.responses["reference_px"].notna() == (found.responses["condition"] != "none")).all()
    assert found.responses["query_px"].nunique() == 1
