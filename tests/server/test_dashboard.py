"""The list of sessions: found, sorted, in pages; true to the answers, which it does not read, and blind."""

import re
import secrets
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import delete, event, select

from exemplum.responses import exclusions
from exemplum.server.pages import distributions, session_lines
from exemplum.server.pages.session_lines import SessionLine
from exemplum.server.pages.session_search import SORTS, Search, page
from exemplum.server.sessions import summaries, watch
from exemplum.server.storage.export import exclusions_now
from exemplum.server.storage.schema import Answer, Participant, SessionRow, Summary, TrialRow, now_ms
from exemplum.server.storage.tables import members, people, responses
from server.conftest import ON_SQLITE, stop
from server.test_experimenter import let_in, press
from server.walk import Walker

MINUTE = 60_000


def add(experiment, number=1, outcome="completed", minutes=30.0, pilot=False, seen_ago=0.0, **summary):
    """Sessions without trials, as far as a list shows them."""

    def write(orm):
        for _ in range(number):
            id_ = secrets.token_hex(12)
            person = Participant(study_id=experiment.study_id, external_id=id_, source="prolific", pilot=pilot)
            orm.add(person)
            orm.flush()
            seen = now_ms() - round(seen_ago * MINUTE)
            row = SessionRow(
                participant_id=person.id, version_id=experiment.version_id, start_key=id_, token_hash=id_,
                image_ref=id_[:22], seed=1, status="finished" if outcome else "active", outcome=outcome, steps=[],
                language="en", params={}, client={}, created_at=seen - round(minutes * MINUTE), seen_at=seen,
                finished_at=seen if outcome else None, answered=20, total=20, step=9, code=f"C{id_[:6]}",
            )  # fmt: skip
            orm.add(row)
            orm.flush()
            counted = {"answers": 20, "rts": summaries.histogram([1500.0] * 20), "median_rt_ms": 1500.0} | summary
            orm.add(Summary(session_id=row.id, **counted))

    experiment.database.writer.submit_sync(write)


def lines(experiment):
    with experiment.database.read() as orm:
        return session_lines.lines(orm, experiment)


