"""A network with its preprocessing, input size, layers and units."""

from __future__ import annotations

import copy
import html
import platform
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import fx, nn

from exemplum import store
from exemplum.models.dictionaries.dictionary import Dictionary, Matrix, Relu, VirtualLayer, as_dictionary
from exemplum.models.files import CLASS_TOKEN, ModelError, check_dictionary_name, no_class_token, no_layer
from exemplum.models.fingerprints import fingerprint
from exemplum.models.graph import cut, fields, trace
from exemplum.models.grids import Grid, grid
from exemplum.models.layers import Layout, channel_branches, layout, read_before, stage_ends, useful
from exemplum.models.network import Network, Normalize, Preprocessing, ShapeError
from exemplum.models.reader import HookedBody, Reader
from exemplum.records import Unit
from exemplum.study import user_code

CACHED = ("fingerprint", "layers", "default_layers")  # what a dictionary changes


@dataclass(frozen=True)
class Layer:
    """A layer of a model: its channels, and which of them come from which branch (empty if it has none)."""

    name: str
    channels: int
    branches: dict[str, range] = field(default_factory=dict)  # in channel order: 1x1, 3x3, 5x5, pool
    reads: str = ""  # what relu = "before" reads: see `layers.read_before`; empty if that is not known


class Model:
    """A network with preprocessing and layers. `module` is in evaluation mode, its weights frozen.

    `dictionaries` are virtual layers by name: their channels are features over the channels of another layer.
    """

    has_network = True  # a table of activations has none (table_model.py)

    def __init__(self, name: str, network: Network, again: Callable[[], Model] | None = None, source: str = "") -> None:
        """`again` loads the same model in another process; without it the model cannot be pickled. `source` is a hash
        of the code that built it, if that is the user's.
        """
        self.name = name
        self.network = network
        self.again = again
        self.source = source
        self.dictionaries: dict[str, VirtualLayer] = {}
        self.module: nn.Module = network.module.eval().requires_grad_(False)
        self.preprocessing: Preprocessing = network.preprocessing
        self.input_size = network.preprocessing.size
        self.channels = network.channels

    def __repr__(self) -> str:
        return f"Model({self.name!r}, input_size={self.input_size})"

    def to_frame(self) -> pd.DataFrame:
        """One row per layer and branch; the columns are those of `models.table`."""
        return table(self)

    def _repr_html_(self) -> str:
        rows = [(name, self.layers[name].channels, _branches(self.layers[name])) for name in self.default_layers]
        shown = pd.DataFrame(rows, columns=["layer", "channels", "branches"])
        shown = shown.loc[:, shown.ne("").any()]  # most networks have no branches
        return f"<p>{html.escape(repr(self))}; its default layers:</p>{shown.to_html(index=False)}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a model as the function that loads it, and its fingerprint."""
        if self.again is None:
            raise ModelError(
                f"model {self.name} cannot be sent to another process; load it by a name, as in package.module:factory"
            )
        return _loaded_again, (self.again, self.fingerprint)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of weights, architecture and preprocessing, the same in every process: 16 hex digits.

        For a user's factory it includes the source of its modules, and for classes that belong to no library their own
        source: a forward may change without any change in names and weights. Attached dictionaries count.
        """
        declared = (self.preprocessing, self.channels, self.network.map_axis, self.network.token_axis)
        own = fingerprint(self.module, declared, self.network.prefix_tokens, source=self.source)
        attached = [layer.fingerprint for layer in self.dictionaries.values()]
        return store.digest(own, attached) if attached else own

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The main layers, in the order of execution, without those with unknown axes; then the dictionaries.

        `layer` and `reader` also accept the name of any other module that is called once.
        """
        found = {}
        for name in useful(self.module, self._shapes.layers):
            with suppress(ShapeError):
                found[name] = self.layer(name)
        return found | {name: self.layer(name) for name in self.dictionaries}

    @cached_property
    def default_layers(self) -> list[str]:
        """Blocks with branches if there are any (the paper's), else the last block of each stage, else all layers; and
        the dictionaries.
        """
        real = [name for name in self.layers if name not in self.dictionaries]
        branched = [name for name in real if self.layers[name].branches]
        return [*(branched or stage_ends(self.module, real, self._shapes.layers)), *self.dictionaries]

    def layer(self, name: str) -> Layer:
        """Any layer whose output can be read; with @cls after its name its class token alone, as in blocks.3@cls.

        Raises ModelError naming close matches, or if there is no class token, ShapeError if its channel axis is not
        known.
        """
        if name.endswith(CLASS_TOKEN):
            whole = self.layer(name.removesuffix(CLASS_TOKEN))
            if not self._has_class_token(whole.name):
                raise no_class_token(self.name, whole.name)
            return Layer(name, whole.channels)
        if name in self.dictionaries:
            return Layer(name, self.dictionaries[name].features, reads="features")
        if name not in self._shapes.layers:
            raise no_layer(self.name, name, self._names)
        channels = self._shapes.layers[name][self._layout(name).axis]
        if self._traced is None:  # found only when it runs
            return Layer(name, channels)
        branches = channel_branches(self._traced, name, self._shapes.nodes)
        return Layer(name, channels, branches, read_before(self._traced, name))

    def base(self, name: str) -> str:
        """The layer of the network that a layer is read from: of a dictionary, the one that it is attached to."""
        name = name.removesuffix(CLASS_TOKEN)
        return self.dictionaries[name].layer.removesuffix(CLASS_TOKEN) if name in self.dictionaries else name

    def with_dictionary(
        self, name: str, layer: str, dictionary: Dictionary | nn.Module | Matrix, *, relu: Relu | None = None
    ) -> Model:
        """The same model with a virtual layer `name`, whose channels are the dictionary's features over `layer`.

        dictionary: one of `ex.dictionaries` (`load`, `sae`, `directions`, `of_module`); an nn.Module from vectors
        (positions, channels) to features; or a matrix of directions, (features, channels).
        relu: whether `layer` is read before or after its ReLU; what the dictionary says (after, unless it was told) if
        not given. The features are those after the dictionary's own activation in any case.
        Raises ModelError if the name is taken or no name, there is no such layer, or the dictionary does not fit it.

        >>> import exemplum as ex
        >>> model = ex.load("embedded").with_dictionary("concepts", "mixed4a", np.eye(3, 256))
        >>> model.units("concepts")
        [Unit(layer='concepts', channel=0), Unit(layer='concepts', channel=1), Unit(layer='concepts', channel=2)]
        """
        own = (*self.dictionaries, *self._shapes.layers, *dict(self.module.named_modules()))
        check_dictionary_name(name, own)
        if layer.removesuffix(CLASS_TOKEN) in self.dictionaries:
            raise ModelError(f"{layer} is a dictionary itself; attach {name} to {self.base(layer)} or another layer")
        given = as_dictionary(dictionary)
        given = given if relu is None else replace(given, relu=relu)
        attached = VirtualLayer(name, layer, given, given.encoder(self.layer(layer).channels, layer))
        model = object.__new__(type(self))  # copy.copy would load the model again
        model.__dict__ = {key: value for key, value in self.__dict__.items() if key not in CACHED}
        model.dictionaries = {**self.dictionaries, name: attached}
        model.again = None if self.again is None else partial(_attached_again, self.again, name, layer, given)
        return model

    def units(self, layer: str) -> list[Unit]:
        """Every channel of a layer. Raises as `layer` does."""
        return [Unit(layer, channel) for channel in range(self.layer(layer).channels)]

    def branch(self, unit: Unit | str) -> str:
        """The branch that a unit comes from, empty if its layer has none.

        Raises ModelError if there is no such unit.
        """
        unit = Unit.of(unit)
        layer = self.layer(unit.layer)
        if not 0 <= unit.channel < layer.channels:
            raise ModelError(
                f"model {self.name} has no unit {unit}: {unit.layer} has channels 0 to {layer.channels - 1}"
            )
        return next((name for name, channels in layer.branches.items() if unit.channel in channels), "")

    def grid(self, layer: str) -> Grid:
        """Where the cells of the layer's maps lie in the model's input. Raises as `layer` does."""
        name = self.layer(layer).name
        base = self.base(name)
        field = self._fields.get(self._traced.outputs[base]) if self._traced else None
        return grid(self._layout(name), self._shapes.layers[base], self.input_size, field)

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Crop a picture as the network and people see it: uint8 (h, w, 3) → uint8 (input_size, input_size, 3)."""
        return self.preprocessing.crop(image)

    def fit(self, picture: np.ndarray) -> np.ndarray:
        """Resize a picture that is shown whole, such as a synthetic one, without cropping it again: uint8 (h, w, 3) →
        uint8 (input_size, input_size, 3).
        """
        return self.preprocessing.fit(picture)

    def reader(
        self,
        layers: Iterable[str],
        relu: Relu = "before",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        fuse: bool = True,
    ) -> Reader:
        """A module from RGB images in [0, 1] to the maps of `layers`; nothing beyond the deepest is computed.

        relu: whether a layer that ends in a ReLU (or a concatenation of them) returns the value before or after it; a
        dictionary reads its own layer as it needs it.
        dtype: of the network's weights and of the maps; images are normalized in float32.
        fuse: whether BatchNorms are folded into the convolutions before them.

        A network that takes only its own input size gets images of other sizes resized (bilinear).
        Raises as `layer` does.
        """
        layers = list(dict.fromkeys(layers))
        layouts = {name: self._layout(self.layer(name).name) for name in layers}  # layer() raises for unknown names
        virtual = {name: self.dictionaries.get(name.removesuffix(CLASS_TOKEN)) for name in layers}
        attached = {name: layer for name, layer in virtual.items() if layer}
        real = [self.base(name) for name in layers]
        before = [(attached[name].dictionary.relu if name in attached else relu) == "before" for name in layers]
        body: nn.Module
        if self._traced is None:
            body = HookedBody(copy.deepcopy(self.module), real, before)
        else:
            body = cut.cut(self._traced, real, before, fuse=fuse)
        encoders = {name: copy.deepcopy(layer.encoder).to(device, dtype) for name, layer in attached.items()}
        body = body.to(device=device, dtype=dtype)
        for part in (body, *encoders.values()):
            _channels_last(part)
        normalize = Normalize(self.preprocessing, self.channels, dtype).to(device)
        return Reader(normalize, body, layouts, self._fixed_size(real), encoders).eval()

    @cached_property
    def _traced(self) -> trace.TracedNetwork | None:
        generator = torch.Generator().manual_seed(0)
        images = torch.rand((1, self.channels, self.input_size, self.input_size), generator=generator)
        return trace.trace(self.module, images)

    @cached_property
    def _shapes(self) -> cut.Shapes:
        try:
            return cut.probe(self.module, self._traced, self.channels, self.input_size)
        except Exception as error:  # a user's forward may raise anything
            images, reason = f"{self.channels} × {self.input_size} × {self.input_size}", str(error).partition("\n")[0]
            reason += user_code.raised_at(error) or self._raised_at()
            raise ModelError(
                f"model {self.name} does not accept images of {images} (channels, height, width): {reason}; set "
                f"another input_size, or declare size and channels with models.Network (docs/reference/models.md)"
            ) from error

    def _raised_at(self) -> str:
        """The line of the user's that fails in a forward pass; "" if none does. A traced network has no lines."""
        try:
            with torch.inference_mode():
                self.module(torch.rand((1, self.channels, self.input_size, self.input_size)))
        except Exception as error:
            return user_code.raised_at(error)
        return ""

    @cached_property
    def _fields(self) -> dict[fx.Node, fields.Field]:
        """Receptive fields of the traced network's nodes."""
        return fields.fields(self._traced, self._shapes.nodes) if self._traced else {}

    @cached_property
    def _other_size(self) -> cut.Shapes:
        """Shapes at a size that is not the network's own, up to the first error."""
        # 37: not divisible by any stride, so every map that can change its size does.
        return cut.probe(self.module, self._traced, self.channels, self.input_size + 37, partial=True)

    def _fixed_size(self, layers: Iterable[str]) -> int | None:
        """The only image size that these layers accept; None if they accept any."""
        return None if set(layers) <= set(self._other_size.layers) else self.input_size

    def _layout(self, name: str) -> Layout:
        base = self.base(name)
        shape = self._shapes.layers[base]
        other = (
            self._other_size.layers.get(base) if len(set(shape[1:])) == 1 else None
        )  # it is ambiguous, so look again
        found = layout(self.network, base, shape, other)
        read = self.dictionaries[name].layer if name in self.dictionaries else name
        return replace(found, only_class=True) if read.endswith(CLASS_TOKEN) else found

    def _has_class_token(self, name: str) -> bool:
        declared = self.network.class_token
        shape = self._shapes.layers[self.base(name)]
        found = self._layout(name)
        return declared is not False and not found.only_class and found.has_prefix(shape, *(self.input_size,) * 2)

    @property
    def _names(self) -> list[str]:
        """Names to suggest, the main layers first."""
        real = (*useful(self.module, self._shapes.layers), *self._shapes.layers)
        return list(dict.fromkeys([*self.dictionaries, *real]))


