"""The course of a session: forms, practice until it is understood, repeated trials from the answers, protocol 2."""

import pytest
from sqlalchemy import select

from exemplum.responses import exclusions, read_all
from exemplum.server.pages import session_lines
from exemplum.server.sessions.schedule import rehearsal
from exemplum.server.sessions.worked_examples import WorkedExamples
from exemplum.server.storage.publication import publish
from exemplum.server.storage.schema import Answer, SessionRow, StepRecord, TrialRow
from exemplum.server.storage.tables import OBSERVER, members, people, ratings, responses
from server import made
from server.conftest import ON_SQLITE, stop
from server.walk import TIMES, Walker


def trials(client, **only):
    with client.experiment.database.read() as orm:
        chosen = select(TrialRow).order_by(TrialRow.position)
        for name, value in only.items():
            chosen = chosen.where(getattr(TrialRow, name) == value)
        return list(orm.scalars(chosen))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"age": 17}, "age"), ({"age": "30"}, "age"), ({"age": 30.5}, "age"), ({"age": None}, "age"),
        ({"gender": "cat"}, "gender"), ({"shoe_size": 44}, "shoe_size"), ({"tools": "x" * 11}, "tools"),
    ],
)  # fmt: skip
@ON_SQLITE
def test_a_form_says_which_field_is_wrong_and_stays(serve, data, field):
    client = serve('[[server.fields]]\nname = "tools"\ntype = "text"\nmax_length = 10\n')
    walker = Walker(client)
    walker.start()
    form = walker.walk(until=lambda step: step["kind"] == "form")
    right = {"age": 30, "gender": "female", "handedness": "left", "visual_aid": "none", "tools": "pens"}
    refused = walker.do(form, right | data)
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, field)
    assert walker.step()["kind"] == "form"
    assert walker.do(form, right).json()["state"]["step"]["kind"] == "check"


def test_a_step_sent_again_is_stored_once_one_ahead_is_refused(serve):
    client = serve()
    walker = Walker(client)
    consent = walker.start().json()["state"]["step"]
    assert walker.do({"id": "s03", "kind": "instructions"}, {}).json()["error"]["code"] == "out_of_order"
    first = walker.do(consent).json()
    assert walker.do(consent, {"accepted": False}).json() == first  # the first one counts
    with client.experiment.database.read() as orm:
        assert [step.data for step in orm.scalars(select(StepRecord))] == [{"accepted": True}]


