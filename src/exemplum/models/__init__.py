"""Networks with preprocessing, layers and units, and modules that read their activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import lazy_loader
from pydantic import ConfigDict, Field

from exemplum.study import Accepts, Name, Pixels, Section

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
    """The network whose units are explained."""

    load: Name = "embedded"
    """Which network: `embedded`, `efficientnet-lite0` (also 1 and 2), `inceptionv1`, `torchvision:NAME`, `timm:NAME`, a
    function of yours as `package.module:factory`, or `table:FILE`, a table of activations measured elsewhere."""
    weights: Name | None = None
    """A file, or `"DEFAULT"` for the published weights of torchvision and timm.

    Left out: the weights that come with `embedded` and `efficientnet-lite0`; random ones, drawn by `seed`, for other
    networks."""
    input_size: Pixels | None = None
    """Side of the images that the network sees, in pixels, as it accepts it; the model's own if left out."""


class TensorNames(Section):
    """Which tensor of the file is which, where its names are not known.

    As in `names = {W_enc = "enc.w", b_enc = "enc.b"}`. Names that are known need not be given.
    """

    W_enc: Name | None = None
    """The encoder's weights."""
    b_enc: Name | None = None
    """The encoder's bias."""
    W_dec: Name | None = None
    """The decoder's weights."""
    b_dec: Name | None = None
    """The decoder's bias."""
    pre_bias: Name | None = None
    """What is subtracted before the encoder, if that is not `b_dec`."""
    threshold: Name | None = None
    """The threshold of `batchtopk` or `jumprelu`."""
    log_threshold: Name | None = None
    """The logarithm of the threshold, instead of it."""
    directions: Name | None = None
    """A matrix of directions, instead of an encoder."""
    mean: Name | None = None
    """What is subtracted before the directions."""


class DictionaryTable(Section):
    """A virtual layer NAME, whose channels are features over a layer's channels: units `NAME:0`, `NAME:1`, …

    Any number of tables, each with a name of yours: letters, digits, `_`, `-` and `.`, and not that of a layer.
    """

    layer: Name
    """Layer of the model whose channels the features are over; `blocks.3@cls` is the class token of `blocks.3`."""
    load: Name
    """A file, the folder that a library wrote, or a function of yours as `package.module:factory`."""
    activation: Annotated[
        str | None,
        Field(pattern=r"^(none|relu|jumprelu|batchtopk|(batch)?topk:[1-9][0-9]{0,6})$"),
        Accepts("relu, topk:K, batchtopk, jumprelu or none"),
    ] = None
    """The dictionary's own activation, as it was trained: `relu`, `topk:K`, `batchtopk`, `jumprelu` or `none`.

    Left out: what the file, or the cfg.json beside it, says. If neither does, the dictionary is refused; directions
    have none."""
    threshold: float | None = None
    """The threshold of `batchtopk` or `jumprelu`, if the file has none."""
    relu: Literal["before", "after"] | None = None
    """Whether the features are of the layer before or after its ReLU; `"after"` if left out."""
    pre_bias: bool | None = None
    """Whether b_dec is subtracted before the encoder; as the library that wrote the file does it if left out, else
    true."""
    similarity: Literal["dot", "cosine"] | None = None
    """How values are compared with directions; `"dot"` if left out."""
    normalize: Literal["none", "layer_norm", "constant_norm_rescale"] | None = None
    """How the layer's values are normalized at each position first, by SAELens' names; `constant_norm_rescale` gives
    them the length √channels. Left out: what the cfg.json says, else `"none"`."""
    scale: float | None = Field(None, gt=0)
    """A factor on the layer's values, if the autoencoder was trained on scaled ones; 1 if left out."""
    names: TensorNames = TensorNames()
    """Which tensor of the file is which, where its names are not known."""

    @property
    def settings(self) -> dict[str, Any]:
        """What `dictionaries.load` takes besides the file; keys that are not given are left out."""
        given = self.model_dump(exclude_none=True, exclude={"layer", "load"})
        return {name: value for name, value in given.items() if name != "names" or value}


class DictionariesSection(Section):
    """Features over the channels of a layer, such as a sparse autoencoder's: a table for each dictionary."""

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
