"""The files for panels, as the experimenter gets them in the browser: a mixed crowd, row by row."""

import csv
import io

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from exemplum.server.storage.schema import Audit, SessionRow, TrialRow, now_ms
from server.walk import Walker

TOML = """
[exclusions]
catch_accuracy = 0.8
instruction_time_s = 15
[[server.fields]]
name = "colours"
type = "choice"
required = true
options = ["all", "not_all"]
screen_out = ["not_all"]
[server.redirects]
completed = "https://school.sona-systems.com/webstudy_credit.aspx?experiment_id=9&credit_token=x&survey_code={survey_code}"
[server.pay]
amount = 3.0
bonus = "accuracy"
bonus_amount = 1.5
screened_out = 0.2
"""
MAIN = 6  # main trials of the study
WRONG = "catch accuracy 0.00, at least 0.80 wanted"
TOLD = "attention checks were answered correctly"


class Taker(Walker):
    """Somebody who answers so many main trials right, and catch trials right or not."""

    def __init__(self, http, experiment, right=MAIN, careful=True, **params):
        super().__init__(http, self._answer, **params)
        self.experiment, self.right, self.careful = experiment, right, careful

    def _answer(self, _block, trial):
        with self.experiment.database.read() as orm:
            kind, side = orm.execute(
                select(TrialRow.kind, TrialRow.max_side).where(TrialRow.key == trial["trial"])
            ).one()
        is_right = self.careful if kind == "catch" else True
        if kind == "main":
            is_right, self.right = self.right > 0, self.right - 1
        return (side if is_right else {"top": "bottom", "bottom": "top"}[side]), 2

    def come(self, until="finished", colours="all", instructions_ms=30_000.0):
        assert self.start().status_code == 201
        form = self.walk(until=lambda step: step["kind"] in ("form", until))
        if form["kind"] == "form":
            self.do(
                form, {"age": 30, "gender": "female", "handedness": "left", "visual_aid": "none", "colours": colours}
            )
        step = self.walk(until=lambda step: step["kind"] in ("instructions", until))
        if step["kind"] == "instructions" and until != "instructions":
            self.do(step, visible_ms=instructions_ms)
        return self.walk(until=lambda step: step["kind"] == until)


@pytest.fixture
def crowd(host):
    """A study with people of every fate from several panels."""
    running = host(main=2, toml=TOML, sizes={"catch": 1})
    experiment = running.experiment
    with httpx.Client(base_url=running.url) as http:

        def prolific(name, **more):
            return Taker(http, experiment, PROLIFIC_PID=name, STUDY_ID="6a", SESSION_ID=f"s-{name}", **more)

        prolific("perfect").come()
        prolific("most", right=5).come()
        prolific("guesser", right=3).come()
        prolific("careless", careful=False).come()
        prolific("hasty").come(instructions_ms=4000.0)  # excluded, but not for a reason to reject
        prolific("colourblind").come(colours="not_all")
        prolific("left").come(until="break")
        prolific("underway").come(until="break")
        refused = prolific("refused")
        refused.do(refused.start().json()["state"]["step"], {"accepted": False})
        prolific("gone").come()
        assert prolific("perfect").start().json()["error"]["code"] == "already_done"  # a duplicate, in another browser
        prolific("evil\nleft").come()  # a made-up id that would add a line
        Taker(http, experiment, workerId="A1", assignmentId="as1", hitId="h1").come()
        Taker(http, experiment, workerId="A2", assignmentId="as2", hitId="h1", careful=False).come()
        Taker(http, experiment, survey_code="4711").come()
        Taker(http, experiment, participantId="c0ffee", assignmentId="z", projectId="p", right=5).come()
    long_ago = now_ms() - 121 * 60_000
    write(running, update(SessionRow).where(SessionRow.id == 7).values(seen_at=long_ago))
    return running


def write(running, statement):
    running.experiment.database.writer.submit_sync(lambda orm: orm.execute(statement))


