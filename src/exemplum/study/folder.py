"""The study folder: its id, study.toml, checked, and what each stage left in it."""

from __future__ import annotations

import json
import platform
import re
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from exemplum import store
from exemplum.errors import UNPRINTABLE, UserError, command, shown
from exemplum.records import Unit
from exemplum.runtime.progress import console
from exemplum.study import toml_files

STAGES = ("index", "explanations", "design", "responses", "analysis", "report")  # folders, in the order of the line
LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"  # BCP 47: en, pt-BR, zh-Hant
WEB_ADDRESS = re.compile(r"https?://[^\s/?#{}]+\S*$")  # a host that no participant's link can choose
Demographic = Literal["age", "gender", "handedness", "visual_aid"]  # questions that the server has
COMMENT, EXPERTISE = "comment", "expertise"  # names of further questions that the server asks


class StudyError(UserError):
    """study.toml or the study folder is not as it must be."""


class Section(BaseModel):
    """A table of study.toml. Values have TOML's type for them: a number is not read from a text, nor 1 as true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _without_controls(text: str) -> str:
    if UNPRINTABLE.search(text):
        raise ValueError(f"must be text without control characters (got {shown(text)})")
    return text


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_without_controls)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_without_controls)]


def _ordered(least: str, low: float | None, most: str, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise ValueError(f"{least} must not be above {most} (got {low} and {high})")


def _once(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    for entry in entries:
        if entries.count(entry) > 1:
            raise ValueError(f"names {shown(entry)} more than once; each entry may stand there once")
    return entries


Once = AfterValidator(_once)  # of lists whose entries must differ
Names = Annotated[tuple[Name, ...], Once]
# Upper bounds are what a large machine can still do; nobody has needed more.
Pixels = Annotated[int, Field(ge=16, le=2048)]
Seconds = Annotated[float, Field(ge=0, le=1_000_000)]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Share = Annotated[float, Field(ge=0, le=1)]


class ModelSection(Section):
    load: Name = "embedded"  # embedded, inceptionv1, torchvision:NAME, timm:NAME, package.module:factory
    weights: Name | None = None  # DEFAULT, a file, or none: random weights (seeded)
    input_size: Pixels | None = None  # the model's own if not given


class ImagesSection(Section):
    load: Name = "embedded"  # embedded, folder:PATH, torchvision:NAME, webdataset:GLOB
    limit: int | None = Field(None, ge=1, le=1_000_000_000)  # use only this many images, drawn by the seed


class StimuliSection(Section):
    # folder:PATH of finished stimuli: UNIT/channel_N/{natural,optimized}_images/{max,min}_K.png
    load: Name = Field(pattern=r"^folder:.", description="folder:PATH, the folder of the finished stimuli")
    rotate: bool = False  # every image is the query in one of k + 1 batches, instead of the most extreme in one batch


class UnitsSection(Section):
    layers: Names = ()  # the model's own choice if empty
    choose: str = Field(
        "one per branch",
        pattern=r"^(one|[1-9][0-9]{0,4}) per (branch|layer)$|^none$",
        description="none, one per branch, one per layer, or N per branch or layer with N from 1 to 99999",
    )
    hand_picked: Names = ()  # mixed4a:17, …
    # units for practice and catch trials; the protocol's if not given
    practice: int | None = Field(None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _chooses_some(self) -> UnitsSection:
        if self.choose == "none" and not self.hand_picked:
            raise ValueError("choose = 'none' chooses no unit: name some in hand_picked, or choose 'one per branch'")
        return self

    @field_validator("hand_picked")
    @classmethod
    def _are_units(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        _once(tuple(Unit.parse(name) for name in names))  # mixed4a:17 and mixed4a:017 are one
        return names


class IndexSection(Section):
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: Literal["channel", "neuron"] = "channel"  # spatial mean, or the centre of the map
    keep: int = Field(300, ge=1, le=10_000)  # highest and lowest images kept of every unit
    # images whose activations give the quantiles; exact for corpora up to this size
    sample: int = Field(4096, ge=1, le=100_000)
    batch: int = Field(32, ge=1, le=4096)  # images a forward pass
    # of the pass over all images; extremes are measured once more in float32. auto: what saves time (docs/index.md)
    precision: Precision = "auto"


class ExplanationsSection(Section):
    # natural, synthetic, folder:PATH, package.module:name, a registered name
    methods: Annotated[Names, Field(min_length=1)] = ("natural", "synthetic")
    batches: int = Field(20, ge=1, le=1000)  # how many sets of natural images the extremes of a unit are dealt into


class SyntheticSection(Section):
    recipe: Name | dict[str, Any] = "borowski2021"  # a name, a TOML file, or a table: base = NAME and what differs
    steps: int | None = Field(None, ge=1, le=1_000_000)  # updates; the recipe's if not given
    size: Pixels | None = None  # of the picture; the model's input size if not given
    # weight of the likeness of a unit's pictures: a number, or the recipe's own, which suits Lucid's InceptionV1, or in
    # proportion to the unit's spread over the corpus; auto: the recipe's for networks with inputs of Lucid's range
    diversity: Literal["auto", "recipe", "spread"] | Annotated[float, Field(ge=0, le=1e9)] = "auto"
    precision: Precision = "auto"  # of the network; auto: what is fast here
    # steps whose pictures are kept, beside the last
    snapshots: Annotated[tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...], Once] = (0, 4, 48)


class DesignSection(Section):
    protocol: Name = "borowski2021-1"
    participants: int = Field(10, ge=1, le=10_000)
    # practice trials a condition; the protocol's if not given, as below
    practice: int | None = Field(None, ge=0, le=1000)
    blocks: int | None = Field(None, ge=1, le=1000)  # main blocks a condition with references
    catch: int | None = Field(None, ge=0, le=1000)  # catch trials a main block
    repeated: int | None = Field(None, ge=0, le=1000)  # repeated trials a condition


class SimulatedSection(Section):
    # by condition (catch, METHOD, METHOD SCHEME or none), before lapses
    accuracy: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = {"natural": 0.92, "synthetic": 0.82, "none": 0.46}
    bias: float = Field(0.0, ge=-3, le=3)  # criterion in d′ units; above 0 prefers the top
    lapse: Share = 0.0  # share of trials answered at random
    spread: float = Field(0.3, ge=0, le=10)  # standard deviation over observers, in d′ units
    rt_median_ms: float = Field(3500.0, gt=0, le=1_000_000)
    rt_sigma: float = Field(0.5, ge=0, le=5)  # of ln RT


class SimilaritySection(Section):
    model: Name = "embedded"
    weights: Name | None = None
    layer: Name | None = None  # every default layer of that model but the tested one if not given


class ObserversSection(Section):
    run: Names = ("ideal", "chance", "similarity")
    simulated: SimulatedSection = SimulatedSection()
    similarity: SimilaritySection = SimilaritySection()


class AnalysisSection(Section):
    bootstrap: int = Field(10_000, ge=1, le=1_000_000)
    margin: float = Field(0.05, gt=0, lt=0.5)  # differences in accuracy below this count as equivalent


class ExclusionsSection(Section):
    """Rules by which participants are left out of the main result. None of them excludes anybody unless declared."""

    catch_accuracy: Share | None = None  # at least this share of catch trials right
    # at least so many main trials answered top, and so many bottom
    answers_each_side: int | None = Field(None, ge=0, le=10_000)
    instruction_time_s: Seconds | None = None  # at least so long on the instructions
    practice_attempts: int | None = Field(None, ge=1, le=1000)  # at most so many rounds of practice
    total_time_s_min: Seconds | None = None  # from first to last trial at least
    total_time_s_max: float | None = Field(None, gt=0, le=1_000_000)  # and at most

    @model_validator(mode="after")
    def _in_order(self) -> ExclusionsSection:
        _ordered("total_time_s_min", self.total_time_s_min, "total_time_s_max", self.total_time_s_max)
        return self


class FieldSection(Section):
    """A question of the study's own in the demographics form; its texts stand in STUDY/texts/LANGUAGE.toml."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="a name of lower-case letters, digits and _, of at most 41 characters, that begins with a letter",
    )
    type: Literal["integer", "choice", "text"] = "text"
    options: Annotated[tuple[Annotated[Name, Field(max_length=100)], ...], Once] = ()  # of a choice
    required: bool = False
    min: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)  # of an integer
    max: int | None = Field(None, ge=-1_000_000_000, le=1_000_000_000)
    max_length: int | None = Field(2000, ge=1, le=100_000)  # characters of a text

    @model_validator(mode="after")
    def _fits_its_type(self) -> FieldSection:
        if (self.type == "choice") != bool(self.options):
            raise ValueError(f"options belong to type choice, which needs some (got type {self.type})")
        if self.type != "integer" and (self.min is not None or self.max is not None):
            raise ValueError(f"min and max belong to type integer (got type {self.type})")
        _ordered("min", self.min, "max", self.max)
        return self


