"""A participant at the browser, who presses what a person would press, with the mouse or the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from exemplum.server import Experiment
from exemplum.server.sessions.comprehension import SOLUTIONS
from exemplum.server.storage.schema import Answer, SessionRow, TrialRow

KEYS = {"top": "qwe", "bottom": "asd"}
Chooser = Callable[[TrialRow], tuple[str, int]]


class Person:
    """`choose` says what to answer on a trial, knowing the truth from the database, as no page does."""

    def __init__(
        self, page: Page, experiment: Experiment, choose: Chooser, keyboard: bool = False, language: str = "en"
    ) -> None:
        self.page = page
        self.experiment = experiment
        self.choose = choose
        self.keyboard = keyboard
        self.words = experiment.texts[language]
        self.rating: Callable[[], int] = lambda: 5  # how far to move the slider
        self.rated: list[int] = []
        self.seen: list[str] = []  # kinds of steps done
        self.look: Callable[[str], None] = lambda _what: None  # called where each kind of page stands

    def session(self, until: str = "finished") -> None:
        """Do every step until one of this kind stands."""
        body = self.page.locator("body")
        while True:
            expect(body).to_have_attribute("data-kind", re.compile("."))
            kind, step = body.get_attribute("data-kind"), body.get_attribute("data-step")
            if kind == until:
                return
            self.do(kind)
            self.seen.append(kind)
            expect(body).not_to_have_attribute("data-step", step)

    def do(self, kind: str) -> None:
        if kind == "instructions":
            self.instructions()
        elif kind == "intuitiveness":
            self.intuitiveness()
        elif kind in ("form", "debrief"):
            self.form(kind)
        elif kind == "comprehension":
            self.comprehension()
        elif kind == "block":
            self.block()
        else:
            self.page.locator(".primary").wait_for()
            self.look(kind)
            self.go_on()

    def go_on(self) -> None:
        """Press the button that leads on."""
        button = self.page.locator(".primary:enabled")
        button.wait_for()
        if self.keyboard:
            self.page.keyboard.press("Enter")
        else:
            button.click()

    def form(self, kind: str) -> None:
        self.page.locator("form").wait_for()
        self.look(kind)
        if self.keyboard:
            self._form_by_keys(kind)
            return
        if self.page.locator("#field-age").count():
            self.page.locator("#field-age").fill("31")
        for group in self.page.locator("fieldset").all():
            group.locator("label").first.click()
        self.page.locator("#jspsych-survey-html-form-next").click()

    def comprehension(self, **given: str) -> None:
        """Answer the check, correctly but for what is `given`."""
        self.page.locator("form").wait_for()
        self.look("comprehension")
        for name, option in (SOLUTIONS | given).items():
            self.page.locator(f'input[name="{name}"][value="{option}"]').check()
        self.page.locator("#jspsych-survey-html-form-next").click()

    def _form_by_keys(self, kind: str) -> None:
        press = self.page.keyboard.press
        fields = self.page.locator(".field").count()
        press("Tab")
        for place in range(fields):
            if kind == "form" and place == 0:
                self.page.keyboard.type("31")
            elif kind == "form":
                press("Space")
            press("Tab")
        press("Enter")

    def instructions(self) -> None:
        while True:
            button = self.page.locator(".primary")
            if self.page.locator("article.example").count():
                self.page.locator('.trial[data-state="shown"], .trial[data-state="judged"]').wait_for()
                self.look("example")
            else:
                self.look("instructions")
            last = button.inner_text() == self.words["instructions.start"]
            heading = self.page.locator("#main article p").first.inner_text()
            self.go_on()
            if last:
                return
            expect(self.page.locator("#main article p").first).not_to_have_text(heading)

    def intuitiveness(self) -> None:
        slider = self.page.locator("input[type=range]")
        while True:
            slider.wait_for()
            self.look("intuitiveness")
            number, of = re.findall(r"\d+", self.page.locator(".eyebrow").inner_text())
            if self.keyboard:
                self.page.keyboard.press("Tab")
            else:
                slider.focus()
            self.rated.append(self.rating())
            for _ in range(abs(self.rated[-1])):
                self.page.keyboard.press("ArrowRight" if self.rated[-1] > 0 else "ArrowLeft")
            button = self.page.locator("#jspsych-html-slider-response-next")
            if self.keyboard:
                self.page.keyboard.press("Tab")
                self.page.keyboard.press("Enter")
            else:
                button.click()
            if number == of:
                return
            count = self.words["intuitiveness.count"]
            expect(self.page.locator(".eyebrow")).to_have_text(count.format(number=int(number) + 1, of=of))

    def block(self) -> None:
        self.page.locator(".primary:enabled").wait_for()
        self.look("block")
        self.go_on()
        left = self.left_in_block()
        for _ in range(left):
            self.trial()

    def trial(self) -> TrialRow:
        """Answer the trial on the screen and wait until its feedback is over."""
        self.page.locator('.trial[data-state="open"]').wait_for()
        trial = self.pending()
        self.look("trial")
        choice, confidence = self.choose(trial)
        self.press(choice, confidence)
        self.page.locator('.trial[data-state="judged"]').wait_for()
        self.look("feedback")
        expect(self.page.locator('.trial[data-state="judged"]')).to_have_count(0)
        return trial

    def press(self, choice: str, confidence: int) -> None:
        if self.keyboard:
            self.page.keyboard.press(KEYS[choice][confidence - 1])
        else:
            self.button(choice, confidence).click()

    def button(self, choice: str, confidence: int):
        return self.page.locator(f'.query[data-side="{choice}"] [data-confidence="{confidence}"]')

    def pending(self) -> TrialRow:
        """The trial that this session has to answer now."""
        with self.experiment.database.read() as orm:
            row = orm.scalars(select(SessionRow).order_by(SessionRow.id.desc())).first()
            answered = orm.scalar(select(func.count(Answer.id)).where(Answer.session_id == row.id))
            found = select(TrialRow).where(TrialRow.session_id == row.id, TrialRow.position == answered)
            return orm.scalars(found).one()

    def left_in_block(self) -> int:
        first = self.pending()
        with self.experiment.database.read() as orm:
            same = (TrialRow.session_id == first.session_id, TrialRow.step == first.step)
            return orm.scalar(select(func.count()).where(*same, TrialRow.position >= first.position))