@pytest.mark.slow  # tests/server/test_payment.py has the rules without people and browser
def test_the_files_of_a_mixed_crowd_are_right_row_by_row(crowd, context):
    page = context.new_page()
    page.goto(f"{crowd.url}experimenter?token={crowd.experiment.token}")
    withdraw(page, crowd, "gone")
    page.get_by_role("link", name="Payment").click()

    def got(source, name):
        with page.expect_download() as download:
            page.locator(f"a[href='payment/{source}/{name}']").click()
        return download.value.path().read_text(encoding="utf-8")

    def rows(source, name):
        return [list(row.values()) for row in csv.DictReader(io.StringIO(got(source, name)))]

    assert got("prolific", "approve.txt") == "perfect\nmost\nguesser\nhasty\n"
    assert got("prolific", "bonus.txt") == "perfect,1.50\nmost,1.00\nhasty,1.50\n"  # half right: none
    assert got("prolific", "screened-out.txt") == "colourblind,0.20\n"
    [[submission, person, category, message]] = rows("prolific", "reject.csv")
    assert (submission, person, category) == ("s-careless", "careless", "FAILED_CHECK")
    assert TOLD in message
    assert len(message) >= 100
    assert rows("prolific", "decisions.csv") == [
        ["P0001", "perfect", "approve", "", "1.50", "GBP"],
        ["P0002", "most", "approve", "", "1.00", "GBP"],
        ["P0003", "guesser", "approve", "", "0.00", "GBP"],
        ["P0004", "careless", "reject", WRONG, "0.00", "GBP"],
        ["P0005", "hasty", "approve", "", "1.50", "GBP"],
        ["P0006", "colourblind", "screened out", "", "0.20", "GBP"],
        ["P0007", "left", "none", "left before the end", "0.00", "GBP"],
        ["P0008", "underway", "none", "still under way", "0.00", "GBP"],
        ["P0009", "refused", "none", "no consent", "0.00", "GBP"],
        ["P0011", "evil\nleft", "none", "the id is not one that a panel gives: look at it yourself", "0.00", "GBP"],
    ]
    batch = rows("mturk", "batch.csv")
    assert [row[:4] for row in batch] == [["h1", "as1", "A1", "X"], ["h1", "as2", "A2", ""]]
    assert [TOLD in row[4] for row in batch] == [False, True]
    assert rows("mturk", "bonus.csv") == [["A1", "as1", "1.50", "Bonus of the study"]]
    address = "https://school.sona-systems.com/webstudy_credit.aspx?experiment_id=9&credit_token=x&survey_code=4711"
    assert rows("sona", "credits.csv") == [["4711", "yes", "", address]]
    assert rows("cloudresearch", "approve.csv") == [["c0ffee", ""]]
    assert rows("cloudresearch", "bonus.csv") == [["c0ffee", "1.00"]]
    shown = page.get_by_role("row", name="approve").first.inner_text()
    assert shown.split() == ["approve", "4", "4.00"]  # sums alone
    assert "most" not in page.locator("main").inner_text()
    with crowd.experiment.database.read() as orm:
        noted = orm.scalars(select(Audit.detail).where(Audit.action == "download")).all()
    assert noted[0] == "payment: prolific approve.txt"
    assert len(noted) == 10


def withdraw(page, running, who):
    page.get_by_role("searchbox").fill(who)
    page.get_by_role("button", name="Show").click()
    page.locator("a[href^=session]").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Withdraw this participant").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()


@pytest.mark.slow  # tests/server/test_invitations.py has them without a browser
def test_a_link_is_copied_and_single_use_links_are_made(host, context):
    running = host(main=1, address="https://study.example.org")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running.url)
    page = context.new_page()
    page.goto(f"{running.url}experimenter?token={running.experiment.token}")
    page.get_by_role("link", name="Links").click()
    page.get_by_role("button", name="Copy participants").first.click()
    expect(page.locator("#copied")).to_contain_text("Copied")
    link = (
        "https://study.example.org/?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    )
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.get_by_label("Name of the batch").fill("autumn")
    page.get_by_label("Links", exact=True).fill("3")
    page.get_by_role("button", name="Make links").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="autumn.csv").click()
    numbers, links = zip(*csv.reader(download.value.path().read_text().splitlines()[1:]), strict=True)
    assert numbers == ("1", "2", "3")
    assert all(link.startswith("https://study.example.org/?invite=autumn-") for link in links)
    taken = running.url + links[0].partition("example.org/")[2]
    page.goto(taken)
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-kind", "consent")  # a person's own reload resumes
    other = context.browser.new_context(locale="en-GB").new_page()
    other.goto(taken)
    expect(other.locator("h1")).to_have_text("This link has already been used")
    other.context.close()
