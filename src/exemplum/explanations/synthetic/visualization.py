"""Feature visualizations in one call, outside of a study."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from exemplum import images as pictures
from exemplum.errors import UserError, did_you_mean
from exemplum.explanations.synthetic import objectives
from exemplum.explanations.synthetic.diversity import Wanted, weighted
from exemplum.explanations.synthetic.objectives import Objective
from exemplum.explanations.synthetic.optimization import OPTIMIZERS, WITHOUT_UNIT
from exemplum.explanations.synthetic.parametrizations import PARAMETRIZATIONS, Parametrization
from exemplum.explanations.synthetic.recipes import Recipe, recipe as named
from exemplum.explanations.synthetic.scheduler import OptimizedPictures, PictureMeasurer, Setup
from exemplum.explanations.synthetic.transforms import transform
from exemplum.index import ActivationIndex
from exemplum.models import Model
from exemplum.records import Pole, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Visualization:
    """One optimized picture, and how strongly it activates its unit.

    No Picture: it belongs to no study, may be of no unit, and has its whole objective and its place in the index.
    """

    unit: Unit | None  # None if the objective has no unit
    pole: Pole
    position: int
    image: np.ndarray  # uint8 (size, size, channels)
    activation: float  # of its unit, in float32, on the finished picture; NaN without a unit
    percentile: float  # share of the index's images with a lower activation; NaN without an index
    margin: float  # over the best exemplar, in standard deviations over the corpus; NaN without an index
    scores: np.ndarray  # float32 (updates,): the objective before each update, under that step's random geometry
    stopped: str  # steps (all were done) or plateau
    seed: int
    recipe_hash: str  # of all fields of the recipe but its name
    diversity: float  # weight of the similarity of the unit's pictures, in units of activation

    @property
    def updates(self) -> int:
        return len(self.scores)

    @property
    def label(self) -> str:
        """The unit, and the pole if it is the minimal one."""
        return f"{self.unit or 'objective'}{' min' if self.pole is Pole.MIN else ''}"

    def __repr__(self) -> str:
        known = "" if math.isnan(self.percentile) else f", {self.percentile:.1f} % of the images below"
        activation = "" if math.isnan(self.activation) else f"activation {self.activation:.3g}{known}, "
        return f"Visualization({self.label}: {activation}{self.updates} updates)"


class Visualizations(list[Visualization]):
    """Optimized pictures; `show()` draws them, `plot()` their objective over the steps."""

    def __repr__(self) -> str:
        labels = list(dict.fromkeys(each.label for each in self))
        more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
        count = "1 picture" if len(self) == 1 else f"{len(self)} pictures"
        return f"Visualizations({count}: {', '.join(labels[:3])}{more})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{pictures.thumbnails(self.images, self.captions)}"

    @property
    def images(self) -> np.ndarray:
        """All pictures, uint8 (pictures, size, size, channels)."""
        return np.stack([each.image for each in self])

    @property
    def captions(self) -> list[str]:
        """The unit and activation of each picture."""
        return [
            each.label + ("" if math.isnan(each.activation) else f"\n{each.activation:.3g}") for each in self
        ]  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """One row per picture: unit, pole, position, activation, percentile, margin, updates, why it stopped, seed."""
        names = ("position", "activation", "percentile", "margin", "updates", "stopped", "seed", "diversity")
        return pd.DataFrame([
            {"unit": str(each.unit or ""), "pole": str(each.pole)} | {name: getattr(each, name) for name in names}
            for each in self
        ])  # fmt: skip

    def show(self, *, columns: int = 0, axes: Axes | None = None) -> Axes:
        """Draw the pictures side by side."""
        return pictures.grid([each.image for each in self], self.captions, columns=columns, axes=axes)

    def plot(self, *, axes: Axes | None = None) -> Axes:
        """Draw the objective of each picture over the steps."""
        import matplotlib.pyplot as plt  # late: it takes half a second

        axes = axes or plt.subplots()[1]
        several = len({each.label for each in self}) < len(self)
        for each in self:
            axes.plot(each.scores, label=f"{each.label}, picture {each.position + 1}" if several else each.label)
        axes.set(xlabel="step", ylabel="objective")
        axes.legend(fontsize=7)
        return axes


Own = (
    Objective | Callable[[Tensor], Tensor]
)  # an objective, or a function of the unit's map: (images, h, w) → (images,)


def visualize(
    model: Model,
    units: Unit | str | Objective | Sequence[Unit | str] = (),
    recipe: str | Recipe = "borowski2021",
    *,
    objective: Literal["channel", "neuron", "max", "cls"] | Own = "channel",
    parametrization: str | Parametrization | None = None,
    transforms: Sequence[Any] | None = None,
    optimizer: str | Callable[..., torch.optim.Optimizer] | None = None,
    learning_rate: float | None = None,
    index: ActivationIndex | None = None,
    poles: Pole | str | Sequence[Pole | str] | None = None,
    images: int | None = None,
    steps: int | None = None,
    size: int | None = None,
    diversity: Wanted = "auto",
    relu: Literal["before", "after"] = "before",
    precision: str = "auto",
    seed: int = 0,
) -> Visualizations:
    """Make pictures of units, or of an objective, by a recipe; what is not given is the recipe's.

    units: one or more, as in `"mixed4a:30"`; or an objective composed of those in `ex.objectives`.
    recipe: its name, a TOML file, or a Recipe.
    objective: the activation that counts, `channel` (spatial mean), `neuron` (centre), `max` (maximum) or `cls` (class
    token); an objective for all units; or a function of a unit's map, (images, h, w) → one score per image.
    parametrization: `fourier`, `pixel`, `maco`, or one of your own.
    transforms: instances of those in `ex.transforms`, or functions of images (n, channels, h, w), in their order.
    optimizer: `adam`, `nadam`, or a function of a list of parameters, as torch.optim.SGD.
    poles: max and min if not given; only max for an objective composed of those in `ex.objectives`.
    images: pictures per unit and pole.
    steps: the number of the last step, counted from 0, so there are steps + 1 updates.
    size: pixels per side of a picture; the model's input size if not given.
    diversity: the diversity weight (docs/reference/synthesis.md); 0 if not given, for an objective composed of those in
    `ex.objectives`.
    index: with one, each picture has a percentile and a margin.
    relu: whether units are read before or after their ReLU.
    precision: of the network: float32, bfloat16, float16, or auto: bfloat16 where that is fast.
    seed: the same seed gives the same pictures.
    Raises UserError for an unknown recipe, unit, layer or part of a recipe, and for functions whose results do not fit.

    >>> import exemplum as ex
    >>> model = ex.load("embedded", input_size=48)
    >>> found = ex.visualize(model, "mixed3a:5", poles="max", images=1, steps=4)
    >>> found
    Visualizations(1 picture: mixed3a:5)
    >>> found[0].image.shape, found[0].updates
    ((48, 48, 3), 5)
    >>> both = ex.objectives.channel("mixed3a:5") - 0.1 * ex.objectives.channel("mixed3a:7")
    >>> list(ex.visualize(model, both, images=2, steps=4).to_frame()["unit"])
    ['mixed3a:5', 'mixed3a:5']
    """
    if isinstance(units, Objective):
        objective = units
        units = objective.units[:1] or (WITHOUT_UNIT,)
    chosen = [Unit.of(unit) for unit in ([units] if isinstance(units, str | Unit) else units)]
    for unit in chosen:
        if unit != WITHOUT_UNIT:
            model.branch(unit)  # raises at once if there is no such unit
    changes = {"images": images, "steps": steps, "learning_rate": learning_rate}
    made_by = named(recipe).at(size or model.input_size)
    made_by = made_by.with_(**{name: value for name, value in changes.items() if value is not None})
    made_by = _with_parts(made_by, parametrization, transforms, optimizer, learning_rate)
    _check(made_by, model, seed)
    own = isinstance(objective, Objective)
    if poles is None:
        poles = (Pole.MAX,) if own else (Pole.MAX, Pole.MIN)
    setup = _setup(model, objective, relu, precision, seed)
    wanted = 0.0 if own and diversity == "auto" else diversity
    return _visualizations(setup, weighted(setup, chosen, _poles(poles), made_by, wanted, index), index)


def _setup(model: Model, objective: Any, relu: Literal["before", "after"], precision: str, seed: int) -> Setup:
    if isinstance(objective, Objective):
        return Setup(model, relu, "channel", precision, seed, own=lambda _: objective)
    if callable(objective):
        return Setup(model, relu, "channel", precision, seed, own=lambda unit: objectives.on_unit(unit, objective))
    if objective not in objectives.NAMED:
        raise UserError(
            f"there is no objective {objective!r}; give {', '.join(objectives.NAMED)}, one of ex.objectives or a "
            "function of maps"
        )
    return Setup(model, relu, objective, precision, seed)


def _with_parts(
    recipe: Recipe, parametrization: Any, transforms: Sequence[Any] | None, optimizer: Any, learning_rate: float | None
) -> Recipe:
    """The recipe with the caller's parts instead of its own."""
    for what, given, known in (
        ("parametrization", parametrization, PARAMETRIZATIONS),
        ("optimizer", optimizer, OPTIMIZERS),
    ):
        if isinstance(given, str) and given not in known:
            raise UserError(f"there is no {what} {given!r}{did_you_mean(given, known)}")
    if callable(optimizer) and learning_rate is not None:
        optimizer = partial(optimizer, lr=learning_rate)
    parts = {"parametrization": parametrization, "optimizer": optimizer}
    recipe = recipe.with_(**{name: part for name, part in parts.items() if part is not None})
    if transforms is None:
        return recipe
    try:
        return recipe.with_(transforms=tuple(transform(each) for each in transforms)).check()
    except ValueError as error:
        raise UserError(
            f"transforms: {error}; in Python give ex.transforms.Jitter(8) and the like, or a function"
        ) from error


