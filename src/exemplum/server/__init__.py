"""The web experiment: people answer the trials of a study in a browser, without access to the answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import Field, field_validator, model_validator

from exemplum.errors import did_you_mean, shown
from exemplum.responses import ExclusionsSection
from exemplum.study import Name, Once, Section, Share, Text, check_order

if TYPE_CHECKING:
    from exemplum.server.experiment import Experiment as Experiment, Settings as Settings
    from exemplum.server.http.app import create_app as create_app
    from exemplum.server.http.preview_server import open_preview as open_preview, run_preview as run_preview
    from exemplum.server.http.run import run as run
    from exemplum.server.pages.preview_pdf import write_pdf as write_pdf
    from exemplum.server.panels.links import PANELS as PANELS, link_doubts as link_doubts
    from exemplum.server.panels.offline import issue_links as issue_links, panel_links as panel_links
    from exemplum.server.storage.pilots import PilotAnswers as PilotAnswers, pilots as pilots
    from exemplum.server.storage.registration import refuse_stale as refuse_stale

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"  # BCP 47: en, pt-BR, zh-Hant
WEB_ADDRESS = re.compile(r"https?://[^\s/?#{}]+\S*$")  # a host that no participant's link can choose
Demographic = Literal["age", "gender", "handedness", "visual_aid"]  # questions that the server has
COMMENT, EXPERTISE = "comment", "expertise"  # names of further questions that the server asks
COMPREHENSION = ("shown_on_the_right", "image_to_choose")  # the two of the comprehension check


class FieldSection(Section):
    """An additional question of the study in the demographics form; its texts are in STUDY/texts/LANGUAGE.toml."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="a name of lower-case letters, digits and _, of at most 41 characters, that begins with a letter",
    )
    type: Literal["integer", "choice", "text"] = "text"
    options: Annotated[tuple[Annotated[Name, Field(max_length=100)], ...], Once] = ()  # of a choice
    required: bool = False
    screen_out: Annotated[tuple[Name, ...], Once] = ()  # options that end the session: the person is screened out
    min: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)  # of an integer
    max: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)
    max_length: int | None = Field(2000, ge=1, le=100_000)  # characters of a text

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


class CodesSection(Section):
    """Completion codes by outcome; {survey_code} and other parameters of the participant's link are filled in."""

    completed: Text = ""
    failed_attention: Text = ""
    no_consent: Text = ""
    screened_out: Text = ""


class RedirectsSection(CodesSection):
    """Where participants are sent at the end, by outcome; parameters of their link are filled in as in codes."""

    @field_validator(*CodesSection.model_fields)
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and not WEB_ADDRESS.match(address):
            raise ValueError(f"must be an address that begins with https:// or http:// (got {shown(address)})")
        return address


Money = Annotated[float, Field(ge=0, le=10_000)]


class PaySection(Section):
    """What participants get, and by which rule; the files for a panel are made from it."""

    amount: Money | None = None  # for a completed session
    currency: str = Field("GBP", pattern=r"^[A-Z]{3}$", description="a code of three capital letters, as in GBP")
    bonus: Literal["none", "fixed", "accuracy"] = "none"
    bonus_amount: Money = 0.0  # fixed: of everyone approved; accuracy: with all main trials right
    bonus_from: float = Field(0.5, ge=0, lt=1)  # accuracy: share of main trials right up to which there is no bonus
    screened_out: Money = 0.0  # of everyone screened out
    # exclusion rules that are a reason to reject; those excluded by others have done their work and are approved
    reject: Annotated[tuple[Name, ...], Once] = ("catch_accuracy",)

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
    """The web experiment."""

    title: Text = ""  # shown to participants; a neutral one if not given
    contact: Text = ""  # whom participants can write to
    minutes: int | None = Field(None, ge=1, le=10_000)  # how long it takes, as participants are told
    # the first is the default
    languages: Annotated[tuple[Annotated[str, Field(pattern=LANGUAGE)], ...], Once] = Field(
        ("en", "de"), min_length=1, description="a list of language codes, as in en, de or pt-BR"
    )
    groups: Literal["none", "question", "link"] = "none"  # expert and lay: asked, or given by the link
    group_names: Annotated[tuple[Annotated[Name, Field(max_length=40)], ...], Once] = Field(
        ("expert", "lay"), min_length=1
    )
    demographics: Annotated[tuple[Demographic, ...], Once] = ("age", "gender", "handedness", "visual_aid")
    fields: tuple[FieldSection, ...] = ()
    # the protocol's if not given
    intuitiveness: Annotated[tuple[Literal["before", "after"], ...], Once] | None = None
    intuitiveness_units: int = Field(3, ge=0, le=20)
    fullscreen: bool = True
    min_width: int = Field(1000, ge=1, le=10_000)  # CSS pixels of the window
    min_height: int = Field(600, ge=1, le=10_000)  # a window held upright may have them the other way round
    # smallest side of an image in CSS pixels; in a window with less room the trial waits
    min_image_px: int = Field(100, ge=0, le=1000)
    comprehension: bool = False  # two questions about the task after the instructions
    break_s: float = Field(0.0, ge=0, le=3600)  # shortest break after a block
    practice_pass: Share = 0.0  # share right below which a practice block is shown again
    practice_rounds: int = Field(3, ge=1, le=100)  # at most this many times
    resume: Literal["browser", "anywhere"] = "browser"  # where someone known by an external id may resume
    # without a request, after which the place is assigned again
    dropout_minutes: float = Field(120.0, gt=0, le=100_000)
    recruit: int | None = Field(None, ge=1, le=1_000_000)  # close when this many have completed; never if not given
    # group → how many may take part: completed, or under way
    quotas: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(default_factory=dict)
    # without a request from anyone, after which an open study counts as stalled
    stalled_hours: float = Field(6.0, gt=0, le=100_000)
    image_format: Literal["jpeg", "png"] = "jpeg"
    image_quality: int = Field(92, ge=50, le=100)  # of jpeg, without chroma subsampling
    codes: CodesSection = CodesSection()  # if none is given, a random one is made for each participant
    redirects: RedirectsSection = RedirectsSection()
    backup: Text = ""  # where your backup of the database is written, a file or folder: exemplum check looks at it
    pay: PaySection = PaySection()

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
        "panels.links": ["link_doubts", "PANELS"],
        "panels.offline": ["issue_links", "panel_links"],
        "storage.pilots": ["PilotAnswers", "pilots"],
        "storage.registration": ["refuse_stale"],
    },
)
__all__ += ["CodesSection", "FieldSection", "PaySection", "RedirectsSection", "ServerSection"]
