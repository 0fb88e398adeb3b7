"""The study folder: study.toml, checked, and what each stage left in it."""

from __future__ import annotations

import platform
import time
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from exemplum import store
from exemplum.errors import UserError, did_you_mean
from exemplum.identity import Identity, identity

STAGES = ("index", "explanations", "design", "responses", "analysis", "report")  # folders, in the order of the line


class StudyError(UserError):
    """study.toml or the study folder is not as it must be."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section):
    load: str = "embedded"  # embedded, torchvision:NAME, timm:NAME, package.module:factory
    weights: str | None = None  # DEFAULT, a file, or none: random weights (seeded)
    input_size: PositiveInt | None = None  # pixels; the model's own if not given


class ImagesSection(Section):
    load: str = "embedded"  # embedded, folder:PATH, torchvision:NAME
    limit: PositiveInt | None = None  # use only this many images, drawn by the seed


class StimuliSection(Section):
    load: str  # folder:PATH of finished stimuli: UNIT/channel_N/{natural,optimized}_images/{max,min}_K.png
    rotate: bool = False  # every image is the query in one of k + 1 batches, instead of the most extreme in one batch


class UnitsSection(Section):
    layers: tuple[str, ...] = ()  # the model's own choice if empty
    choose: str = Field("one per branch", pattern=r"^(one|\d+) per (branch|layer)$|^none$")
    hand_picked: tuple[str, ...] = ()  # mixed4a:17, …
    practice: PositiveInt | None = None  # units for practice and catch trials; the protocol's if not given


class IndexSection(Section):
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: Literal["channel", "neuron"] = "channel"  # spatial mean, or the centre of the map
    keep: PositiveInt = 300  # highest and lowest images kept of every unit
    sample: PositiveInt = 4096  # images whose activations give the quantiles; exact for corpora up to this size
    batch: PositiveInt = 32  # images a forward pass
    # of the pass over all images; extremes are measured once more in float32. auto: what saves time (docs/index.md)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


class ExplanationsSection(Section):
    methods: tuple[str, ...] = ("natural", "synthetic")  # or folder:PATH, package.module:name, a registered name
    batches: PositiveInt = 20  # how many sets of natural images the extremes of a unit are dealt into


class SyntheticSection(Section):
    recipe: str | dict[str, Any] = "borowski2021"  # a name, a TOML file, or a table: base = NAME and what differs
    steps: PositiveInt | None = None  # updates; the recipe's if not given
    size: PositiveInt | None = None  # pixels of the picture; the model's input size if not given
    # weight of the likeness of a unit's pictures: a number, or the recipe's own, which suits Lucid's InceptionV1, or in
    # proportion to the unit's spread over the corpus; auto: the recipe's for networks with inputs of Lucid's range
    diversity: Literal["auto", "recipe", "spread"] | float = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # of the network; auto: what is fast here
    snapshots: tuple[int, ...] = (0, 4, 48)  # steps whose pictures are kept, beside the last


class DesignSection(Section):
    protocol: str = "borowski2021-1"
    participants: PositiveInt = 10
    practice: int | None = Field(None, ge=0)  # practice trials a condition; the protocol's if not given, as below
    blocks: PositiveInt | None = None  # main blocks a condition with references
    catch: int | None = Field(None, ge=0)  # catch trials a main block
    repeated: int | None = Field(None, ge=0)  # repeated trials a condition


class SimulatedSection(Section):
    accuracy: dict[str, float] = {"natural": 0.92, "synthetic": 0.82, "none": 0.46}  # by condition, before lapses
    bias: float = Field(0.0, ge=-3, le=3)  # criterion in d′ units; above 0 prefers the top
    lapse: float = Field(0.0, ge=0, le=1)  # share of trials answered at random
    spread: float = Field(0.3, ge=0)  # standard deviation over observers, in d′ units
    rt_median_ms: float = Field(3500.0, gt=0)
    rt_sigma: float = Field(0.5, ge=0)  # of ln RT

    @model_validator(mode="after")
    def _shares(self) -> SimulatedSection:
        for condition, share in self.accuracy.items():
            if not 0 < share < 1:
                raise ValueError(f"accuracy of {condition} must lie between 0 and 1, got {share}")
        return self


class SimilaritySection(Section):
    model: str = "embedded"
    weights: str | None = None
    layer: str | None = None  # every default layer of that model but the tested one if not given


class ObserversSection(Section):
    run: tuple[str, ...] = ("ideal", "chance", "similarity")
    simulated: SimulatedSection = SimulatedSection()
    similarity: SimilaritySection = SimilaritySection()


class AnalysisSection(Section):
    bootstrap: PositiveInt = 10_000
    margin: float = Field(0.05, gt=0, lt=0.5)  # differences in accuracy below this count as equivalent


class ExclusionsSection(Section):
    """Rules by which participants are left out of the main result. None of them excludes anybody unless declared."""

    catch_accuracy: float | None = Field(None, ge=0, le=1)  # at least this share of catch trials right
    answers_each_side: int | None = Field(None, ge=0)  # at least so many main trials answered top, and so many bottom
    instruction_time_s: float | None = Field(None, ge=0)  # at least so long on the instructions
    practice_attempts: PositiveInt | None = None  # at most so many rounds of practice
    total_time_s_min: float | None = Field(None, ge=0)  # from first to last trial at least
    total_time_s_max: float | None = Field(None, gt=0)  # and at most


class FieldSection(Section):
    """A question of the study's own in the demographics form; its texts stand in STUDY/texts/LANGUAGE.toml."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    type: Literal["integer", "choice", "text"] = "text"
    options: tuple[str, ...] = ()  # of a choice
    required: bool = False
    min: int | None = None
    max: int | None = None
    max_length: PositiveInt | None = 2000

    @model_validator(mode="after")
    def _options(self) -> FieldSection:
        if (self.type == "choice") != bool(self.options):
            raise ValueError(f"field {self.name!r}: options belong to type choice, and it needs some")
        return self


