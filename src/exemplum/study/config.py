"""The checked study.toml: the parts that its sections are made of, and which package owns which section."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from exemplum.errors import UNPRINTABLE, UserError, shown
from exemplum.study import toml_files

if TYPE_CHECKING:
    from exemplum.analysis import AnalysisSection
    from exemplum.design import DesignSection
    from exemplum.explanations import ExplanationsSection, StimuliSection
    from exemplum.explanations.synthetic import SyntheticSection
    from exemplum.export import DatasetSection
    from exemplum.images import ImagesSection
    from exemplum.index import IndexSection, UnitsSection
    from exemplum.models import DictionariesSection, ModelSection
    from exemplum.observers import ObserversSection
    from exemplum.queries import QueriesSection
    from exemplum.responses import ExclusionsSection
    from exemplum.scores import ScoresSection
    from exemplum.server import ServerSection

# Section → the class that describes it, in the order of the pipeline. Imported late: packages of stages import `study`,
# never the reverse.
SECTIONS = {
    "model": "exemplum.models:ModelSection",
    "dictionaries": "exemplum.models:DictionariesSection",
    "images": "exemplum.images:ImagesSection",
    "stimuli": "exemplum.explanations:StimuliSection",  # finished stimuli instead of model and images
    "units": "exemplum.index:UnitsSection",
    "index": "exemplum.index:IndexSection",
    "queries": "exemplum.queries:QueriesSection",
    "explanations": "exemplum.explanations:ExplanationsSection",
    "synthetic": "exemplum.explanations.synthetic:SyntheticSection",
    "design": "exemplum.design:DesignSection",
    "observers": "exemplum.observers:ObserversSection",
    "scores": "exemplum.scores:ScoresSection",
    "analysis": "exemplum.analysis:AnalysisSection",
    "exclusions": "exemplum.responses:ExclusionsSection",
    "server": "exemplum.server:ServerSection",
    "dataset": "exemplum.export:DatasetSection",
}
SEED = "All random choices follow from it."
OPTIONAL = ("stimuli",)  # None unless study.toml has them; other sections always exist, with defaults


class StudyError(UserError):
    """study.toml or the study folder is invalid."""


class Section(BaseModel):
    """A table of study.toml. Values must have the right TOML type: text is not read as a number, nor 1 as true.

    The docstrings of a section and of its keys are their meanings in docs/reference/study-toml.md. (Pydantic could
    read those of keys too, but then every command takes 65 ms more to start.)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _without_controls(text: str) -> str:
    if UNPRINTABLE.search(text):
        raise ValueError(f"must be text without control characters (got {shown(text)})")
    return text


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_without_controls)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_without_controls)]


WEB_ADDRESS = re.compile(r"https?://[^\s/?#{}]+\S*$")  # no participant's link fills in the host


def web_address(text: str) -> str:
    """An address of the web, or "" for none. Raises ValueError for any other text."""
    if text and not (WEB_ADDRESS.match(text) and _can_be_split(text)):
        raise ValueError(f"must be an address that begins with https:// or http:// (got {shown(text)})")
    return text


def _can_be_split(address: str) -> bool:
    try:
        urlsplit(address)
    except ValueError:  # as of https://[x]/, where brackets are to hold an address of the network
        return False
    return True


def check_order(least: str, low: float | None, most: str, high: float | None) -> None:
    """Raise ValueError if a lower bound is above its upper bound."""
    if low is not None and high is not None and low > high:
        raise ValueError(f"{least} must not be above {most} (got {low} and {high})")


def once(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """The entries of a list. Raises ValueError if one of them occurs twice."""
    for entry in entries:
        if entries.count(entry) > 1:
            raise ValueError(f"names {shown(entry)} more than once; remove the duplicate")
    return entries


Once = AfterValidator(once)  # of lists whose entries must differ
Names = Annotated[tuple[Name, ...], Once]
# Upper bounds are what a large machine can still do; nobody has needed more.
Pixels = Annotated[int, Field(ge=16, le=2048)]
Seconds = Annotated[float, Field(ge=0, le=1_000_000)]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Share = Annotated[float, Field(ge=0, le=1)]


if TYPE_CHECKING:

    class Config(Section):
        """study.toml."""

        seed: int = 2021
        model: ModelSection = ModelSection()
        dictionaries: DictionariesSection = DictionariesSection()
        images: ImagesSection = ImagesSection()
        stimuli: StimuliSection | None = None
        units: UnitsSection = UnitsSection()
        index: IndexSection = IndexSection()
        queries: QueriesSection = QueriesSection()
        explanations: ExplanationsSection = ExplanationsSection()
        synthetic: SyntheticSection = SyntheticSection()
        design: DesignSection = DesignSection()
        observers: ObserversSection = ObserversSection()
        scores: ScoresSection = ScoresSection()
        analysis: AnalysisSection = AnalysisSection()
        exclusions: ExclusionsSection = ExclusionsSection()
        server: ServerSection = ServerSection()
        dataset: DatasetSection = DatasetSection()


def __getattr__(name: str) -> Any:
    if name == "Config":
        return _config()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _config() -> type[BaseModel]:
    """The model of study.toml, assembled from the sections that the packages declare."""
    fields: dict[str, Any] = {"seed": (int, Field(2021, ge=0, le=2**63 - 1, description=SEED))}
    for key, owner in SECTIONS.items():
        room, _, name = owner.partition(":")
        section = getattr(import_module(room), name)
        fields[key] = (section | None, None) if key in OPTIONAL else (section, section())
    return create_model("Config", __base__=Section, __doc__="study.toml.", **fields)


def parse(text: str, path: Path) -> Config:
    """Check the text of a study.toml. Raises StudyError with one line that names file, key and what is allowed."""
    model: type[Config] = _config()  # type: ignore[assignment]
    try:
        return model.model_validate(toml_files.parse(text, path))
    except ValidationError as error:
        raise StudyError(f"{path}: {toml_files.problems(error, model)}") from error