@contextmanager
def statements(experiment):
    """The SQL that the database reads within."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    engine = experiment.database._reading
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def labels(html):
    return re.findall(r'<a href="session/[^"]+">(P\d{4})</a>', html)


def test_the_list_has_pages_of_fifty_and_reads_no_answers(serve):
    client = let_in(serve())
    add(client.experiment, 120)
    with statements(client.experiment) as said:
        first = client.get("/experimenter/").text
    assert not [sql for sql in said if re.search(r"\b(answers|trials|steps|events)\b.*\bWHERE\b", sql, re.DOTALL)
                and re.search(r"FROM (answers|trials|steps|events)", sql)]  # fmt: skip
    seen = [*labels(first), *labels(client.get("/experimenter/?page=2").text)]
    last = client.get("/experimenter/?page=3").text
    assert [len(labels(first)), len(labels(last))] == [50, 20]
    assert sorted([*seen, *labels(last)]) == [f"P{number:04d}" for number in range(1, 121)]
    assert "101–120 of 120 sessions" in last
    assert labels(client.get("/experimenter/?page=99").text) == labels(last)


@ON_SQLITE
def test_sessions_are_found_by_what_is_known_of_them(serve):
    client = let_in(serve())
    experiment = client.experiment
    add(experiment, device="tablet", browser="Safari")
    add(experiment, outcome="", seen_ago=300)
    add(experiment, pilot=True, minutes=5, blurs=7)
    code = lines(experiment)[0].code
    found = {
        "": 3, "status=away": 1, "flag=focus": 1, "flag=none": 2, "people=real": 2, "people=pilot": 1, "q=safari": 1,
        f"q={code.lower()}": 1, "q=p0003": 1, "q=nobody": 0, "status=nonsense": 0, "sort=nonsense&page=x&order=y": 3,
    }  # fmt: skip
    assert {asked: len(labels(client.get(f"/experimenter/?{asked}").text)) for asked in found} == found


def line(number=1, **changed):
    """A line as a page gets it: a completed session of half an hour."""
    usual = SessionLine(
        id=number, key=f"k{number}", label=f"P{number:04d}", external_id="", source="prolific", batch="", group="",
        pilot=False, place=1, status="completed", step=9, answered=20, total=20, began=1, seen_at=1, minutes=30.0,
        device="computer", browser="Firefox", window="", width=1280, image_px=None, catch_right=0, catch_trials=0,
        median_rt_s=1.5, rts=summaries.histogram([1500.0] * 20), code="", broken={}, flags=(),
    )  # fmt: skip
    return replace(usual, **changed)


def test_each_column_sorts_both_ways_and_unknown_values_stand_last():
    of = [line(median_rt_s=rt) for rt in (3.0, None, 1.0, 2.0)]
    by = {order: [one.median_rt_s for one in Search(sort="rt", order=order).found(of)] for order in ("up", "down")}
    assert by == {"up": [1.0, 2.0, 3.0, None], "down": [3.0, 2.0, 1.0, None]}
    for column in SORTS:
        assert len(Search(sort=column).found([line(), line(device="", code="x"), line(median_rt_s=None)])) == 3
    assert Search(sort="rt", order="down").sorted_by("rt") == "./?sort=rt&order=up"
    assert Search(q="a&b", page=3).address(page=4) == "./?q=a%26b&page=4"
    assert Search(q="x", page=3).sorted_by("code") == "./?q=x&sort=code&order=up"  # from its first page
    assert page([], 5).number == 1


def test_summaries_say_what_the_answers_say(serve):
    """Oracle: the answers, and the exclusion rules as the analysis applies them."""
    rules = "catch_accuracy = 0.9\nanswers_each_side = 3\npractice_attempts = 1\ntotal_time_s_max = 50\n"
    client = serve(f"[exclusions]\n{rules}instruction_time_s = 29\n[server]\npractice_pass = 0.9\n")
    for until in ("finished", "break", "form"):
        walker = Walker(client, choose=lambda block, _: ("top", 2) if block["number"] < 6 else ("bottom", 1))
        walker.start()
        walker.walk(until=lambda step, until=until: step["kind"] == until)
    experiment = client.experiment
    with experiment.database.read() as orm:
        of = members(orm, experiment.study_id)
        known = people(orm, of)
        table = exclusions_now(experiment.study.config.exclusions, of, responses(orm, of), known)
        given = orm.execute(
            select(Answer, TrialRow.kind).join(TrialRow, TrialRow.id == Answer.trial_id).where(Answer.session_id == 1)
        ).all()
        held = orm.get(Summary, 1)
    main = [answer for answer, kind in given if kind == "main"]
    assert (held.answers, held.main_answers, held.main_top) == (
        len(given), len(main), sum(answer.choice == "top" for answer in main)
    )  # fmt: skip
    assert held.main_correct == sum(answer.correct for answer in main)
    assert sum(held.rts) == len(given)
    assert (held.ended_at - held.began_at) / 1000 == pytest.approx(known["total_time_s"][0])
    wanted = table[table["verdict"] == "excluded"].groupby("participant")["reason"].apply(list).to_dict()
    assert {line.label: line.excluded for line in lines(experiment) if line.broken} == wanted
    assert len(wanted["P0001"]) >= 2
    assert exclusions.declared(experiment.study.config.exclusions) == [*dict.fromkeys(table["rule"])]


def test_every_rule_finds_its_value_in_a_summary():
    """So that the end of a session can judge it. Oracle: the rules as the analysis applies them."""
    counts = dict.fromkeys(("main_top", "main_answers", "catch_answers", "practice_rounds", "blurs", "hidden_ms"), 0)
    assert set(summaries.measured(Summary(**counts))) == {rule.column for rule in exclusions.RULES.values()}


@ON_SQLITE
def test_answers_that_no_step_followed_are_counted_when_the_server_starts_again(serve, study_folder):
    folder = study_folder()
    client = serve(folder=folder)
    walker = Walker(client)
    walker.start()
    step = walker.walk(until=lambda step: step["kind"] == "block")
    walker.answer(step["trials"][0]["trial"])
    assert lines(client.experiment)[0].median_rt_s is None
    stop(client)
    [line] = lines(serve(folder=folder).experiment)
    assert (line.answered, line.median_rt_s) == (1, 1.5005)


FLAGGED = {
    "fast": {"fast": 4}, "pause": {"longest_gap_ms": 10 * MINUTE}, "focus": {"hidden_ms": 10_000.0},
    "side": {"main_answers": 20, "main_top": 19}, "catch": {"catch_answers": 4, "catch_correct": 3},
}  # fmt: skip
UNFLAGGED = {
    "fast": 3, "longest_gap_ms": 10 * MINUTE - 1, "hidden_ms": 9_999.0, "blurs": 2, "main_answers": 20, "main_top": 18,
    "catch_answers": 5, "catch_correct": 4,
}  # fmt: skip


@ON_SQLITE
def test_flags_are_raised_at_their_limits(serve):
    experiment = serve().experiment
    for summary in (*FLAGGED.values(), UNFLAGGED, {"rts": [1, 8], "fast": 9, "main_answers": 9}):  # of too few answers
        add(experiment, **summary)
    assert [line.flags for line in lines(experiment)] == [*((name,) for name in FLAGGED), (), ()]


@ON_SQLITE
def test_the_page_shows_nothing_by_condition(serve):
    client = let_in(serve())
    walker = Walker(client)
    walker.start()
    walker.walk()
    with client.experiment.database.read() as orm:
        conditions = set(orm.scalars(select(TrialRow.condition)))
    assert conditions == {"natural", "synthetic", "none"}
    for path in ("", "links", "payment", f"session/{lines(client.experiment)[0].key}"):
        shown = re.sub(r"<[^>]+>", " ", client.get(f"/experimenter/{path}").text)
        assert not re.search(r"\b(natural|synthetic)\b", shown), path
    # the preview says which block has which condition, so times by block are times by condition
    assert "Mean RT" not in shown
    press(client, "/experimenter/recruitment", state="closed")
    assert "Mean RT" in client.get(f"/experimenter/{path}").text


@ON_SQLITE
def test_the_way_to_completion_is_counted_without_pilots(serve):
    client = serve()
    for kind in ("consent", "form", "block", "finished"):
        walker = Walker(client)
        walker.start()
        walker.walk(until=lambda step, kind=kind: step["kind"] == kind)
    refused = Walker(client)
    refused.do(refused.start().json()["state"]["step"], {"accepted": False})
    add(client.experiment, pilot=True)
    of = lines(client.experiment)
    assert distributions.funnel(of) == [
        ("opened the link", 5), ("consented", 3), ("filled in the form", 2),
        ("first trial", 1), ("half of the trials", 1), ("all trials", 1), ("completed", 1),
    ]  # fmt: skip
    counted = distributions.counts(of)
    assert (counted["entered"], counted["no consent"], counted["completed"], counted["pilot"]) == (5, 1, 1, 1)


def test_distributions_hold_everybody_and_one_night_sets_no_scale():
    of = [line(minutes=minutes) for minutes in (*range(20, 40), *range(20, 40), *range(20, 40), 900)]
    drawn = distributions.durations([*of, line(pilot=True), line(status="away")])
    assert sum(count for _, count in drawn.bins) == 61
    assert drawn.bins[-1] == ("≥ 40", 1)
    assert drawn.words.startswith("median 30 min, middle half 25 to 35")
    assert sum(count for _, count in distributions.reaction_times(of).bins) == 61 * 20
    assert distributions.shares([line(width=1024), line(width=1023), line(width=5000, browser="")])[1:] == [
        [("Firefox", 2)], [("768 to 1023", 1), ("1024 to 1279", 1), ("2560 and more", 1)]
    ]  # fmt: skip


STATES = [  # of [server], minutes since the last request, outcomes, the state
    ({"recruit": 1}, 0, ["completed"], "full"),
    ({}, 361, ["completed"], "stalled"),
    ({}, 200, ["completed", "failed_attention", "failed_attention", "", ""], "failing"),  # two have left
    ({"stalled_hours": 7.0}, 361, ["completed", "completed", "", "failed_attention"], "open"),  # two of four
]


@ON_SQLITE
def test_a_line_in_the_log_says_that_a_study_is_full_stalled_or_failing(serve, caplog):
    experiment = serve().experiment
    config = experiment.study.config
    for said, ago, outcomes, name in STATES:
        server = config.server.model_copy(update=said)
        experiment.study = replace(experiment.study, config=config.model_copy(update={"server": server}))
        experiment.database.writer.submit_sync(lambda orm: orm.execute(delete(Participant)))
        for outcome in outcomes:
            add(experiment, outcome=outcome, seen_ago=ago)
        add(experiment, 3, outcome="", seen_ago=ago if name == "stalled" else 0, pilot=True)
        caplog.clear()
        before = watch.StudyState("open")
        for _ in range(2):  # the second time nothing has changed
            before = watch.note(experiment, before)
        logged = [record.getMessage() for record in caplog.records if record.name == "exemplum.server"]
        assert logged == ([] if name == "open" else [f"the study is {name}"])
