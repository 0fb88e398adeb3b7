"""Machine observers: they answer the same trials as people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import lazy_loader
from pydantic import ConfigDict, Field, field_validator, model_validator

from exemplum.errors import shown
from exemplum.records import ALL, CONDITION_NAME
from exemplum.study import Name, Names, Pixels, Section, Share

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
    # by condition (catch, METHOD, METHOD SCHEME or none), before lapses
    accuracy: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = Field(
        {"natural": 0.92, "synthetic": 0.82, "none": 0.46}
    )
    bias: float = Field(0.0, ge=-3, le=3)  # criterion in d′ units; above 0 prefers the top
    lapse: Share = 0.0  # share of trials answered at random
    spread: float = Field(0.3, ge=0, le=10)  # standard deviation over observers, in d′ units
    rt_median_ms: float = Field(3500.0, gt=0, le=1_000_000)
    rt_sigma: float = Field(0.5, ge=0, le=5)  # of ln RT


class SimilaritySection(Section):
    # whose features are compared; auto: efficientnet-lite0, or embedded where that is the tested network
    model: Name = "auto"
    weights: Name | None = None
    input_size: Pixels | None = None  # the model's own if not given; 128 for efficientnet-lite0 by auto
    layer: Name | None = None  # every default layer of that model if not given
    same_network: bool = False  # whether the model may be the tested network, or have weights in common with it


class SimilarityTable(SimilaritySection):
    """[observers.NAME] with method = "similarity": one more observer of this kind, by this name."""

    method: Literal["similarity"]


class VlmTable(Section):
    """[observers.NAME] with method = "vlm": a vision–language model behind a chat-completions endpoint."""

    method: Literal["vlm"]
    url: Name = Field(description="the address that /chat/completions follows, as in https://api.example.com/v1")
    model: Name
    key_variable: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Z_][A-Z0-9_]{0,99}$",
        description="the name of an environment variable, in capitals, that holds the key",
    )
    concurrency: int = Field(4, ge=1, le=256)  # requests at once
    timeout_s: float = Field(120.0, gt=0, le=3600)  # of one request
    attempts: int = Field(6, ge=1, le=20)  # of a request that fails in a way that may pass
    price_in: float | None = Field(None, ge=0, le=1_000_000)  # per million tokens that the model reads
    price_out: float | None = Field(None, ge=0, le=1_000_000)  # and writes
    settings: dict[str, Any] = Field({"temperature": 0.0})  # further keys of the request

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
    """Which observers answer: names of built-in ones, of tables [observers.NAME], and your own."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[SimilarityTable | VlmTable, Field(discriminator="method")]]
    run: Names = ("ideal", "chance", "similarity")
    simulated: SimulatedSection = SimulatedSection()
    similarity: SimilaritySection = SimilaritySection()

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
