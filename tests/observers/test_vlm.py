"""A vision–language model behind a real server on this machine: good, slow, broken, refusing and rate limiting."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exemplum import design, observers, store
from exemplum.analysis import stage as analysis
from exemplum.cli import verbs
from exemplum.design import screen
from exemplum.observers import ObserverError, VlmTable, stage
from exemplum.observers.chat import Endpoint
from exemplum.observers.vlm import parsed, words, words_of
from exemplum.records import Side
from exemplum.study.folder import Study
from exemplum.tables import ESTIMATES, EVIDENCE, RESPONSES
from observers.chat_server import Asked, ChatServer, completion, failure, good, serving, slow

KEY = "sk-7f3a-very-secret"


def with_model(study: Study, server: ChatServer, more: str = "", head: str = "") -> Study:
    text = f'[observers.eyes]\nmethod = "vlm"\nurl = "{server.url}"\nmodel = "eyes"\nconcurrency = 8\n{more}\n'
    (study.folder / "study.toml").write_text(f'seed = 4\n{head}[observers]\nrun = ["eyes", "chance"]\n{text}')
    return Study.open(study.folder)


def answers(study: Study) -> tuple[pd.DataFrame, dict]:
    summary = stage.run(study)
    table = RESPONSES.read(study.stage("responses") / "machines.parquet")
    return table[table["observer"] == "eyes"], summary


def test_a_model_that_sees_the_screen_answers_every_trial(few):
    """The maximal pictures are redder, and the model looks at the colours: what it is sent shows the trial."""
    with serving(good) as server:
        table, summary = answers(with_model(few, server, "price_in = 2.5\nprice_out = 10.0"))
        made = design.load(few)
        repeated = sum(block.repeats for session in made.sessions for block in session.blocks)
        assert len(table) == len(made.trials) + repeated
        with_references = table[table["condition"] != "none"]
        assert with_references["correct"].all()
        assert (with_references["max_side"] == "top").mean() not in (0, 1)
        assert set(table["confidence"]) == {3}
        asked = server.asked
    assert {one.picture.shape for one in asked} == {(720, 1280, 3)}
    assert all(one.body["model"] == "eyes" and one.body["temperature"] == 0 for one in asked)
    cost = len(asked) * (1000 * 2.5 + 10 * 10) / 1e6
    assert summary["eyes asks"] == (
        f"eyes (eyes-2026-11-01) at {server.url[7:-3]}; 0 of {len(table)} trials without an answer; "
        f"{len(asked)} screens, {len(asked)} asked about in this run; {1000 * len(asked):,} tokens read and "
        f"{10 * len(asked):,} written; cost {cost:.2f}"
    )
    assert EVIDENCE.read(few.folder / EVIDENCE.files[0]).empty  # it says how sure it is, and no more


def test_the_model_reads_what_people_read(few):
    (few.folder / "texts").mkdir()
    (few.folder / "texts" / "en.toml").write_text('[condition.synthetic]\nlead = "These were drawn by a machine."\n')
    with serving(good) as server:
        answers(with_model(few, server))
    told = {one.words for one in server.asked}
    for said in (
        "Those on the right activate the unit strongly: they are “maximally activating”.",
        "With a single press you choose the image and say how confident you are: 1 means not confident",
        "There are 9 such images on each side: maximally activating ones on the right",
        "In this block, the images on the left and right are natural images",
        "These were drawn by a machine.",
        "In this block, there are no images on the left or right.",
    ):
        assert any(said in of for of in told), said
    assert len(told) == 3  # one per condition: a trial's words do not tell which trial it is
    assert all(of.endswith('reply with one line of JSON and nothing else: {"image": "upper" or "lower", '
                           '"confidence": 1, 2 or 3}') for of in told)  # fmt: skip


def test_the_model_is_not_told_the_truth(few):
    """Calling the other query the maximal one, where it stands, changes nothing that is sent, and no key."""
    texts = words_of(few)
    with serving(good) as server:
        observer = observers.load("eyes", with_model(few, server))
    for trial in design.load(few).trials:
        renamed = replace(trial, query_max=trial.query_min, query_min=trial.query_max, max_side=trial.max_side.other)
        screens = [
            screen.draw(each, lambda path: store.read_png(few.folder / path), texts) for each in (trial, renamed)
        ]
        np.testing.assert_array_equal(*screens)
        assert words(trial, texts) == words(renamed, texts)
        assert observer.key(trial) == observer.key(renamed)
        turned = replace(trial, max_side=trial.max_side.other)
        assert observer.key(trial) != observer.key(turned)


def test_each_screen_is_asked_about_once_and_kept(few):
    with serving(good) as server:
        study = with_model(few, server)
        first, _ = answers(study)
        count = len(server.asked)
        assert count == len(list((few.stage("responses") / "vlm" / "eyes").glob("*.json")))
        again, summary = answers(study)
        pd.testing.assert_frame_equal(first, again)
        assert len(server.asked) == count
        assert f"{count} screens, 0 asked about in this run" in summary["eyes asks"]
        # one picture changes, and with it the screens that show it
        trial = next(t for t in design.load(few).trials if t.condition == "natural")
        (few.folder / trial.query_max).write_bytes((few.folder / trial.query_min).read_bytes())
        showing = sum(trial.query_max in (*t.references, t.query_max, t.query_min) for t in design.load(few).trials)
        answers(study)
        assert count < len(server.asked) <= count + 2 * showing
        # other settings, another model: asked again
        before = len(server.asked)
        answers(with_model(few, server, "settings = { temperature = 1.0, top_p = 0.9 }"))
        assert len(server.asked) >= 2 * count
        assert server.asked[before].body["top_p"] == 0.9
        stage.forget(study)
        assert not (few.stage("responses") / "vlm").exists()


def test_a_model_of_the_same_name_at_another_server_is_asked_itself(few):
    trials = design.load(few).trials
    with serving(good) as server, serving(good) as other:
        here, there = (observers.load("eyes", with_model(few, of)) for of in (server, other))
        here.prepare(trials[:1])
        assert not observers.load("eyes", with_model(few, server, "timeout_s = 9")).missing(trials[:1])
        assert len(there.missing(trials[:1])) == 1
        for path in here.folder.glob("*.json"):  # an earlier version did not say where it asked
            held = store.read_json(path)
            assert held.pop("url") == server.url
            store.write_json(path, held)
        assert not there.missing(trials[:1])


def test_a_dry_run_says_how_many_calls_there_will_be(few, capsys):
    with serving(good) as server:
        study = with_model(few, server)
        trials = len(design.load(few).trials)
        verbs.observe(few.folder, dry_run=True)
        said = capsys.readouterr().out
        assert not server.asked
        answers(study)
        assert said == (
            f"eyes: {trials} trials with {trials} different screens; 0 are answered already: {trials} calls of eyes, "
            f"and up to {len(RESPONSES.read(few.stage('responses') / 'machines.parquet')) // 2 - trials} for repeated "
            "trials whose queries change sides\n"
        )
        before = len(server.asked)
        assert trials <= before
        verbs.observe(few.folder, dry_run=True)
        said = capsys.readouterr().out
        assert f"{trials} are answered already: 0 calls of eyes" in said
        verbs.observe(few.folder, dry_run=True, force=True)
        assert f"0 are answered already: {trials} calls of eyes" in capsys.readouterr().out
        assert len(server.asked) == before


def test_slow_models_are_asked_several_at_once(few):
    with serving(slow) as server:
        began = time.monotonic()
        answers(with_model(few, server))
        assert server.most_at_once in range(4, 9)
        assert time.monotonic() - began < 0.2 * len(server.asked)


def test_refusals_and_unreadable_answers_are_counted_and_never_guessed(few):
    def moody(asked: Asked, number: int):
        replies = {
            1: completion(None, refusal="I cannot look at that."),
            2: completion("", finish="content_filter"),
            3: failure(400, "The request was filtered.", code="content_filter"),
            4: completion("I would say the upper image."),
            5: completion('{"image": "upper", "confi', finish="length"),
            6: completion('{"image": "upper", "confidence": 5}'),
            7: completion('{"image": "upper", "confidence": 1} or {"image": "lower", "confidence": 1}'),
        }
        return replies.get(number) or good(asked, number)

    with serving(moody) as server:
        study = with_model(few, server)
        table, summary = answers(study)
        made = design.load(few)
        told = "7 of {} trials without an answer (3 refused, 4 unreadable; "
        assert told.format(len(table) + 7) in summary["eyes asks"]
        assert set(table["trial_id"]) < {t.trial_id for t in made.trials} | set(table["trial_id"])
        assert len(made.trials) - (table["repeats"] == "").sum() == 7
        # asked no second time, since the same screen would be refused again
        count = len(server.asked)
        assert told.format(len(table) + 7) in answers(study)[1]["eyes asks"]
        assert len(server.asked) == count


def test_repeated_trials_are_drawn_from_those_that_have_an_answer(few):
    def silent(asked: Asked, number: int):
        return completion("No.") if "natural images" in asked.words else good(asked, number)

    with serving(silent) as server:
        table, summary = answers(with_model(few, server))
    assert "natural" not in set(table["condition"])
    repeated = table[table["trial_kind"] == "repeated"]
    assert set(repeated["condition"]) == {"synthetic", "none"}
    assert "natural" not in summary["eyes"]
    lost = sum(trial.condition == "natural" for trial in design.load(few).trials)
    assert (
        f"{lost} of {len(table) + lost} trials without an answer ({lost} unreadable; natural {lost})"
        in summary["eyes asks"]
    )


@pytest.mark.slow  # statistics take seconds to import
def test_trials_without_an_answer_are_in_no_score(few):
    """n of the analysis is that of the rows that are there; a condition without any has no estimate."""

    def shy(asked: Asked, number: int):
        return completion(None, refusal="No.") if "made by a computer" in asked.words else good(asked, number)

    with serving(shy) as server:
        study = with_model(few, server, head="[analysis]\nbootstrap = 50\n")
        table, _ = answers(study)
        study.finish("responses", "made for the test", 0.0, {})
    analysis.run(study)
    found = ESTIMATES.read(study.stage("analysis") / "estimates.parquet")
    of = (found["observer"] == "eyes") & (found["measure"] == "accuracy") & (found["trial_kind"] == "main")
    pooled = found[of & (found["by"] == "all") & (found["subset"] == "all") & (found["aggregate"] == "pooled")]
    counts = table[table["trial_kind"] == "main"].groupby("condition").size().to_dict()
    assert set(counts) == {"natural", "none"}
    said = pooled.set_index("condition")["n_trials"].to_dict()
    assert {condition: said[condition] for condition in counts} == counts
    assert said.get("synthetic", 0) == 0


def test_the_rate_limit_is_kept_to_and_passing_failures_are_tried_again(few):
    began = time.time()

    def limited(asked: Asked, number: int):
        replies = {
            1: failure(429, "Slow down.", Retry_After="1"),
            2: failure(503, "Overloaded.", Retry_After=formatdate(began + 1, usegmt=True)),
            3: (0, "", {}),
            4: (200, "<html>Bad gateway</html>", {}),
            5: (200, {"object": "chat.completion", "choices": []}, {}),
            6: (200, {"choices": [None]}, {}),
        }
        return replies.get(number) or good(asked, number)

    with serving(limited) as server:
        table, summary = answers(with_model(few, server))
    assert table[table["condition"] != "none"]["correct"].all()
    assert "0 of" in summary["eyes asks"]
    assert time.time() - began >= 1


def test_failures_that_do_not_pass_are_told_in_one_line_and_answers_are_kept(few):
    def dies(asked: Asked, number: int):
        return good(asked, number) if number <= 5 else failure(500, "The model crashed.\nSorry.", Retry_After="0")

    with serving(dies) as server:
        study = with_model(few, server, "attempts = 2")
        with pytest.raises(
            ObserverError, match=r"model eyes: status 500 .*: The model crashed.+Sorry., 2 times"
        ) as caught:
            stage.run(study)
        assert "\n" not in str(caught.value)
        kept = len(list((few.stage("responses") / "vlm" / "eyes").glob("*.json")))
        assert kept >= 5
        server.behave = good
        before = len(server.asked)
        table, _ = answers(study)
        assert len(table) > 5
        assert f"{len(list((few.stage('responses') / 'vlm' / 'eyes').glob('*.json')))}" == str(
            kept + len(server.asked) - before
        )


@pytest.mark.parametrize(("status", "said"), [
    (404, "status 404 Not Found: no model eyes"),
    (401, "status 401 Unauthorized: no model eyes; the key is missing: set the environment variable OPENAI_API_KEY"),
    (302, "status 302 Found"),
])  # fmt: skip
def test_other_failures_are_told_at_once(few, monkeypatch, status, said):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(lambda _asked, _number: failure(status, "no model eyes")) as server:
        with pytest.raises(ObserverError, match=said):
            stage.run(with_model(few, server))
        assert len(server.asked) <= 8


def test_nobody_there_is_told(few):
    with serving(good) as server:
        pass
    with pytest.raises(ObserverError, match=r"no connection \(.*\), 2 times; answers so far are kept"):
        stage.run(with_model(few, server, "attempts = 2"))


def test_a_request_that_takes_too_long_is_given_up():
    table = VlmTable(method="vlm", url="http://127.0.0.1:1/v1", model="eyes", timeout_s=0.3, attempts=2)

    def hangs(asked: Asked, number: int):
        time.sleep(1.0)
        return completion("at last")

    with serving(hangs) as server:
        endpoint = Endpoint(table.model_copy(update={"url": server.url}), first_wait_s=0.01)
        began = time.monotonic()
        with pytest.raises(ObserverError, match=r"no reply within 0.3 s, 2 times"):
            endpoint.ask("Which?", np.zeros((8, 8, 3), np.uint8))
        assert time.monotonic() - began < 2


def test_the_key_comes_from_the_environment_and_is_written_nowhere(few, monkeypatch, capfd):
    monkeypatch.setenv("MY_KEY", KEY)

    def strict(asked: Asked, number: int):
        if number == 4:
            return failure(401, f"Incorrect API key provided: {asked.headers['Authorization']}")
        return good(asked, number)

    with serving(strict) as server:
        study = with_model(few, server, 'key_variable = "MY_KEY"')
        with pytest.raises(
            ObserverError, match=r"Bearer …; the key is read from the environment variable MY_KEY"
        ) as caught:
            stage.run(study)
        answers(study)
        assert {one.headers["Authorization"] for one in server.asked} == {f"Bearer {KEY}"}
    told = str(caught.value) + repr(caught.value.__cause__) + "".join(capfd.readouterr())
    assert KEY not in told
    for path in few.folder.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize(("text", "read"), [
    ('{"image": "upper", "confidence": 1}', (Side.TOP, 1)),
    ('{"confidence": "3", "image": " Lower "}', (Side.BOTTOM, 3)),
    ('{"image": "lower", "confidence": 2} So: {"image": "lower", "confidence": 2}', (Side.BOTTOM, 2)),
    ('{"image": "both", "confidence": 2}', None),
    ('{"image": "upper"}', None),
    ('{"image": "upper", "confidence": 2.5}', None),
    ('["upper", 2]', None),
    ("upper", None),
    ("", None),
])  # fmt: skip
def test_answers_are_read_by_their_form_alone(text, read):
    assert parsed(text) == read


def test_trials_made_by_hand_are_answered_too(few):
    import exemplum as ex

    with serving(good) as server:
        observer = observers.load("eyes", with_model(few, server))
        table = ex.observe(observer, design.load(few).trials[:4])
    assert len(table) == 4
    assert Path(observer.folder).parts[-2:] == ("vlm", "eyes")
