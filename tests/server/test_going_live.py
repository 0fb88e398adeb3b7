"""Whether a study may begin: each check says so, on the command line and on the experimenter's page."""

import os
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, update

from exemplum import design as designs
from exemplum.checks import Verdict
from exemplum.design import texts
from exemplum.design.stage import save
from exemplum.records import TrialKind
from exemplum.server import live
from exemplum.server.storage.schema import Answer, SessionRow, now_ms
from exemplum.study import Study
from server import made
from server.conftest import ON_SQLITE, connected, new_database
from server.test_experimenter import let_in, pilot_link, press
from server.walk import Walker

CONSENT = '[consent]\ntext = "We are the laboratory of Tübingen. Approved by the ethics board, 17/2026."\n'
GOOD = """[exclusions]
catch_accuracy = 0.8
[server]
title = "Which image fits?"
contact = "vision@uni-tuebingen.de"
languages = ["en"]
recruit = 12
[server.codes]
completed = "C1F"
failed_attention = "C2F"
no_consent = "C3F"
"""
HTTPS = "https://study.uni-tuebingen.de"


@pytest.fixture
def checked(tmp_path, base_study):
    """`checked(toml, consent=True)`: verdict and words by title of what is checked, of a study of six places."""

    def check(toml=GOOD, consent=CONSENT, **situation):
        study = made.like(base_study(), tmp_path / "study", toml)
        if consent:
            (study.folder / "texts").mkdir()
            (study.folder / "texts" / "en.toml").write_text(consent, encoding="utf-8")
        found = live.live_checks(live.Situation(study, **{"address": HTTPS} | situation))
        return {one.title: (one.verdict.value, f"{one.found} | {one.advice}") for one in found}

    return check


def test_a_study_that_declares_everything_may_begin(checked):
    found = checked()
    assert {title for title, (verdict, _) in found.items() if verdict == "wrong"} == set()
    fine = {"consent", "contact", "title", "exclusion rules", "sample size", "codes and redirects", "HTTPS",
            "placeholders in links", "design", "recruitment"}  # fmt: skip
    assert fine <= {title for title, (verdict, _) in found.items() if verdict == "fine"}
    # of these a program knows nothing before there are any
    assert [found[title][0] for title in ("pilots", "validity of the trials", "backup")] == ["look"] * 3


def test_a_new_study_should_not_begin(checked):
    found = checked("", consent="")
    of_machine = {"clock": "", "disk": ""}  # whatever they are where the tests run
    assert {title: verdict for title, (verdict, _) in found.items() if verdict != "fine"} | of_machine == {
        "consent": "wrong", "contact": "wrong", "title": "look", "exclusion rules": "look", "sample size": "look",
        "codes and redirects": "look", "validity of the trials": "look", "pilots": "look", "backup": "look",
        **of_machine,
    }  # fmt: skip
    assert "en, de is the example" in found["consent"][1]