class OutcomesSection(Section):
    """What participants get at the end, by outcome; {survey_code} and other parameters of their link are filled in."""

    completed: str = ""
    failed_attention: str = ""
    no_consent: str = ""


class ServerSection(Section):
    """The web experiment."""

    title: str = ""  # shown to participants; a neutral one if not given
    contact: str = ""  # whom participants can write to
    languages: tuple[str, ...] = Field(("en", "de"), min_length=1)  # the first is the default
    groups: Literal["none", "question", "link"] = "none"  # expert and lay: asked, or told by the link
    group_names: tuple[str, ...] = ("expert", "lay")
    demographics: tuple[str, ...] = ("age", "gender", "handedness", "visual_aid")
    fields: tuple[FieldSection, ...] = ()
    intuitiveness: tuple[Literal["before", "after"], ...] | None = None  # the protocol's if not given
    intuitiveness_units: int = Field(3, ge=0, le=20)
    fullscreen: bool = True
    min_width: PositiveInt = 1000  # CSS pixels of the window
    min_height: PositiveInt = 600
    break_s: float = Field(0.0, ge=0, le=3600)  # shortest break after a block
    practice_pass: float = Field(0.0, ge=0, le=1)  # share right below which a practice block is shown again
    practice_rounds: PositiveInt = 3  # at most so often
    resume: Literal["browser", "anywhere"] = "browser"  # where someone known by an external id may go on
    dropout_minutes: float = Field(120.0, gt=0)  # without a sign of life after which the place is given again
    recruit: PositiveInt | None = None  # close when so many have completed; never if not given
    image_format: Literal["jpeg", "png"] = "jpeg"
    image_quality: int = Field(92, ge=50, le=100)  # of jpeg, without chroma subsampling
    codes: OutcomesSection = OutcomesSection()  # one for each participant is made where none is given
    redirects: OutcomesSection = OutcomesSection()


