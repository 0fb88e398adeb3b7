"""Assignment: fair under haste, again after dropouts, by group, and apart for pilots."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update

from exemplum.server import Experiment, Settings
from exemplum.server.sessions import entry, steps
from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import Participant, SessionRow, TrialRow, now_ms
from server.conftest import stop
from server.walk import TIMES, Walker, usual

BEGUN = {"key": "", "params": {}, "participant": "", "language": "en", "client": {}, "token": ""}


def enter(experiment, number, **params):
    """Begin a session and do what comes before the schedule is made, by direct calls."""
    wish = entry.EntryRequest(**BEGUN | {"key": f"key-of-participant-{number}", "params": params})
    begun = experiment.database.writer.submit_sync(lambda orm: entry.begin(orm, experiment, wish))
    form = {"kind": "form", "fields": experiment.form_fields()}
    for step, data in (("s00", {"accepted": True}), ("s01", usual(form))):
        done = steps.StepResult(**TIMES, data=data)
        experiment.database.writer.submit_sync(
            lambda orm, step=step, done=done: steps.complete(orm, experiment, begun.token, step, done)
        )
    return begun


def places(experiment, **only):
    with experiment.database.read() as orm:
        chosen = select(SessionRow.slot).join(Participant, Participant.id == SessionRow.participant_id)
        for name, value in only.items():
            chosen = chosen.where(getattr(Participant, name) == value)
        return Counter(orm.scalars(chosen))


@contextmanager
def another(first, database):
    """A second server of the study, where there may be one: on PostgreSQL."""
    if not database:
        yield first
        return
    second = Experiment.open(Settings(first.study.folder, database=database))
    yield second
    second.close()


def test_places_fill_evenly_when_many_come_at_once(serve, database):
    first = serve().experiment
    with another(first, database) as second, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: enter((first, second)[n % 2], n), range(24)))
    assert places(first) == dict.fromkeys(range(1, 7), 4)


def test_an_external_id_twice_at_once_is_one_participant(serve, database):
    first = serve('[server]\nresume = "anywhere"\n').experiment

    def come(n, second):
        wish = entry.EntryRequest(**BEGUN | {"key": f"key-of-browser-{n:04d}", "params": {"PROLIFIC_PID": "p1"}})
        experiment = (first, second)[n % 2]
        try:
            return experiment.database.writer.submit_sync(lambda orm: entry.begin(orm, experiment, wish)).session_id
        except Exception as error:
            return getattr(error, "code", error)  # lost the race: the page sends it again

    with another(first, database) as second, ThreadPoolExecutor(8) as pool:
        came = set(pool.map(lambda n: come(n, second), range(8)))
    assert len(came - {"unavailable"}) == 1
    with first.database.read() as orm:
        assert len(orm.scalars(select(Participant)).all()) == 1


def test_each_place_has_its_own_order_and_batches(serve):
    experiment = serve().experiment
    for number in range(6):
        enter(experiment, number)
    sessions = experiment.design.sessions
    assert places(experiment) == dict.fromkeys(range(1, 7), 1)
    orders = Counter(
        tuple(block.condition for block in session.blocks if block.phase == "main") for session in sessions
    )
    assert set(orders.values()) == {3}  # natural first in half of the places


def test_a_dropouts_place_is_given_again_and_they_may_go_on(serve):
    client = serve("[server]\ndropout_minutes = 30\n", base={"participants": 2})
    experiment = client.experiment
    gone = enter(experiment, 1)
    enter(experiment, 2)
    long_ago = now_ms() - 31 * 60_000
    experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(SessionRow).where(SessionRow.id == gone.session_id).values(seen_at=long_ago))
    )
    enter(experiment, 3)
    assert places(experiment) == {1: 2, 2: 1}
    walker = Walker(client)
    walker.token = gone.token
    assert walker.walk()["outcome"] == "completed"


def test_groups_are_spread_over_the_places_each_by_itself(serve):
    experiment = serve('[server]\ngroups = "link"\n', base={"participants": 2}).experiment
    for number, group in enumerate(["expert", "expert", "lay", "expert", "lay", "expert"]):
        enter(experiment, number, link=link_code(experiment, group))
    assert places(experiment, group="expert") == {1: 2, 2: 2}
    assert places(experiment, group="lay") == {1: 1, 2: 1}


def test_pilots_take_no_places(serve):
    experiment = serve(base={"participants": 2}).experiment
    for number in range(3):
        enter(experiment, number, link=link_code(experiment, "pilot"))
    enter(experiment, 10)
    assert places(experiment, pilot=False) == {1: 1}
    assert places(experiment, pilot=True) == {1: 2, 2: 1}


def test_who_failed_the_attention_trials_is_replaced(serve):
    client = serve(
        '[exclusions]\ncatch_accuracy = 0.9\n[server.codes]\nfailed_attention = "F"\ncompleted = "C"\n',
        base={"participants": 2},
    )
    truth = TruthTeller(client.experiment)
    attentive, careless = Walker(client, truth.right), Walker(client, truth.wrong)
    ends = []
    for walker in (careless, attentive):
        walker.start()
        ends.append(walker.walk())
    assert [(end["outcome"], end["code"]) for end in ends] == [("failed_attention", "F"), ("completed", "C")]
    enter(client.experiment, 3)
    # the careless one had place 1 and gave it back before the attentive one came
    assert places(client.experiment) == {1: 2, 2: 1}


class TruthTeller:
    """Knows the answers, from the database."""

    def __init__(self, experiment):
        self.experiment = experiment

    def right(self, _block, trial):
        with self.experiment.database.read() as orm:
            return orm.scalar(select(TrialRow.max_side).where(TrialRow.key == trial["trial"])), 3

    def wrong(self, block, trial):
        side, confidence = self.right(block, trial)
        return {"top": "bottom", "bottom": "top"}[side], confidence


@pytest.mark.parametrize("changed", ["title", "design"])
def test_a_new_version_goes_on_counting_for_the_same_design(serve, study_folder, changed):
    before = serve(base={"participants": 2})
    first = before.experiment
    enter(first, 1)
    stop(before)
    folder = first.study.folder
    if changed == "title":
        text = (folder / "study.toml").read_text()
        (folder / "study.toml").write_text(text + '[server]\ntitle = "Another"\n')
    else:
        other = study_folder("", name="other", participants=6)
        for file in (other / "design").iterdir():
            (folder / "design" / file.name).write_bytes(file.read_bytes())
        (folder / "explanations").unlink()
        (folder / "explanations").symlink_to((other / "explanations").resolve())
    again = serve(folder=folder).experiment
    assert again.version_id != first.version_id
    enter(again, 2)
    assert places(again) == ({1: 1, 2: 1} if changed == "title" else {1: 2})