@pytest.mark.parametrize(
    ("old", "new", "title", "verdict", "words"),
    [
        ('languages = ["en"]', 'languages = ["en", "de"]', "consent", "wrong", "the text in de is the example"),
        ("vision@uni-tuebingen.de", "lab@example.org", "contact", "wrong", "is a placeholder"),
        ("recruit = 12", "recruit = 10", "sample size", "look", "10\u00a0people for 6\u00a0schedules"),
        ('"C2F"', '"C1F"', "codes and redirects", "wrong", "cannot tell them apart"),
        # whoever comes by the same address is the same to the panel, whatever code the page shows
        ("[server.codes]", "[server.redirects]\n"
         + "".join(f'{end} = "https://app.prolific.com/done?cc=A"\n' for end in ("completed", "no_consent"))
         + "[server.codes]", "codes and redirects", "wrong", "cannot tell them apart"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://app.prolific.com/done?cc=C2F"\n[server.codes]',
         "codes and redirects", "wrong", "cannot tell them apart"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://app.prolific.com/done?cc=C1F"\n[server.codes]',
         "codes and redirects", "fine", "one for each outcome"),
        ('"C2F"\n', '"C2F"\nscreened_out = "C1F"\n', "codes and redirects", "fine", "one"),  # nobody can be
        ('no_consent = "C3F"', "", "codes and redirects", "look", "none for no_consent"),
        ('"C1F"', '"CODE"', "placeholders in links", "wrong", "[server.codes] completed still has CODE"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://app.prolific.com/submissions/complete?cc=XXXX"\n'
         "[server.codes]", "placeholders in links", "wrong", "still has XXXX"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://a.org/?id={{%PROLIFIC_PID%}}"\n[server.codes]',
         "placeholders in links", "wrong", "{{%PROLIFIC_PID%}}, which is for the panel's own pages"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://s.sona-systems.com/c?survey_code=%SURVEY_CODE%"\n'
         "[server.codes]", "placeholders in links", "wrong", "%SURVEY_CODE%"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://a.org/?id={surveycode}"\n[server.codes]',
         "placeholders in links", "look", "surveycode: of no panel"),
        ("[server.codes]", '[server.redirects]\ncompleted = "https://a.org/?p=%7B%7B%25PROLIFIC_PID%25%7D%7D"\n'
         "[server.codes]", "placeholders in links", "wrong", "{{%PROLIFIC_PID%}}, which is for the panel's own pages"),
        ('"C2F"', '"c1f "', "codes and redirects", "wrong", "cannot tell them apart"),  # a person types it
        # a code that is typed is the same whether one outcome has an address too, or not
        ('"C2F"\n', '"C1F"\nscreened_out = "C4F"\n[server.redirects]\ncompleted = "https://a.org/?cc=C1F"\n'
         '[server.pay]\n#', "codes and redirects", "wrong", "cannot tell them apart"),
        ("[server.codes]", '[server.redirects]\ncompleted = "http://a.org/?cc=C1F"\n[server.codes]',
         "codes and redirects", "wrong", "completed begins with http://"),
        ("vision@uni-tuebingen.de", "  ", "contact", "wrong", "nobody whom participants could write to"),
        ("vision@uni-tuebingen.de", "the lab", "contact", "look", "no address and no number"),
        ("Which image fits?", "TODO", "title", "wrong", "TODO is a placeholder"),
        ("recruit = 12", 'recruit = 12\ngroups = "link"\nquotas = {expert = 4, lay = 4}', "sample size", "look",
         "the quotas take 8 people in all"),
        ("recruit = 12", 'recruit = 12\ngroups = "link"\nquotas = {expert = 12, lay = 0}', "sample size", "look",
         "the quota of lay is 0"),
        ("[server.codes]", '[server.pay]\namount = 1.0\nreject = ["blurs_max"]\n[server.codes]',
         "exclusion rules", "look", "nobody can be rejected by blurs_max"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(checked, old, new, title, verdict, words):
    assert old in GOOD
    found = checked(GOOD.replace(old, new))
    assert found[title][0] == verdict, found[title]
    assert words in found[title][1]


EXAMPLE = texts.read(texts.SHIPPED / "en.toml")["consent.text"]


@pytest.mark.parametrize(
    ("text", "verdict", "words"),
    [
        (EXAMPLE.replace("\n\n", "\n\n\n"), "wrong", "is the example"), ("", "wrong", "is empty"),
        ("We are [NAME OF THE UNIVERSITY].", "wrong", "still has [NAME OF THE UNIVERSITY]"),
        (EXAMPLE.replace("this study", "our study"), "look", "is nearly the example"),
    ],
)  # fmt: skip
def test_a_consent_that_nobody_has_finished_is_named(checked, text, verdict, words):
    found = checked(consent=f'[consent]\ntext = """{text}"""\n')["consent"]
    assert found[0] == verdict, found
    assert words in found[1]


@pytest.mark.parametrize(("languages", "words", "verdict", "said"), [
    ('["en"]', "", "wrong", 'tools: without words in en | write texts/en.toml: [field.tools] label = "…"'),
    ('["en", "de"]', '[field.tools]\nlabel = "Which tools?"\n', "wrong", "tools: without words in de"),
    ('["en"]', '[field.tools]\nlabel = "Which tools?"\n', "fine", "age, tools, in en"),  # age is shipped with words
])  # fmt: skip
def test_a_question_of_your_own_needs_words_in_every_language(checked, languages, words, verdict, said):
    asked = '[server]\ndemographics = ["gender"]\n'
    fields = '[[server.fields]]\nname = "age"\n[[server.fields]]\nname = "tools"\n'
    toml = GOOD.replace("[server]\n", asked).replace('["en"]', languages) + fields
    found = checked(toml, consent=CONSENT + words)["questions"]
    assert found[0] == verdict, found
    assert said in found[1]


def test_a_consent_that_is_wrong_in_the_second_language_is_not_hidden_by_the_first(checked, tmp_path):
    (tmp_path / "study" / "texts").mkdir(parents=True)
    (tmp_path / "study" / "texts" / "en.toml").write_text(
        f'[consent]\ntext = """{EXAMPLE.replace("this study", "our study")}"""\n', encoding="utf-8"
    )
    (tmp_path / "study" / "texts" / "de.toml").write_text('[consent]\ntext = ""\n', encoding="utf-8")
    found = checked(GOOD.replace('languages = ["en"]', 'languages = ["en", "de"]'), consent="")["consent"]
    assert found[0] == "wrong", found
    assert "the text in de is empty" in found[1]


def test_addresses_of_panels_that_the_server_fills_in_are_fine(checked):
    text = '[server.redirects]\ncompleted = "https://s.sona-systems.com/c?a=%C3%BC&survey_code={survey_code}"\n'
    found = checked(GOOD.replace("[server.codes]", text + "[server.codes]"))
    assert found["placeholders in links"][0] == "fine"


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        (HTTPS, "fine"), ("http://study.uni-tuebingen.de", "wrong"), ("http://127.0.0.1:8000", "look"),
        ("http://localhost:8000", "look"), ("http://[::1]:8000", "look"), ("https://study.example.org", "wrong"),
        ("", "look"),
    ],
)  # fmt: skip
def test_answers_travel_encrypted(checked, address, verdict):
    assert checked(address=address)["HTTPS"][0] == verdict


def test_the_laboratory_needs_neither_codes_nor_https(checked):
    found = checked("", lab=True, address="http://127.0.0.1:8000")
    assert (found["HTTPS"][0], found["codes and redirects"][0]) == ("fine", "fine")


def test_a_rule_about_catch_trials_needs_some(checked, tmp_path):
    checked()
    study = Study.open(tmp_path / "study")
    design = designs.load(study)
    blocks = [[replace(block, trials=tuple(trial for trial in block.trials if trial.kind is not TrialKind.CATCH))
               for block in session.blocks] for session in design.sessions]  # fmt: skip
    sessions = [replace(one, blocks=tuple(of)) for one, of in zip(design.sessions, blocks, strict=True)]
    save(study, replace(design, sessions=tuple(sessions)))
    found = {one.title: one for one in live.live_checks(live.Situation(study))}
    assert found["exclusion rules"].verdict is Verdict.WRONG
    assert "no catch trials" in found["exclusion rules"].found


@pytest.fixture
def other_disk():
    """A folder on another file system than the studies of the tests."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@ON_SQLITE
def test_a_backup_is_there_elsewhere_and_fresh(serve, tmp_path, other_disk):
    client = serve()
    walker = Walker(client)
    walker.start()
    walker.do_block(walker.walk(until=lambda step: step["kind"] == "block"))
    folder, toml = client.experiment.study.folder, (client.experiment.study.folder / "study.toml").read_text()
    beside, elsewhere = tmp_path / "copy.sqlite", other_disk / "copy.sqlite"

    def verdict(path):
        (folder / "study.toml").write_text(f'{toml}[server]\nbackup = "{path}"\n')
        situation = live.Situation(Study.open(folder), client.experiment.database)
        return next(one.verdict for one in live.live_checks(situation) if one.title == "backup")

    assert verdict(elsewhere) is Verdict.WRONG  # there is none
    for path in (beside, elsewhere):
        path.write_text("data")
    assert verdict(beside) is Verdict.LOOK
    assert verdict(elsewhere) is verdict(other_disk) is Verdict.FINE
    long_ago = time.time() - 3 * 86_400
    os.utime(elsewhere, (long_ago, long_ago))
    assert verdict(elsewhere) is Verdict.WRONG


def test_a_clock_behind_what_was_recorded_is_wrong(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    walker.do_block(walker.walk(until=lambda step: step["kind"] == "block"))
    ahead = now_ms() + 3_600_000
    client.experiment.database.writer.submit_sync(lambda orm: orm.execute(update(Answer).values(received_at=ahead)))
    found = of_server(client)
    assert found["clock"].verdict is Verdict.WRONG
    assert "60 min behind" in found["clock"].found


def of_server(client):
    here = live.Situation(client.experiment.study, client.experiment.database)
    return {one.title: one for one in live.live_checks(here)}


def test_time_and_pay_come_from_pilots(serve):
    """Oracle: by hand. Of 10, 20 and 30 minutes the median is 20, and 28 the 90 % quantile; 2.00 for 20 are 6.00/h."""
    client = serve('[server.pay]\namount = 2.0\ncurrency = "EUR"\n')
    link = pilot_link(client)
    assert of_server(client)["pilots"].found == "no pilots finished"
    for minutes in (10, 20, 30):
        Walker(client, link=link).start()
        ended = update(SessionRow).where(SessionRow.id == minutes // 10)
        ended = ended.values(outcome="completed", finished_at=SessionRow.created_at + minutes * 60_000)
        client.experiment.database.writer.submit_sync(lambda orm, ended=ended: orm.execute(ended))
    Walker(client).start()  # a participant is no pilot
    found = of_server(client)
    assert found["pilots"].found == "3 finished"
    assert "20 min (median; nine of ten at most 28 min; n = 3)" in found["duration"].found
    assert found["pay"].found.startswith("2.00 EUR, 6.00 per hour at the pilots' median")


@ON_SQLITE
def test_the_page_says_the_same(serve):
    client = let_in(serve("", address="http://study.uni-tuebingen.de"))
    page = client.get("/experimenter/ready").text
    assert "The study should not begin: 3 things are wrong" in page
    rows = re.findall(r'status (\w+)">[^<]*</span></td><th scope="row">([^<]+)<', page)
    assert [title for verdict, title in rows if verdict == "wrong"] == ["consent", "contact", "HTTPS"]
    press(client, "/experimenter/recruitment", state="paused")
    assert "paused" in client.get("/experimenter/ready").text


@ON_SQLITE
def test_a_pilot_server_is_no_way_to_begin(serve):
    page = let_in(serve(pilot=True)).get("/experimenter/ready").text
    assert "marks all sessions as pilots" in page


def test_looking_at_a_database_of_another_schema_leaves_it_as_it_is(tmp_path, base_study, postgres):
    study, url = made.like(base_study(), tmp_path / "study", GOOD), new_database(postgres)
    assert live.opened(study, url) is None
    with connected(url) as connection:
        assert inspect(connection).get_table_names() == []
