"""Nothing on the wire tells the right answer before it has been given."""

import itertools
import json
import re
from collections import Counter

import pytest
from scipy.stats import binomtest
from sqlalchemy import select
from starlette.testclient import TestClient

from exemplum.server import Experiment, Settings, create_app
from exemplum.server.pages.images import image_url
from exemplum.server.storage.schema import SessionRow, TrialRow
from server import made
from server.walk import Walker

KEYS = {"trial", "references", "queries"}
FORBIDDEN = re.compile(
    r"max|min_|\bmin\b|catch|repeated|mixed\d|pole|kind\":\"(main|catch)|natural_|\.png|correct", re.I
)


@pytest.fixture(scope="module")
def recorded(base_study, tmp_path_factory):
    """Three sessions with all their traffic, (path, response) in order, and the truth by trial.

    On SQLite alone: the database has no part in what is said.
    """
    study = made.like(base_study(), tmp_path_factory.mktemp("blind") / "study")
    client = TestClient(create_app(Experiment.open(Settings(study.folder, limits=False))))
    client.experiment = client.app.state.experiment
    client.__enter__()
    log = []

    class Recorder:
        def get(self, path, **more):
            log.append((path, client.get(path, **more)))
            return log[-1][1]

        def post(self, path, **more):
            log.append((path, client.post(path, **more)))
            return log[-1][1]

    walkers = []
    for _ in range(3):
        walker = Walker(Recorder())
        walker.start()
        walker.walk()
        walkers.append(walker)
    with client.experiment.database.read() as orm:
        truth = {row.key: row for row in orm.scalars(select(TrialRow))}
    yield client, log, truth, walkers
    client.__exit__(None, None, None)


def blocks(log):
    """Every block as first shown, before any of its answers."""
    seen = set()
    for path, response in log:
        body = response.json()
        step = body["step"] if path == "/api/session" else {}
        if step.get("kind") == "block" and step["trials"][0]["trial"] not in seen:
            seen.add(step["trials"][0]["trial"])
            yield step, response


def test_a_block_says_nothing_but_where_images_stand(recorded):
    _client, log, truth, _walkers = recorded
    shown = 0
    for step, response in blocks(log):
        for trial in step["trials"]:
            assert set(trial) == KEYS
            assert set(trial["queries"]) == {"top", "bottom"}
            assert set(trial["references"]) == {"left", "right"}
            shown += 1
        text = json.dumps({name: value for name, value in step.items() if name not in ("condition", "kind")})
        assert not FORBIDDEN.search(re.sub(r"i/[\w-]{44}|\"[\w-]{22}\"", "", text))
        assert response.headers["cache-control"] == "no-store"
    assert shown == len(truth)


def test_blocks_with_extra_trials_have_the_shape_of_others(recorded):
    _client, log, truth, _walkers = recorded
    shapes = {}
    for step, _response in blocks(log):
        for trial in step["trials"]:
            row = truth[trial["trial"]]
            shape = json.dumps(
                [len(trial["trial"]), {s: [len(u) for u in us] for s, us in trial["references"].items()},
                 {s: len(u) for s, u in trial["queries"].items()}]
            )  # fmt: skip
            shapes.setdefault(row.condition, set()).add(shape)
        assert list(step) == list(shapes.setdefault("fields", step))
    shapes.pop("fields")
    assert all(len(of) == 1 for of in shapes.values())


def test_images_differ_in_their_pixels_alone(recorded):
    client, log, _truth, _walkers = recorded
    step = next(step for step, _ in blocks(log) if step["layout"]["left"])
    responses = [client.get(f"/{url}") for url in step["images"]]
    assert {len(response.content) for response in responses} == {client.experiment.pictures.length}
    headers = [{name: value for name, value in response.headers.items() if name != "date"} for response in responses]
    assert all(of == headers[0] for of in headers)
    assert not any(word in headers[0] for word in ("etag", "last-modified", "server"))
    assert len({response.content for response in responses}) == len(responses)  # also where pictures are the same
    for response in responses:
        assert b"pole" not in response.content
        assert b"Exif" not in response.content
        assert b"max_" not in response.content


