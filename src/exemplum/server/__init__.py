"""The web experiment: people answer the trials of a study in a browser, without access to the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import AfterValidator, Field, field_validator, model_validator

from exemplum.errors import did_you_mean, shown
from exemplum.responses import ExclusionsSection
from exemplum.study import Accepts, Name, Once, Section, Share, Text, check_order, web_address

if TYPE_CHECKING:
    from exemplum.server.experiment import Experiment as Experiment, Settings as Settings
    from exemplum.server.http.app import create_app as create_app
    from exemplum.server.http.preview_server import open_preview as open_preview, run_preview as run_preview
    from exemplum.server.http.run import run as run
    from exemplum.server.pages.preview_pdf import write_pdf as write_pdf
    from exemplum.server.panels.links import PANELS as PANELS, base_of as base_of, link_doubts as link_doubts
    from exemplum.server.panels.offline import issue_links as issue_links, panel_links as panel_links
    from exemplum.server.storage.pilots import PilotAnswers as PilotAnswers, pilots as pilots
    from exemplum.server.storage.registration import refuse_stale as refuse_stale

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"  # BCP 47: en, pt-BR, zh-Hant
Demographic = Literal["age", "gender", "handedness", "visual_aid"]  # questions that the server has
COMMENT, EXPERTISE = "comment", "expertise"  # names of further questions that the server asks
COMPREHENSION = ("shown_on_the_right", "image_to_choose")  # the two of the comprehension check


class FieldSection(Section):
    """A question of your own in the form about the participant, one `[[server.fields]]` for each.

    Its texts are `field.NAME.label` and so on in STUDY/texts/LANGUAGE.toml.
    """

    name: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9_]{0,40}$"),
        Accepts("a name of lower-case letters, digits and _, of at most 41 characters, that begins with a letter"),
    ]
    """Name of the question: lower-case letters, digits and `_`.

    Not that of a question in `demographics`, nor `comment`, `shown_on_the_right`, `image_to_choose` or, with `groups =
    "question"`, `expertise`."""
    type: Literal["integer", "choice", "text"] = "text"
    """What is answered: a whole number, one of the `options`, or free text."""
    options: Annotated[tuple[Annotated[Name, Field(max_length=100)], ...], Once] = ()
    """The options of a `choice`, which needs some."""
    required: bool = False
    """Whether the question must be answered."""
    screen_out: Annotated[tuple[Name, ...], Once] = ()
    """The options that end the session: the person is screened out before the first trial."""
    min: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)
    """The lowest `integer` that is accepted; any if left out."""
    max: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)
    """The highest `integer` that is accepted; any if left out."""
    max_length: int | None = Field(2000, ge=1, le=100_000)
    """The most characters of a `text` that are accepted."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> FieldSection:
        if (self.type == "choice") != bool(self.options):
            raise ValueError(f"type choice needs options, and no other type takes them (got type {self.type})")
        if strange := [option for option in self.screen_out if option not in self.options]:
            raise ValueError(f"screen_out names {shown(strange[0])}, which is none of the options")
        if self.type != "integer" and (self.min is not None or self.max is not None):
            raise ValueError(f"min and max are only for type integer (got type {self.type})")
        check_order("min", self.min, "max", self.max)
        return self


Line = Annotated[Text, AfterValidator(str.strip)]  # without the spaces around it, which nobody means


class CodesSection(Section):
    """Completion codes by outcome.

    If neither `completed` nor `failed_attention` is given, each participant gets a random code, which the
    experimenter's pages show.
    """

    completed: Text = ""
    """Of anyone who completed the session."""
    failed_attention: Text = ""
    """Of anyone who completed it, with fewer catch trials right than `[exclusions] catch_accuracy` asks for."""
    no_consent: Text = ""
    """Of anyone who refuses consent; none if left out."""
    screened_out: Text = ""
    """Of anyone who is screened out; none if left out."""