class Config(Section):
    """study.toml."""

    seed: int = Field(2021, ge=0)
    model: ModelSection = ModelSection()
    images: ImagesSection = ImagesSection()
    stimuli: StimuliSection | None = None  # finished stimuli instead of model and images
    units: UnitsSection = UnitsSection()
    index: IndexSection = IndexSection()
    explanations: ExplanationsSection = ExplanationsSection()
    synthetic: SyntheticSection = SyntheticSection()
    design: DesignSection = DesignSection()
    observers: ObserversSection = ObserversSection()
    analysis: AnalysisSection = AnalysisSection()
    exclusions: ExclusionsSection = ExclusionsSection()
    server: ServerSection = ServerSection()


@dataclass(frozen=True)
class Study:
    """A folder with a checked study.toml. Stages write into `folder / stage`."""

    folder: Path
    config: Config
    ray: str | None = None  # address of the Ray cluster that index and synthesis are spread over; none: this machine
    unblinded: str = ""  # why people's answers are included while the study recruits; "": they are not (blinding.py)
    opened: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # by stages, once a command

    @classmethod
    def open(cls, folder: Path, ray: str | None = None) -> Study:
        """Read FOLDER/study.toml. Raises StudyError if it is absent, not TOML, or has a wrong key or value."""
        path = folder / "study.toml"
        if not path.exists():
            raise StudyError(f"{path} does not exist; make a study with: exemplum new {folder}")
        return cls(folder, parse(path.read_text(encoding="utf-8"), path), ray)

    @property
    def identity(self) -> Identity:
        """STUDY/study.json; an older folder is given one. Raises UserError if the file is broken."""
        return identity(self.folder)

    @property
    def id(self) -> str:
        """32 hex digits that stay the same when the folder is renamed, moved or copied."""
        return self.identity.id

    def stage(self, name: str) -> Path:
        return self.folder / name

    def resolve(self, path: str) -> Path:
        """A path that study.toml names: absolute, or relative to the working directory or to the study folder."""
        given = Path(path).expanduser()
        if given.is_absolute() or given.exists():
            return given
        beside = self.folder / given
        return beside if beside.exists() else given

    def is_current(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage was finished from inputs of this fingerprint."""
        record = self.record(stage)
        return record is not None and record["fingerprint"] == fingerprint

    def record(self, stage: str) -> dict[str, Any] | None:
        """What the stage said when it finished; None if it did not."""
        path = self.stage(stage) / "record.json"
        return store.read_json(path) if path.exists() else None

    def finish(
        self, stage: str, fingerprint: str, seconds: float, summary: dict[str, Any], code: int | None = None
    ) -> None:
        """Mark the stage as done, last of all its writes. `code` is the VERSION of the stage's module."""
        store.write_json(self.stage(stage) / "record.json", {
            "stage": stage, "fingerprint": fingerprint, "code": code, "seconds": round(seconds, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "seed": self.config.seed,
            "summary": summary, "versions": versions(), "machine": platform.platform(),
        })  # fmt: skip


def parse(text: str, path: Path) -> Config:
    """Check the text of a study.toml. Raises StudyError with one line that names file, key and what is allowed."""
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise StudyError(f"{path}: " + "; ".join(_explain(problem) for problem in error.errors())) from error


def _explain(problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        known = list(_section(location[:-1]).model_fields)
        where = f"[{'.'.join(location[:-1])}]" if location[:-1] else "the top level"
        return f"unknown key {location[-1]!r} in {where}{did_you_mean(location[-1], known)}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message} (got {problem['input']!r})"


def _section(location: list[str]) -> type[BaseModel]:
    section: type[BaseModel] = Config
    for name in location:
        if name.isdecimal():  # place in a list of sections
            continue
        annotation = section.model_fields[name].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return section


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("exemplum", "torch", "torchvision", "numpy", "pandas", "scipy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