def test_every_showing_has_a_name_of_its_own(recorded):
    _client, log, truth, _walkers = recorded
    names = [url for step, _ in blocks(log) for t in step["trials"]
             for url in (*t["references"]["left"], *t["references"]["right"], *t["queries"].values())]  # fmt: skip
    assert len(names) == len(set(names))
    assert any(row.kind == "repeated" for row in truth.values())
    assert len({name[:14] for name in names}) == len(names)  # nor do they begin alike
    assert all(len(name) == 46 for name in names)


def test_no_order_or_name_predicts_the_right_answer(recorded):
    """Every rule that a reader of the traffic could try gets about half of the trials."""
    _client, log, truth, _walkers = recorded
    guesses = Counter()
    trials = 0
    for step, _response in blocks(log):
        place = {url: n for n, url in enumerate(step["images"])}
        for trial in step["trials"]:
            top, bottom = trial["queries"]["top"], trial["queries"]["bottom"]
            right = truth[trial["trial"]].max_side
            rules = {
                "the first in the alphabet": top < bottom, "the first to load": place[top] < place[bottom],
                "the key's first letter": trial["trial"] < "V", "the top": True,
                "the name's last letter": top[-1] < bottom[-1], "more capitals": sum(map(str.isupper, top))
                > sum(map(str.isupper, bottom)),
            }  # fmt: skip
            for rule, says_top in rules.items():
                guesses[rule] += says_top == (right == "top")
            trials += 1
    assert trials > 20
    for rule, hits in guesses.items():
        assert binomtest(hits, trials).pvalue > 1e-4, f"{rule}: {hits} of {trials}"


def test_neighbours_in_loading_order_are_no_pairs_of_trials(recorded):
    _client, log, _truth, _walkers = recorded
    pairs = adjacent = 0
    for step, _response in blocks(log):
        if len(step["trials"]) < 3:
            continue
        order = step["images"]
        together = {frozenset(pair) for pair in itertools.pairwise(order)}
        for trial in step["trials"]:
            adjacent += frozenset(trial["queries"].values()) in together
            pairs += 1
    assert adjacent < pairs / 2


def test_the_verdict_comes_with_the_answer_and_never_before(recorded):
    _client, log, _truth, _walkers = recorded
    assert {"/api/answers", "/api/sessions"} <= {path for path, _ in log}
    for path, response in log:
        body = response.json()
        if path == "/api/answers":
            assert set(body["verdict"]) == {"solution", "correct"}
        else:
            step = body.get("step") or body["state"]["step"]
            told = {key for key in _keys(step) if key in ("verdict", "solution", "correct")}
            allowed = {"instructions": {"solution"}, "break": {"correct"}, "debrief": {"correct"}}
            assert told <= allowed.get(step["kind"], set())


def test_worked_examples_are_no_trials_of_the_session(recorded):
    client, _log, _truth, _walkers = recorded
    with client.experiment.database.read() as orm:
        trials = [row.pictures for row in orm.scalars(select(TrialRow).where(TrialRow.session_id == 1))]
        steps = orm.get_one(SessionRow, 1).steps
    examples = next(step for step in steps if step["kind"] == "instructions")["examples"]
    assert {example["condition"] for example in examples} == {"natural", "synthetic"}
    shown = {frozenset((trial["top"], trial["bottom"])) for trial in trials}
    assert not any(frozenset((e["pictures"]["top"], e["pictures"]["bottom"])) in shown for e in examples)


def test_names_of_images_cannot_be_made_without_the_secret(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    name = block["images"][0][2:]
    assert client.get(f"/i/{name}").status_code == 200
    forged = image_url(b"guess", "ref", "t1.top", next(iter(client.experiment.pictures.names.values())))[2:]
    assert len(forged) == len(name)
    for wrong in (forged, name[:-1], name[:-1] + "!", "x" * 44, "../secrets", name + "a"):
        assert client.get(f"/i/{wrong}").status_code == 404
    other = Walker(client)
    other.start()
    foreign = other.walk(until=lambda step: step["kind"] == "block")["images"][0][2:]
    assert client.get(f"/i/{name[:22]}{foreign[22:]}").status_code == 404


def _keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