def test_every_item_is_rated_once_within_the_scale(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    step = walker.walk(until=lambda step: step["kind"] == "intuitiveness")
    items = [item["item"] for item in step["items"]]
    assert len(items) == len(set(items)) == 3
    assert [shown["condition"] for shown in step["items"][0]["pictures"]] == ["synthetic", "natural"]
    good = [{"item": item, "rating": 40, "ms": 1.0} for item in items]
    for wrong in (
        good[:2],
        [*good, good[0]],
        [*good[:2], good[2] | {"rating": 101}],
        [*good[:2], good[2] | {"item": "k"}],
    ):
        assert walker.do(step, {"ratings": wrong}).status_code == 400
    assert walker.do(step, {"ratings": good}).status_code == 200
    with client.experiment.database.read() as orm:
        table = ratings(orm, members(orm, client.experiment.study_id))
    assert table["rating"].tolist() == [40, 40, 40]
    assert table["condition"].unique().tolist() == ["synthetic"]
    mains = {row.spec["unit"]["unit"]["channel"] for row in trials(client, kind="main")}
    assert not mains & {int(unit.partition(":")[2]) for unit in table["unit"]}  # rating a main unit would teach it


def test_repeated_trials_are_of_least_and_most_confidence(serve):
    client = serve()
    confidence = {}

    def choose(block, trial):
        n = len(confidence)
        confidence[trial["trial"]] = (2, 2, 1, 3)[n % 4]
        return "top", confidence[trial["trial"]]

    walker = Walker(client, choose)
    walker.start()
    walker.walk()
    by_id = {row.trial_id: row for row in trials(client)}
    again = trials(client, kind="repeated")
    assert len(again) == 6  # 2 in each of 3 conditions
    for condition in ("natural", "synthetic", "none"):
        first = [by_id[row.spec["repeats"]] for row in again if row.condition == condition]
        mains = [confidence[row.key] for row in trials(client, kind="main", condition=condition)]
        assert sorted(confidence[row.key] for row in first) == [min(mains), max(mains)]
        assert all(row.kind == "main" for row in first)
    for row in again:
        first = by_id[row.spec["repeats"]]
        assert {row.pictures["top"], row.pictures["bottom"]} == {first.pictures["top"], first.pictures["bottom"]}
        right = row.pictures[row.max_side]
        assert right == first.pictures[first.max_side]
        assert row.key != first.key


def test_practice_is_shown_again_until_enough_is_right(serve):
    client = serve("[server]\npractice_pass = 1.0\npractice_rounds = 3\n[exclusions]\npractice_attempts = 2\n")

    def choose(block, trial):
        side = next(row.max_side for row in trials(client, key=trial["trial"]))
        rounds[block["number"]] = rounds.get(block["number"], 0) + 1
        wrong = block["practice"] and block["number"] == 1
        return ({"top": "bottom", "bottom": "top"}[side] if wrong else side), 2

    rounds = {}
    walker = Walker(client, choose)
    walker.start()
    end = walker.walk()
    assert end["outcome"] == "completed"
    assert rounds[1] == 3 * 2  # three rounds of two trials, all wrong
    assert end["answered"] == 28 + 4
    with client.experiment.database.read() as orm:
        of = members(orm, client.experiment.study_id)
        table = responses(orm, of)
        assert people(orm, of)["practice_attempts"].tolist() == [3]
        assert orm.scalar(select(SessionRow.excluded)) is True
    assert table["trial_id"].is_unique
    assert [name.partition("~")[2] for name in table["trial_id"][:6]] == ["", "", "2", "2", "3", "3"]
    assert table["trial"].tolist() == list(range(32))


def test_protocol_2_rates_twice_and_shows_every_scheme(serve):
    client = serve(base={"protocol": "borowski2021-2", "participants": 4})
    layouts, phases = set(), []

    def look(step):
        if step["kind"] == "intuitiveness":
            phases.append(step["phase"])
        if step["kind"] == "block":
            layouts.add((step["layout"]["left"], step["layout"]["right"]))

    walker = Walker(client)
    walker.start()
    end = walker.walk(until=look)
    assert end["outcome"] == "completed"
    assert phases == ["before", "after"]
    assert layouts == {(0, 1), (1, 1), (0, 9), (9, 9)}


def test_responses_are_what_was_answered(serve):
    client = serve()
    walker = Walker(client, lambda block, trial: ("bottom" if block["practice"] else "top", 3))
    walker.start()
    walker.walk()
    with client.experiment.database.read() as orm:
        of = members(orm, client.experiment.study_id, finished=True)
        table = responses(orm, of)
        stored = list(orm.scalars(select(Answer).order_by(Answer.id)))
        who = people(orm, of)
    assert table["observer"].unique().tolist() == [OBSERVER]
    assert table["observer_kind"].unique().tolist() == ["person"]
    assert table["choice"].tolist() == [answer.choice for answer in stored]
    assert table["correct"].tolist() == (table["choice"] == table["max_side"]).tolist()
    assert table["rt_ms"].tolist() == [1500.5] * len(table)
    assert who["instruction_time_s"].tolist() == [TIMES["visible_ms"] / 1000]
    assert who["total_time_s"].tolist() == [pytest.approx((len(table) - 1) * 4 + 1.5005)]


def test_a_day_later_the_session_goes_on_where_it_was(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    walker.answer(block["trials"][0]["trial"])
    stop(client)  # for the night
    morning = serve(folder=client.experiment.study.folder)
    walker.http = morning
    back = walker.step()
    assert back["answered"] == 1
    assert morning.get(f"/{back['images'][0]}").status_code == 200
    assert walker.walk()["outcome"] == "completed"


def test_who_began_under_an_earlier_version_finishes_it(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    walker.walk(until=lambda step: step["kind"] == "block")
    stop(client)
    folder = client.experiment.study.folder
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text + '[server]\nimage_format = "png"\n[[server.fields]]\nname = "new"\n')
    later = serve(folder=folder)
    walker.http = later
    image = later.get(f"/{walker.step()['images'][0]}")
    assert image.headers["content-type"] == "image/jpeg"
    assert image.content.startswith(b"\xff\xd8")
    assert walker.walk()["outcome"] == "completed"


class Distracted(Walker):
    """In a small window, which loses the focus once in each trial."""

    def answer(self, *args, **more):
        return super().answer(*args, **({"query_px": 120.0, "reference_px": 80.0, "blurs": 1} | more))


@ON_SQLITE  # test_answers.py stores sizes in both
def test_rules_about_how_trials_were_shown_are_the_same_for_server_and_analysis(serve):
    """Live, at the end, and on the published answers; one who came by an older page is kept, for nothing is known."""
    client = serve("[exclusions]\nimage_px_min = 100\nblurs_max = 1\n")
    for walker in (Walker(client), Distracted(client)):
        walker.start()
        assert walker.walk()["outcome"] == "completed"
    mains = 12
    reasons = ["an image of 80 px, at least 100 px wanted",
               f"the window lost the focus {mains} times, at most 1 allowed"]  # fmt: skip
    experiment = client.experiment
    with experiment.database.read() as orm:
        assert {line.label: line.excluded for line in session_lines.lines(orm, experiment)} == {
            "P0001": [],
            "P0002": reasons,
        }
        assert orm.scalars(select(SessionRow.excluded).order_by(SessionRow.id)).all() == [False, True]
    publish(experiment)
    found = read_all(experiment.study.stage("responses"))
    table = exclusions.check(found.responses, experiment.study.config.exclusions, found.people)
    verdicts = table.set_index(["rule", "participant"])["verdict"].to_dict()
    assert verdicts == {
        ("image_px_min", "P0001"): "unknown", ("image_px_min", "P0002"): "excluded",
        ("blurs_max", "P0001"): "kept", ("blurs_max", "P0002"): "excluded",
    }  # fmt: skip
    assert table.loc[table["verdict"] == "excluded", "reason"].tolist() == reasons


@pytest.mark.parametrize("given", ["about 30", "1e999", "²"])
def test_an_age_in_words_is_no_number_and_stops_nothing(serve, given):
    own = '[server]\ndemographics = []\n[[server.fields]]\nname = "age"\ntype = "text"\n'
    client = serve(own + "[exclusions]\ncatch_accuracy = 0.5\n")
    walker = Walker(client)
    walker.start()
    form = walker.walk(until=lambda step: step["kind"] == "form")
    assert walker.do(form, {"age": given}).status_code == 200
    walker.walk()
    with client.experiment.database.read() as orm:
        assert [line.label for line in session_lines.lines(orm, client.experiment)] == ["P0001"]
        assert people(orm, members(orm, 1))["age"].isna().all()


def test_methods_are_rated_against_the_studys_baseline():
    design = made.small_design(6, "borowski2021-1")
    for baseline, method in (("natural", "synthetic"), ("synthetic", "natural")):
        items = rehearsal(design, WorkedExamples(), 3, baseline).items
        assert [[name for name, _ in item.pictures] for item in items] == [[method, baseline]] * 3
    assert rehearsal(design, WorkedExamples(), 3, "absent").items == ()
