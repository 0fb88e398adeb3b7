"""Machine observers: they answer the same trials as people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import lazy_loader
from pydantic import ConfigDict, Field, field_validator, model_validator

from exemplum.errors import shown
from exemplum.records import ALL, CONDITION_NAME
from exemplum.study import Accepts, Name, Names, Pixels, Section, Share

if TYPE_CHECKING:
    from exemplum.observers.cues import cue as cue
    from exemplum.observers.encoder import (
        Encoder as Encoder,
        Metric as Metric,
        VectorCache as VectorCache,
        comparable as comparable,
        encoded as encoded,
        evidence as evidence,
        similarities as similarities,
    )
    from exemplum.observers.network_encoder import NetworkEncoder as NetworkEncoder, network_encoder as network_encoder
    from exemplum.observers.observer import (
        Chance as Chance,
        Ideal as Ideal,
        NoAnswerError as NoAnswerError,
        Observer as Observer,
        ObserverError as ObserverError,
        UnableError as UnableError,
        observe as observe,
    )
    from exemplum.observers.occlusion import OcclusionCue as OcclusionCue
    from exemplum.observers.registry import encoders as encoders, load as load
    from exemplum.observers.similarity import Similarity as Similarity, vector_cache as vector_cache
    from exemplum.observers.simulated import Simulated as Simulated
    from exemplum.observers.vlm import VisionLanguageModel as VisionLanguageModel, planned_calls as planned_calls


class SimulatedSection(Section):
    """A person of given accuracy, by signal detection: for planning a study, and for a rehearsal."""

    accuracy: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = Field(
        {"natural": 0.92, "synthetic": 0.82, "none": 0.46}
    )
    """Share of right answers by condition, before lapses: a `METHOD`, `METHOD SCHEME` as in `"natural Max-1"`, `none`
    or `catch`. A condition without one is an error, and so is one of a condition that the study does not
    have."""
    bias: float = Field(0.0, ge=-3, le=3)
    """Liking for one side, in units of d′: above 0 the top query is preferred, below 0 the bottom one."""
    lapse: Share = 0.0
    """Share of trials answered at random."""
    spread: float = Field(0.3, ge=0, le=10)
    """How much simulated people differ: standard deviation of their d′."""
    rt_median_ms: float = Field(3500.0, gt=0, le=1_000_000)
    """Median reaction time, in ms."""
    rt_sigma: float = Field(0.5, ge=0, le=5)
    """Standard deviation of the natural logarithm of the reaction time."""


class SimilaritySection(Section):
    """The observer that chooses the query whose features are more like those of the references."""

    model: Name = "auto"
    """Whose features are compared, as `[model] load` names networks; `auto` is `efficientnet-lite0`, or `embedded`
    where that is the tested network."""
    weights: Name | None = None
    """As `[model] weights`: a file, or `"DEFAULT"`. Networks of torchvision and timm have random weights without it."""
    input_size: Pixels | None = None
    """Side of the pictures that the network sees, in pixels; if left out, 128 for `efficientnet-lite0` by `auto`, else
    the model's own."""
    layer: Name | None = None
    """The layer whose features are compared; every default layer of the network if left out."""
    same_network: bool = False
    """Whether the network may be the tested one, or have weights in common with it."""


class SimilarityTable(SimilaritySection):
    """One more observer by features, called NAME, with the keys of `[observers.similarity]`.

    It answers if `run` names it.
    """

    method: Literal["similarity"]
    """The kind of observer."""


