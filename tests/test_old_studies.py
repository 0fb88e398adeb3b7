"""A study of exemplum 0.1.0 opens, reports and serves. Asked by commands and HTTP alone: inside, all may be other now.

Oracle: what 0.1.0 itself left in the folder. Where several of these fail at once, something that a fingerprint rests on
has changed: a default or a key of study.toml, a VERSION of a stage, the files that draw the embedded images.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from server.walk import Walker
from studies.commands import ended, exemplum, served, started
from studies.demo import REASON, UNDER_WAY, UNDER_WAY_ANSWERS, demo_study

STAGES = ("index", "explanations", "design", "responses")
# The analysis has another VERSION since verdicts are about new units and machines are one observer: it is made again.
STATISTICS = ("analysis", "report")
MADE = ("index/*", "explanations/**/*", "design/*", "responses/**/*", "analysis/*", "report/**/*")
Running = tuple[Path, Callable[[], str]]  # a study's folder, and what the command that is at work on it says at its end


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """The study as it was left."""
    return demo_study(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module", autouse=True)
def ran_again(tmp_path_factory) -> Iterator[Running]:
    """`exemplum run` on a copy. It works while the first test does: commands take seconds to begin."""
    folder = demo_study(tmp_path_factory.mktemp("again"))
    with started("run", folder, "--unblind", REASON) as process:
        yield folder, cache(lambda: ended(process))


@pytest.fixture(scope="module", autouse=True)
def new_version(old, tmp_path_factory) -> Iterator[Running]:
    """A new version of it, up to the machines' answers."""
    folder = tmp_path_factory.mktemp("new") / "next"
    exemplum("new", folder, "--from", old)
    with started("observe", folder) as process:
        yield folder, cache(lambda: ended(process))


def same(one: Path, other: Path) -> None:
    """Two tables are the same, to the last bit."""
    pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other), check_exact=True)


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything that stages have made, with size and time."""
    found = {path for pattern in MADE for path in folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def test_people_go_on_and_come_and_the_report_shows_them(old, tmp_path):
    folder = demo_study(tmp_path)
    with served(folder) as http:
        goes_on, new = Walker(http), Walker(http)
        goes_on.key = UNDER_WAY
        for person in (goes_on, new):
            assert person.start().status_code == 201
        total = goes_on.state()["progress"]["total"]
        assert goes_on.state()["progress"]["answered"] == UNDER_WAY_ANSWERS
        for person in (goes_on, new):
            assert person.walk()["kind"] == "finished"
        assert (len(goes_on.given), len(new.given)) == (total - UNDER_WAY_ANSWERS, total)
    before, people = (pd.read_parquet(at / "responses/people.parquet") for at in (old, folder))
    known = people[people["participant"].isin(["P0001", "P0002"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, before)
    assert people.groupby("participant").size().to_dict() == dict.fromkeys(["P0001", "P0002", "P0003", "P0004"], total)

    made = files(folder)
    said = exemplum("report", folder, "--unblind", REASON)
    assert "responses: up to date" in said
    assert "index, explanations, design: kept, as people saw them" in said
    changed = {name.partition("/")[0] for name, at in files(folder).items() if made.get(name) != at}
    assert changed == {"analysis", "report"}
    assert "participants (4)" in said
    machines, again = (estimates_of_machines(at) for at in (old, folder))
    assert len(machines) > 100
    # other machines' libraries may round the last bits otherwise: tools/compare_studies.py is for one machine
    pd.testing.assert_series_equal(machines, again, rtol=1e-9)
    for name in ("accuracy_by_condition", "intuitiveness"):
        assert (folder / "report" / "figures" / f"{name}.svg").stat().st_size > 1000


def estimates_of_machines(folder: Path) -> pd.Series:
    """Shares of right answers in each session. Over sessions they have changed: a stimulus counts once."""
    found = pd.read_parquet(folder / "analysis" / "estimates.parquet")
    ours = (found["observer"] != "participants") & (found["measure"] == "accuracy") & (found["aggregate"] == "pooled")
    ours &= (found["by"] == "participant") & (found["interval"] == "wilson")
    keys = ["observer", "condition", "trial_kind", "by", "group"]
    return found[ours].set_index(keys)["estimate"].sort_index()


def test_all_but_the_statistics_is_up_to_date_and_not_made_again(old, ran_again):
    folder, said = ran_again
    for stage in STAGES:
        assert f"{stage}: up to date" in said(), said()
    for stage in STATISTICS:
        assert f"{stage}: up to date" not in said(), said()
    made = [
        {name: at for name, at in files(study).items() if not name.startswith(STATISTICS)} for study in (old, folder)
    ]
    assert len(made[0]) > 250
    assert made[0] == made[1]


def test_a_new_version_has_its_pictures_and_the_same_design(old, new_version):
    """Of the same seed: design and machines' answers are made anew here, and are what 0.1.0 made."""
    folder, said = new_version
    for stage in ("index", "explanations"):
        assert f"{stage}: up to date" in said(), said()
    for table in ("design/trials.parquet", "design/blocks.parquet", "responses/machines.parquet"):
        same(old / table, folder / table)
    assert (old / "design/design.json").read_text() == (folder / "design/design.json").read_text()
