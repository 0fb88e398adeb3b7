"""Networks with preprocessing, layers and units, and modules that read their activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import lazy_loader
from pydantic import ConfigDict, Field

from exemplum.study import Name, Pixels, Section

if TYPE_CHECKING:
    from exemplum.models import dictionaries as dictionaries
    from exemplum.models.dictionaries.training import train_dictionary as train_dictionary
    from exemplum.models.effective_fields import effective_fields as effective_fields
    from exemplum.models.files import (
        CLASS_TOKEN as CLASS_TOKEN,
        LITE as LITE,
        OWN as OWN,
        SUFFIXES as SUFFIXES,
        TABLE as TABLE,
        ModelError as ModelError,
        WeightsError as WeightsError,
        check_dictionary as check_dictionary,
        check_dictionary_name as check_dictionary_name,
        check_table as check_table,
        check_weights as check_weights,
        class_token as class_token,
        embedded_layers as embedded_layers,
        lite_weights as lite_weights,
        no_class_token as no_class_token,
        no_layer as no_layer,
    )
    from exemplum.models.grids import Grid as Grid
    from exemplum.models.loading import load as load
    from exemplum.models.model import Layer as Layer, Model as Model, table as table
    from exemplum.models.network import (
        Network as Network,
        Preprocessing as Preprocessing,
        ShapeError as ShapeError,
    )
    from exemplum.models.reader import Lanes as Lanes, Reader as Reader, unjoined as unjoined
    from exemplum.models.sharing import shared_weights as shared_weights
    from exemplum.models.table_model import TableModel as TableModel
    from exemplum.models.untrained import untrained as untrained


class ModelSection(Section):
    # embedded, efficientnet-lite0 (1, 2), inceptionv1, torchvision:NAME, timm:NAME, package.module:factory
    load: Name = "embedded"
    weights: Name | None = None  # DEFAULT, a file, or none: the network's own, else random (seeded)
    input_size: Pixels | None = None  # the model's own if not given


class TensorNames(Section):
    """Which tensor of a file is which, where its names are not known."""

    W_enc: Name | None = None
    b_enc: Name | None = None
    W_dec: Name | None = None
    b_dec: Name | None = None
    pre_bias: Name | None = None  # subtracted before the encoder, if that is not b_dec
    threshold: Name | None = None
    log_threshold: Name | None = None
    directions: Name | None = None  # a matrix of directions instead of an encoder
    mean: Name | None = None  # subtracted before the directions


class DictionaryTable(Section):
    """[dictionaries.NAME]: a virtual layer NAME, whose channels are features over a layer's channels."""

    layer: Name  # of the model
    load: Name  # a file, the folder that a library wrote, or package.module:factory
    activation: str | None = Field(
        None,
        pattern=r"^(none|relu|jumprelu|batchtopk|(batch)?topk:[1-9][0-9]{0,6})$",
        description="relu, topk:K, batchtopk, jumprelu or none",
    )
    threshold: float | None = None  # of batchtopk or jumprelu, if the file has none
    relu: Literal["before", "after"] | None = None  # what the features are of: the layer before or after its ReLU
    pre_bias: bool | None = None  # whether b_dec is subtracted before the encoder
    similarity: Literal["dot", "cosine"] | None = None  # of directions
    normalize: Literal["none", "layer_norm", "constant_norm_rescale"] | None = None
    scale: float | None = Field(None, gt=0)  # a factor on the layer's values
    names: TensorNames = TensorNames()

    @property
    def settings(self) -> dict[str, Any]:
        """What `dictionaries.load` takes besides the file; keys that are not given are left out."""
        given = self.model_dump(exclude_none=True, exclude={"layer", "load"})
        return {name: value for name, value in given.items() if name != "names" or value}


class DictionariesSection(Section):
    """A table [dictionaries.NAME] for each dictionary."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, DictionaryTable]

    @property
    def tables(self) -> Mapping[str, DictionaryTable]:
        """The dictionaries by name, as study.toml has them."""
        return self.__pydantic_extra__ or {}


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["dictionaries"],
    submod_attrs={
        "effective_fields": ["effective_fields"],
        "dictionaries.training": ["train_dictionary"],
        "files": [
            "LITE",
            "CLASS_TOKEN",
            "OWN",
            "SUFFIXES",
            "TABLE",
            "ModelError",
            "WeightsError",
            "class_token",
            "check_dictionary",
            "check_dictionary_name",
            "check_table",
            "check_weights",
            "embedded_layers",
            "lite_weights",
            "no_class_token",
            "no_layer",
        ],
        "grids": ["Grid"],
        "loading": ["load"],
        "model": ["Layer", "Model", "table"],
        "network": ["Network", "Preprocessing", "ShapeError"],
        "reader": ["Lanes", "Reader", "unjoined"],
        "table_model": ["TableModel"],
        "sharing": ["shared_weights"],
        "untrained": ["untrained"],
    },
)
__all__ += ["DictionariesSection", "DictionaryTable", "ModelSection"]