def _check(recipe: Recipe, model: Model, seed: int) -> None:
    """Raise UserError if a parametrization of the caller's gives no images of the recipe's canvas."""
    if not isinstance(recipe.parametrization, str):
        generators = [torch.Generator().manual_seed(seed + place) for place in range(2)]
        recipe.parametrization.check(model.channels, recipe.canvas, generators, recipe.sd, recipe.decay)


def _poles(given: Pole | str | Sequence[Pole | str]) -> list[Pole]:
    wanted = [given] if isinstance(given, str) else list(given)
    if unknown := [pole for pole in wanted if pole not in list(Pole)]:
        raise UserError(f"there is no pole {str(unknown[0])!r}; give max or min")
    return [Pole(pole) for pole in wanted]


def _visualizations(setup: Setup, finished: Any, index: ActivationIndex | None) -> Visualizations:
    measurer, found = PictureMeasurer(setup), Visualizations()
    for made in finished:
        for position, (image, value) in enumerate(zip(made.images, measurer.activations(made), strict=True)):
            found.append(_visualization(made, position, image, value, index))
    return found


def _visualization(
    made: OptimizedPictures, position: int, image: np.ndarray, activation: float, index: ActivationIndex | None
) -> Visualization:
    job = made.job
    known = index if job.unit != WITHOUT_UNIT else None
    return Visualization(
        job.unit if job.unit != WITHOUT_UNIT else None, job.pole, position, image, activation,
        percentile=known.percentile(job.unit, activation) if known else float("nan"),
        margin=known.beyond(job.unit, job.pole, activation) if known else float("nan"),
        scores=made.scores[:, position], stopped=made.stopped, seed=job.image_seed(position),
        recipe_hash=job.recipe.digest, diversity=job.weight,
    )  # fmt: skip
