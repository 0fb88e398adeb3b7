"""Who is approved, rejected and paid, by rules of study.toml; tests/server/browser/test_panels.py has people do it."""

import re
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from exemplum.responses import ExclusionsSection
from exemplum.server import PaySection
from exemplum.server.pages import session_lines
from exemplum.server.panels.decisions import BECAUSE, PLAIN, accuracy_bonus, decisions, totals
from exemplum.server.storage.schema import Audit, Participant, SessionRow
from server.conftest import ON_SQLITE
from server.test_dashboard import add
from server.test_experimenter import let_in

RULES = "[exclusions]\ncatch_accuracy = 0.8\nanswers_each_side = 3\ntotal_time_s_min = 60\n"
PAY = '[server.pay]\nbonus = "accuracy"\nbonus_amount = 2.0\nscreened_out = 0.25\n'
WELL = {"main_answers": 20, "main_correct": 15, "main_top": 9, "catch_answers": 5, "catch_correct": 5,
        "began_at": 0.0, "ended_at": 100_000.0}  # fmt: skip
CROWD = [  # outcome, summary, minutes since the last request, decision, reason, bonus
    ("completed", {}, 0, "approve", "", "1.00"),
    ("completed", {"main_correct": 20}, 0, "approve", "", "2.00"),
    ("completed", {"main_correct": 8}, 0, "approve", "", "0.00"),  # below chance: nothing is owed back
    ("completed", {"ended_at": 50_000.0}, 0, "approve", "", "1.00"),  # excluded, but the work was done
    ("completed", {"main_top": 2}, 0, "reject", "2 on one side, at least 3 wanted", "0.00"),
    ("failed_attention", {"catch_correct": 3}, 0, "reject", "catch accuracy 0.60, at least 0.80 wanted", "0.00"),
    ("failed_attention", {}, 0, "reject", "too many of the simple control trials were answered wrongly", "0.00"),
    ("screened_out", {}, 0, "screened out", "", "0.25"),
    ("no_consent", {}, 0, "none", "no consent", "0.00"),
    ("", {}, 5, "none", "still under way", "0.00"),
    ("", {}, 121, "none", "left before the end", "0.00"),
]


def decided(experiment, source="prolific"):
    with experiment.database.read() as orm:
        return decisions(orm, experiment, session_lines.lines(orm, experiment))[source]


def test_each_fate_has_its_decision_and_the_page_shows_sums_alone(serve):
    client = let_in(serve(RULES + PAY + 'reject = ["catch_accuracy", "answers_each_side"]\n'))
    experiment = client.experiment
    for outcome, summary, ago, *_ in CROWD:
        add(experiment, outcome=outcome, seen_ago=ago, **WELL | summary)
    add(experiment, pilot=True, **WELL)
    found = decided(experiment)
    assert [(one.kind, one.reason, str(one.bonus)) for one in found] == [tuple(of[3:]) for of in CROWD]
    assert found[4].message == BECAUSE.format(reason="nearly all answers were on the same side")
    assert "only 3 of 5 attention checks were answered correctly" in found[5].message
    assert min(len(BECAUSE.format(reason=told)) for told in PLAIN.values()) >= 100  # as Prolific wants
    assert set(PLAIN) == set(ExclusionsSection.model_fields)
    assert totals(found)["approve"] == (4, Decimal("4.00"))
    page = client.get("/experimenter/payment").text
    assert ">4.00<" in page
    assert not re.search(rf">[12]\.00<|{found[1].external_id}", page)
    ids = client.get("/experimenter/payment/prolific/approve.txt").text.split()
    assert ids == [one.external_id for one in found[:4]]
    assert client.get("/experimenter/payment/prolific/approve.csv").status_code == 404
    with experiment.database.read() as orm:
        assert orm.scalars(select(Audit.detail)).all() == ["payment: prolific approve.txt"]


@ON_SQLITE
def test_a_made_up_id_adds_no_line_to_a_file(serve):
    client = let_in(serve())
    add(client.experiment, 2, **WELL)
    strange = "5f01\n5f02,99.00"
    client.experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(Participant).where(Participant.id == 1).values(external_id=strange))
    )
    client.experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(SessionRow).values(params={"SESSION_ID": "a\nb"}))
    )
    first, second = decided(client.experiment)
    assert (first.kind, second.kind, second.params) == ("none", "approve", {})
    assert client.get("/experimenter/payment/prolific/approve.txt").text == f"{second.external_id}\n"
    assert "not such as a panel gives" in client.get("/experimenter/payment").text


@ON_SQLITE
@pytest.mark.parametrize(
    ("redirect", "credit"),
    [
        ("c?experiment_id=9&survey_code={survey_code}", ""),  # of links that this one is not
        ("c?experiment_id=9&survey_code={id}", "https://s.sona-systems.com/c?experiment_id=9&survey_code=4711"),
        ("c?experiment_id=4711&study={study}", ""),  # the code is nowhere in it
    ],
)
def test_the_address_that_grants_credit_takes_the_code_from_whatever_parameter_carries_it(serve, redirect, credit):
    """SONA: “if the text %SURVEY_CODE% is placed anywhere within the Study URL”, as in ?id=%SURVEY_CODE%."""
    client = let_in(serve(f'[server.redirects]\ncompleted = "https://s.sona-systems.com/{redirect}"\n'))
    add(client.experiment, **WELL)
    client.experiment.database.writer.submit_sync(
        lambda orm: (
            orm.execute(update(Participant).values(external_id="4711", source="sona")),
            orm.execute(update(SessionRow).values(params={"id": "4711", "study": "5"})),
        )
    )
    rows = client.get("/experimenter/payment/sona/credits.csv").text.splitlines()[1:]
    assert rows == [f"4711,yes,,{credit}"]


def test_a_bonus_is_in_proportion_and_rounded_to_cents():
    pay = PaySection(bonus="accuracy", bonus_amount=1.0, bonus_from=0.5)
    accuracies = (0.0, 0.5, 0.5 + 0.0025, 2 / 3, 0.9975, 1.0)
    assert [str(accuracy_bonus(pay, accuracy)) for accuracy in accuracies] == [
        "0.00", "0.00", "0.01", "0.33", "1.00", "1.00"
    ]  # fmt: skip