class RedirectsSection(CodesSection):
    """Where participants are sent at the end, by outcome: addresses that begin with `https://` or `http://` and a host.

    `{survey_code}` and any other parameter of the participant's link are filled in.
    """

    @field_validator(*CodesSection.model_fields)
    @classmethod
    def _is_address(cls, address: str) -> str:
        return web_address(address)


Money = Annotated[float, Field(ge=0, le=10_000)]


class PaySection(Section):
    """What participants get, and by which rule: the consent page says amount and bonus, and the files for a panel are
    made from it."""

    amount: Money | None = None
    """Pay for a completed session, in `currency`. If it is left out and there is no bonus, no page speaks of pay."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$"), Accepts("a code of three capital letters, as in GBP")] = (
        "GBP"
    )
    """Code of the currency, in three capital letters."""
    bonus: Literal["none", "fixed", "accuracy"] = "none"
    """Who gets a bonus: nobody, everyone approved, or each by their share of main trials right."""
    bonus_amount: Money = 0.0
    """The bonus, in `currency`; with `accuracy`, that of anyone who is right in all main trials."""
    bonus_from: float = Field(0.5, ge=0, lt=1)
    """With `accuracy`: share of main trials right up to which there is no bonus, and above which it grows in
    proportion."""
    screened_out: Money = 0.0
    """Pay of anyone who is screened out, in `currency`."""
    reject: Annotated[tuple[Name, ...], Once] = ("catch_accuracy",)
    """Rules of `[exclusions]` that are a reason to reject. Those excluded by other rules have done their work and are
    approved."""

    @field_validator("reject")
    @classmethod
    def _are_rules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in ExclusionsSection.model_fields:
                known = did_you_mean(name, ExclusionsSection.model_fields)
                raise ValueError(f"must name rules of [exclusions] (got {shown(name)}{known})")
        return names

    @model_validator(mode="after")
    def _has_an_amount(self) -> PaySection:
        if (self.bonus == "none") != (self.bonus_amount == 0):
            raise ValueError(
                f"bonus and bonus_amount belong together (got bonus {self.bonus!r} and bonus_amount "
                f"{self.bonus_amount:g})"
            )
        return self


class ServerSection(Section):
    """The experiment with people, in the browser."""

    title: Line = ""
    """Title of the study, shown to participants; a neutral one if left out."""
    contact: Line = ""
    """Whom participants can write to."""
    minutes: int | None = Field(None, ge=1, le=10_000)
    """How long the study takes, in minutes, as the consent page and the instructions say it."""
    languages: Annotated[
        tuple[Annotated[str, Field(pattern=LANGUAGE)], ...],
        Once,
        Field(min_length=1),
        Accepts("a list of language codes, as in en, de or pt-BR"),
    ] = ("en", "de")
    """Codes of the languages; the first is the default.

    Texts in STUDY/texts/LANGUAGE.toml override the shipped ones key by key; a language that is not shipped needs such a
    file. A key that no page shows is an error."""
    groups: Literal["none", "question", "link"] = "none"
    """Whether participants are in groups, such as experts and lay people: `question` asks for the group in the form,
    `link` takes it from the link."""
    group_names: Annotated[tuple[Annotated[Name, Field(max_length=40)], ...], Field(min_length=1), Once] = (
        "expert", "lay",
    )  # fmt: skip
    """Names of the groups."""
    demographics: Annotated[tuple[Demographic, ...], Once] = ("age", "gender", "handedness", "visual_aid")
    """Which of the shipped questions are asked."""
    fields: tuple[FieldSection, ...] = ()
    """Questions of your own."""
    intuitiveness: Annotated[tuple[Literal["before", "after"], ...], Once] | None = None
    """When participants rate how intuitive units are; the protocol's choice if left out (never in `quick` and
    `imi2023`)."""
    intuitiveness_units: int = Field(3, ge=0, le=20)
    """How many units they rate."""
    fullscreen: bool = True
    """Whether the check before the instructions asks for full screen. The participant may continue without it."""
    min_width: int = Field(1000, ge=1, le=10_000)
    """Width of the window that the check asks for, in CSS pixels. The participant may continue in a smaller one."""
    min_height: int = Field(600, ge=1, le=10_000)
    """Its height, in CSS pixels. A window held upright may have width and height the other way round."""
    min_image_px: int = Field(100, ge=0, le=1000)
    """Smallest side of a reference or query, in CSS pixels; 0: any size.

    A window with less room is waited for, at the check and in each trial; on a screen that is too small no session
    begins."""
    comprehension: bool = False
    """Whether two questions about the task follow the instructions (true in a study made by `exemplum new`).

    While one is missed it is explained, the examples are shown again, and both are asked again, at most 10 times.
    Counted in `comprehension_attempts` and `comprehension_first` of the sessions."""
    break_s: float = Field(0.0, ge=0, le=3600)
    """Shortest break after a block, in s."""
    practice_pass: Share = 0.0
    """Share of right answers below which a practice block is shown again; with 0 it is shown once."""
    practice_rounds: int = Field(3, ge=1, le=100)
    """The most rounds of a practice block."""
    resume: Literal["browser", "anywhere"] = "browser"
    """Where a participant may continue: in the same browser, or anywhere by an external id, which is not a secret."""
    dropout_minutes: float = Field(120.0, gt=0, le=100_000)
    """Minutes without a request after which the participant's place is assigned again; one who returns continues all
    the same."""
    recruit: int | None = Field(None, ge=1, le=1_000_000)
    """Take nobody new when this many have completed and are not excluded; any number if left out. Recruitment, and with
    it the blinding, ends when you close it on the page Sessions."""
    quotas: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(default_factory=dict)
    """How many of each group may take part, as in `quotas = {expert = 20, lay = 20}`.

    Those who have completed or are under way count; dropouts and excluded participants do not. With `groups = "link"` a
    full group's link is closed; with `groups = "question"` a person of a full group is screened out after the form.
    When every quota is full the study takes nobody."""
    stalled_hours: float = Field(6.0, gt=0, le=100_000)
    """Hours without a request from any participant after which an open study counts as stalled (a line in the log)."""
    image_format: Literal["jpeg", "png"] = "jpeg"
    """Format of the images as sent."""
    image_quality: int = Field(92, ge=50, le=100)
    """Quality of `jpeg`, without chroma subsampling."""
    codes: CodesSection = CodesSection()
    """Completion codes."""
    redirects: RedirectsSection = RedirectsSection()
    """Where participants are sent at the end."""
    backup: Text = ""
    """Where your backup of the database is written, a file or a folder: `exemplum check` looks at it."""
    pay: PaySection = PaySection()
    """What participants get."""

    @model_validator(mode="after")
    def _asks_everything_once(self) -> ServerSection:
        if self.groups == "question" and len(self.group_names) < 2:
            raise ValueError('group_names must have at least two names, since groups = "question" asks for the group')
        taken = {*self.demographics, COMMENT, *COMPREHENSION, *([EXPERTISE] if self.groups == "question" else [])}
        for question in self.fields:
            if question.name in taken:
                raise ValueError(f"fields must have unique names; there is another question named {question.name!r}")
            taken.add(question.name)
        return self

    @model_validator(mode="after")
    def _quotas_are_of_groups(self) -> ServerSection:
        if self.quotas and self.groups == "none":
            raise ValueError('quotas need groups = "question" or groups = "link"')
        if strange := [name for name in self.quotas if name not in self.group_names]:
            raise ValueError(f"quotas names {shown(strange[0])}, which is none of group_names")
        return self


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "experiment": ["Experiment", "Settings"],
        "http.app": ["create_app"],
        "http.preview_server": ["open_preview", "run_preview"],
        "http.run": ["run"],
        "pages.preview_pdf": ["write_pdf"],
        "panels.links": ["base_of", "link_doubts", "PANELS"],
        "panels.offline": ["issue_links", "panel_links"],
        "storage.pilots": ["PilotAnswers", "pilots"],
        "storage.registration": ["refuse_stale"],
    },
)
__all__ += ["CodesSection", "FieldSection", "PaySection", "RedirectsSection", "ServerSection"]