class CodesSection(Section):
    """Completion codes by outcome; {survey_code} and other parameters of the participant's link are filled in."""

    completed: Text = ""
    failed_attention: Text = ""
    no_consent: Text = ""


class RedirectsSection(CodesSection):
    """Where participants are sent at the end, by outcome; parameters of their link are filled in as in codes."""

    @field_validator("completed", "failed_attention", "no_consent")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and not WEB_ADDRESS.match(address):
            raise ValueError(f"must be an address that begins with https:// or http:// (got {shown(address)})")
        return address


class ServerSection(Section):
    """The web experiment."""

    title: Text = ""  # shown to participants; a neutral one if not given
    contact: Text = ""  # whom participants can write to
    # the first is the default
    languages: Annotated[tuple[Annotated[str, Field(pattern=LANGUAGE)], ...], Once] = Field(
        ("en", "de"), min_length=1, description="a list of language codes, as in en, de or pt-BR"
    )
    groups: Literal["none", "question", "link"] = "none"  # expert and lay: asked, or told by the link
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
    min_height: int = Field(600, ge=1, le=10_000)
    break_s: float = Field(0.0, ge=0, le=3600)  # shortest break after a block
    practice_pass: Share = 0.0  # share right below which a practice block is shown again
    practice_rounds: int = Field(3, ge=1, le=100)  # at most so often
    resume: Literal["browser", "anywhere"] = "browser"  # where someone known by an external id may go on
    # without a sign of life after which the place is given again
    dropout_minutes: float = Field(120.0, gt=0, le=100_000)
    recruit: int | None = Field(None, ge=1, le=1_000_000)  # close when so many have completed; never if not given
    image_format: Literal["jpeg", "png"] = "jpeg"
    image_quality: int = Field(92, ge=50, le=100)  # of jpeg, without chroma subsampling
    codes: CodesSection = CodesSection()  # one for each participant is made where none is given
    redirects: RedirectsSection = RedirectsSection()

    @model_validator(mode="after")
    def _asks_everything_once(self) -> ServerSection:
        if self.groups == "question" and len(self.group_names) < 2:
            raise ValueError("group_names must name at least two groups, since groups = question asks which")
        taken = {*self.demographics, COMMENT, *([EXPERTISE] if self.groups == "question" else [])}
        for question in self.fields:
            if question.name in taken:
                raise ValueError(f"fields must have names of their own: {question.name!r} is another question already")
            taken.add(question.name)
        return self