def _loaded_again(again: Callable[[], Model], fingerprint: str) -> Model:
    model = again()
    if model.fingerprint != fingerprint:
        raise ModelError(
            f"model {model.name} is different on {platform.node()}: its weights, its code or its library's version "
            "differ from those where it was first loaded; install the same there"
        )
    return model


def _attached_again(again: Callable[[], Model], name: str, layer: str, dictionary: Dictionary) -> Model:
    return again().with_dictionary(name, layer, dictionary)


def _channels_last(body: nn.Module) -> None:
    """Weights of convolutions in the memory format that convolutions run fastest in."""
    for weight in (*body.parameters(), *body.buffers()):
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def table(model: Model) -> pd.DataFrame:
    """One row per branch of each layer (a layer without branches has one, named ""), in the order of execution.

    Columns: layer; channels, of the layer; branch; first and last, the channels of the branch; default, whether the
    layer is used if none is named; reads, what `relu = "before"` reads (empty if it is not known).
    """
    rows = []
    for layer in model.layers.values():
        default = layer.name in model.default_layers
        for branch, channels in (layer.branches or {"": range(layer.channels)}).items():
            rows.append((layer.name, layer.channels, branch, channels[0], channels[-1], default, layer.reads))
    return pd.DataFrame(rows, columns=["layer", "channels", "branch", "first", "last", "default", "reads"])


def _branches(layer: Layer) -> str:
    """The branches of a layer with their channels: `1x1: 0–31, 3x3: 32–95`."""
    return ", ".join(f"{name}: {channels[0]}–{channels[-1]}" for name, channels in layer.branches.items())