class VlmTable(Section):
    """A vision–language model behind a chat-completions endpoint, called NAME. It answers if `run` names it."""

    method: Literal["vlm"]
    """The kind of observer."""
    url: Annotated[Name, Accepts("the address that /chat/completions follows, as in https://api.example.com/v1")]
    """The address that `/chat/completions` follows, as in `https://api.example.com/v1`: http or https, without user,
    password and parameters."""
    model: Name
    """The model, as the endpoint names it."""
    key_variable: Annotated[
        str,
        Field(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$"),
        Accepts("the name of an environment variable, in capitals, that holds the key"),
    ] = "OPENAI_API_KEY"
    """The environment variable that holds the key, in capitals."""
    concurrency: int = Field(4, ge=1, le=256)
    """Requests at once."""
    timeout_s: float = Field(120.0, gt=0, le=3600)
    """How long one request may take, in s."""
    attempts: int = Field(6, ge=1, le=20)
    """Attempts of a request that fails in a way that may pass."""
    price_in: float | None = Field(None, ge=0, le=1_000_000)
    """Price per million tokens that the model reads, in any currency. With both prices, the summary has the cost."""
    price_out: float | None = Field(None, ge=0, le=1_000_000)
    """Price per million tokens that it writes."""
    settings: dict[str, Any] = Field({"temperature": 0.0})
    """Further keys of the request, other than `model`, `messages`, `stream` and `n`; `{}` for models that take no
    temperature."""

    @field_validator("url")
    @classmethod
    def _is_plain_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"must be an address as in https://api.example.com/v1 (got {shown(url)})")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must hold no user and no password: put the key into the environment")
        return url

    @field_validator("settings")
    @classmethod
    def _leaves_the_question(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted({"model", "messages", "stream", "n"} & set(settings)):
            raise ValueError(f"must not hold {', '.join(taken)}, which the observer sets")
        return settings


class ObserversSection(Section):
    """Which machine observers answer the trials: built-in ones, those of tables `[observers.NAME]`, and your own.

    NAME has at most 60 letters, digits and `_`, and between them `. + -` and spaces; it is not that of a built-in
    observer.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[SimilarityTable | VlmTable, Field(discriminator="method")]]
    run: Names = ("ideal", "chance", "similarity")
    """The observers that answer: `ideal`, `chance`, `similarity`, `simulated`, `centre`, `variance`, a low-level cue
    such as `luminance`, the name of a table, `package.module:Observer`, or a registered name."""
    simulated: SimulatedSection = SimulatedSection()
    """A person of given accuracy."""
    similarity: SimilaritySection = SimilaritySection()
    """The observer by features."""

    @model_validator(mode="after")
    def _has_free_names(self) -> ObserversSection:
        for name in self.tables:
            if name in RESERVED:
                raise ValueError(f"has a table {shown(name)}, which is the name of a built-in observer; rename it")
            if not CONDITION_NAME.fullmatch(name):
                raise ValueError(
                    f"has a table {shown(name)}; the name of an observer has at most 60 letters, digits and _, and "
                    "between them also . + - and spaces"
                )
        return self

    @property
    def tables(self) -> Mapping[str, SimilarityTable | VlmTable]:
        """The observers that have a table [observers.NAME], as study.toml has them."""
        return self.__pydantic_extra__ or {}

    @property
    def similar(self) -> Mapping[str, SimilaritySection]:
        """The observers that compare pictures by the features of a network."""
        named = {name: table for name, table in self.tables.items() if isinstance(table, SimilarityTable)}
        return {SIMILARITY: self.similarity, **named}

    @property
    def asked(self) -> Mapping[str, VlmTable]:
        """The vision–language models."""
        return {name: table for name, table in self.tables.items() if isinstance(table, VlmTable)}


CUES = (
    "mean_colour", "luminance", "contrast", "colour_histogram", "amplitude_spectrum", "orientation_histogram",
    "file_size",
)  # fmt: skip
SIMILARITY = "similarity"  # the observer by features that every study has
SAME_NETWORK = "-same-network"  # ends the name of an observer that compares by the tested network
PEOPLE = "participants"  # the observer name of people
REPLIES = "vlm"  # folder of the replies of vision–language models
RESERVED = ("ideal", "chance", "centre", "variance", *CUES, PEOPLE, ALL)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cues": ["cue"],
        "network_encoder": ["NetworkEncoder", "network_encoder"],
        "encoder": ["Encoder", "Metric", "VectorCache", "comparable", "encoded", "evidence", "similarities"],
        "observer": ["Chance", "Ideal", "NoAnswerError", "Observer", "ObserverError", "UnableError", "observe"],
        "occlusion": ["OcclusionCue"],
        "registry": ["encoders", "load"],
        "similarity": ["Similarity", "vector_cache"],
        "simulated": ["Simulated"],
        "vlm": ["VisionLanguageModel", "planned_calls"],
    },
)
__all__ += ["ObserversSection", "SimilaritySection", "SimilarityTable", "SimulatedSection", "VlmTable"]