class Config(Section):
    """study.toml."""

    seed: int = Field(2021, ge=0, le=2**63 - 1)
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
        _check_name(folder.absolute())
        try:
            return cls(folder, parse(toml_files.text(path), path), ray)
        except toml_files.AbsentError as error:
            raise StudyError(f"{path} does not exist; make a study with: {command('new', folder)}") from error

    @contextmanager
    def setting(self, key: str) -> Iterator[None]:
        """Within, a UserError is told as one of this key: `study.toml: [units] hand_picked: …`; with "" of the file."""
        try:
            yield
        except UserError as error:
            where = f"{self.folder / 'study.toml'}: " + (f"{key}: " if key else "")
            raise StudyError(f"{where}{error}") from error

    @property
    def identity(self) -> Identity:
        """STUDY/study.json; an older folder is given one. Raises UserError if the file is broken."""
        return read_identity(self.folder)

    @property
    def id(self) -> str:
        """32 hex digits that stay the same when the folder is renamed, moved or copied."""
        return self.identity.id

    def stage(self, name: str) -> Path:
        return self.folder / name

    def resolve(self, path: str) -> Path:
        """A path that study.toml names: absolute, or relative to the study folder, or else to the working directory.

        Raises StudyError if it is no path.
        """
        try:
            given = Path(path).expanduser()
            beside = self.folder.absolute() / given  # given itself if that is absolute
            return beside if beside.exists() else given.absolute()
        except (OSError, RuntimeError) as error:  # too long a name, ~NOBODY
            raise StudyError(f"{path} is no path ({getattr(error, 'strerror', None) or error})") from error

    def weights(self, given: str | None) -> str | None:
        """What study.toml says of weights: DEFAULT or another name stays, a file gets its whole path."""
        return given if given in (None, "DEFAULT") else str(self.resolve(given))

    def is_current(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage was finished from inputs of this fingerprint."""
        record = self.record(stage)
        return record is not None and record["fingerprint"] == fingerprint

    def made(self, stage: str) -> str | None:
        """What tells the result of a stage from others: its fingerprint, and its files if a forced run changed them."""
        record = self.record(stage)
        return None if record is None else record["fingerprint"] + record.get("remade", "")

    def record(self, stage: str) -> dict[str, Any] | None:
        """What the stage said when it finished; None if it did not."""
        path = self.stage(stage) / "record.json"
        return store.read_json(path) if path.exists() else None

    def begin_writing(self, stage: str) -> None:
        """Take back the stage's record, before the first of its tables is written: who is killed now leaves a mixture.

        The record of an earlier run would else be true of it again when study.toml is changed back.
        """
        (self.stage(stage) / "record.json").unlink(missing_ok=True)

    def finish(
        self, stage: str, fingerprint: str, seconds: float, summary: dict[str, Any], code: int | None = None
    ) -> None:
        """Mark the stage as done, last of all its writes. `code` is the VERSION of the stage's module."""
        store.write_json(self.stage(stage) / "record.json", {
            "stage": stage, "fingerprint": fingerprint, "code": code, "seconds": round(seconds, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "seed": self.config.seed,
            "summary": summary, "versions": versions(), "machine": platform.platform(),
        })  # fmt: skip


def _check_name(folder: Path) -> None:
    """Python stands for bytes of a name that are not in the system's encoding by characters that no library writes."""
    if not str(folder).isascii() and any("\ud800" <= character <= "\udfff" for character in str(folder)):
        raise StudyError(
            f"{folder}: the name cannot be read as {sys.getfilesystemencoding()}; set PYTHONUTF8=1, or give the folder "
            "another name"
        )


def parse(text: str, path: Path) -> Config:
    """Check the text of a study.toml. Raises StudyError with one line that names file, key and what is allowed."""
    try:
        return Config.model_validate(toml_files.parse(text, path))
    except ValidationError as error:
        raise StudyError(f"{path}: {toml_files.problems(error, Config)}") from error


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("exemplum", "torch", "torchvision", "numpy", "pandas", "scipy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


FILE = "study.json"
STATUS = "server/status.json"  # the server's word, which names the id too
DATABASE = "server/experiment.sqlite"  # which knows it as well


@dataclass(frozen=True)
class Identity:
    """What STUDY/study.json holds."""

    id: str  # 32 hex digits
    older: bool = False  # given to a folder that was there before: its data may lie in a database without ids
    version_of: str = ""  # id of the study that this one is a new version of
    adopt: str = ""  # written by hand: name of the study without an id, in the database, that belongs to this folder


def read_identity(folder: Path) -> Identity:
    """The identity of a study folder; an older folder without one is given one, with a line that says so.

    Raises UserError naming study.json if it is broken.
    """
    path = folder / FILE
    if not path.exists():
        _give(folder)
    return _checked(path, _read(path))


@contextmanager
def taken_back(folder: Path, unless: type[Exception]) -> Iterator[None]:
    """Within, an id is given for good only if all goes well: who is refused finds no new study.json.

    `unless` is the error that asks to write something into the new file.
    """
    lacking = not (folder / FILE).exists()
    try:
        yield
    except unless:
        raise
    except BaseException:
        if lacking:
            (folder / FILE).unlink(missing_ok=True)
        raise


def new_identity(folder: Path, version_of: str = "") -> None:
    """Write the identity of a new study."""
    _write(folder, {"id": secrets.token_hex(16)} | ({"version_of": version_of} if version_of else {}))


def _give(folder: Path) -> None:
    """An id for an older folder: the one that its server or its database knew, if study.json was lost."""
    known = _known(folder / STATUS) or _stored(folder / DATABASE)
    _write(folder, {"id": known or secrets.token_hex(16), "older": True})
    console.print(
        f"{folder / FILE} written: the study's id, by which its data are known from now on",
        highlight=False,
        soft_wrap=True,
    )


def _known(status: Path) -> str:
    """The id in the server's status; "" if there is none or the file is broken (the server writes it anew)."""
    try:
        return _id(_read(status)) if status.exists() else ""
    except UserError:
        return ""


def _stored(database: Path) -> str:
    """The id of the one study in the folder's own database; "" if there is none, or more than one, or no database."""
    if not database.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT uid FROM studies").fetchall()
    except sqlite3.DatabaseError:  # empty, of before studies had ids, or broken, which serving it tells
        return ""
    return _id({"id": found[0][0]}) if len(found) == 1 else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}); bring the file back from a backup") from error


def _id(held: Any) -> str:
    """The id in what such a file holds; "" if it holds none."""
    found = held.get("id") if isinstance(held, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{32}", found) else ""


def _write(folder: Path, held: dict[str, Any]) -> None:
    store.write_json(folder / FILE, held | {"created": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _checked(path: Path, held: Any) -> Identity:
    fields = held if isinstance(held, dict) else {}
    if not _id(held):
        raise UserError(
            f'{path}: "id" must be 32 hexadecimal digits (got {fields.get("id")!r}); bring the file back from a backup'
        )
    version_of, adopt = str(fields.get("version_of", "")), str(fields.get("adopt", ""))
    return Identity(_id(held), bool(fields.get("older")), version_of, adopt)
