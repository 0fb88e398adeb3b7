"""Train a top-k sparse autoencoder on the vectors of a layer, as Gao et al. (2024) do."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from exemplum import store
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.models.dictionaries.dictionary import Dictionary, Relu, sae
from exemplum.models.dictionaries.formats import save
from exemplum.models.dictionaries.vectors import Vectors, collect, geometric_median
from exemplum.runtime import hardware, track

if TYPE_CHECKING:
    from exemplum.models.model import Model

CHECKPOINT_S = 30.0
STEPS = 2000
AUXILIARY = 1 / 32  # weight of the loss that revives dead features; Gao et al., appendix A.2
DEAD_AFTER = 256  # steps without activation after which a feature counts as dead, or an eighth of all steps
DECAY = 0.2  # share of the steps, at the end, over which the learning rate falls to 0
# Learning rate of 2¹⁴ features; it goes with 1/√features, as in Gao et al. Theirs was 2e-4 for far more steps: after
# 2,000 on mixed4a of the embedded network (1,024 features, 16 active) 2e-3 explained .873 of the variance, 8e-4 .865
RATE, FASTEST = 5e-4, 3e-3
MEDIAN_OF = 2**15  # vectors whose geometric median the pre-bias begins at
LAST = 100  # steps whose mean loss is reported


@dataclass(frozen=True)
class Settings:
    """What a trained dictionary depends on, besides the vectors."""

    features: int
    k: int
    steps: int
    batch: int
    learning_rate: float
    seed: int


def train_dictionary(
    model: Model,
    corpus: Corpus,
    layer: str,
    *,
    features: int,
    k: int,
    steps: int | None = None,
    epochs: float | None = None,
    batch: int = 1024,
    learning_rate: float | None = None,
    vectors: int = 1_000_000,
    relu: Relu = "after",
    seed: int = 0,
    out: Path | str | None = None,
) -> Dictionary:
    """Train a sparse autoencoder on a layer: `features` features, of which `k` are active at each position.

    The data are the layer's vectors at all positions of all images, or at most `vectors` of them, drawn by the seed. A
    tenth of the images is held out for the report.
    steps: updates of `batch` vectors each; 2,000 if neither they nor `epochs` are given.
    learning_rate: of Adam, which falls to 0 over the last fifth of the steps; 5·10⁻⁴ · √(2¹⁴ / features), at most
    0.003, if not given. relu: whether the layer is read before or after its ReLU.
    out: a safetensors file to write, with a JSON file of the facts beside it. Its state is saved there during the
    training, and a run that was stopped continues to the same result.
    Returns a Dictionary whose `facts` have, among others, `loss` (the mean over the last steps), `explained_variance`
    (of the vectors held out, at most 1), and `dead` (the share of features that are active for no vector).
    Raises UserError if numbers do not fit each other, ModelError if there is no such layer.

    >>> import exemplum as ex
    >>> model, images = ex.load("embedded", input_size=48), ex.open_images("embedded", limit=40)
    >>> found = ex.train_dictionary(model, images, "mixed3a", features=200, k=8, steps=20)
    >>> found
    Dictionary(128 × 200, topk:8)
    >>> 0 < found.facts["explained_variance"] < 1
    True
    """
    path = None if out is None else Path(out).expanduser()
    _check(features, k, steps, epochs, path)
    model.layer(layer)  # raises if there is none
    data = collect(model, corpus, layer, relu=relu, most=vectors, seed=seed)
    if steps is None:
        steps = STEPS if epochs is None else max(1, round(epochs * math.ceil(len(data.training) / batch)))
    rate = learning_rate or min(FASTEST, RATE * math.sqrt(2**14 / features))
    settings = Settings(features, k, steps, min(batch, len(data.training)), rate, seed)
    key = store.digest(asdict(settings), model.fingerprint, corpus.fingerprint, layer, relu, vectors)
    began = time.monotonic()
    training = Training(data.training, settings, key, path)
    training.run()
    facts = {
        "layer": layer, "relu": relu, **asdict(settings), **_report(training, data), "images": data.images,
        "broken": data.broken, "vectors": len(data.training), "held_out": len(data.held_out),
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    found = replace(training.dictionary(), relu=relu, facts=facts, what=str(path or "the trained dictionary"))
    if path:
        save(found, path)
        store.write_json(path.with_suffix(".json"), facts)
        training.forget()
    return found


def _check(features: int, k: int, steps: int | None, epochs: float | None, path: Path | None) -> None:
    if not 1 <= k <= features:
        raise UserError(f"k must be from 1 to the number of features, {features} (got {k})")
    if steps is not None and epochs is not None:
        raise UserError("give steps or epochs, not both")
    if (steps is not None and steps < 1) or (epochs is not None and not epochs > 0):
        raise UserError("steps must be at least 1, and epochs above 0")
    if path and path.suffix != ".safetensors":
        raise UserError(
            f"a dictionary is written as safetensors: name the file {path.with_suffix('.safetensors').name}"
        )


class Training:
    """A sparse autoencoder in training: its parameters, the optimizer, and when each feature was last active.

    It works on vectors that are centred at their geometric median and scaled to a variance of 1 per channel, so that
    no setting depends on the layer's scale. Decoder vectors have unit length.
    """

    def __init__(self, vectors: Tensor, settings: Settings, key: str = "", path: Path | None = None) -> None:
        """`key` tells states of other settings; the state is saved beside `path`, if that is given."""
        self.settings, self.key, self.device = settings, key, hardware.device()
        generator = torch.Generator().manual_seed(settings.seed)
        some = vectors[torch.randperm(len(vectors), generator=generator)[:MEDIAN_OF]]
        self.centre = geometric_median(some)
        self.spread = float((some - self.centre).square().mean().sqrt()) or 1.0
        self.vectors = vectors
        directions = torch.randn(settings.features, vectors.shape[1], generator=generator)
        decoder = F.normalize(directions, dim=1)
        shapes = {"b_enc": settings.features, "b_dec": vectors.shape[1]}
        start = {"W_dec": decoder, "W_enc": decoder.T.clone(), **{name: torch.zeros(n) for name, n in shapes.items()}}
        self.parameters = {name: tensor.to(self.device).requires_grad_() for name, tensor in start.items()}
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=settings.learning_rate, betas=(0.9, 0.999))
        self.step, self.losses = 0, list[float]()
        self.active = torch.zeros(settings.features, dtype=torch.long, device=self.device)  # step of the last activity
        self.partial = None if path is None else path.with_name(f".{path.name}.partial")
        self._resume()

    def run(self) -> None:
        """Take the remaining steps. The state is saved if it is interrupted."""
        saved = time.monotonic()
        steps = self.settings.steps
        with track("training", steps, "steps", done=self.step) as advance:
            try:
                for batch in self._batches():
                    self._update(batch)
                    advance(1)
                    if self.partial and time.monotonic() - saved > CHECKPOINT_S:
                        self._save()
                        saved = time.monotonic()
            except BaseException:
                self._save()
                raise

    def encoded(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The k largest features of vectors in its scale, and their numbers: (n, k) each."""
        values, places = self._before(vectors).topk(self.settings.k, dim=1, sorted=False)
        return values.relu(), places

    def decoded(self, values: Tensor, places: Tensor) -> Tensor:
        """Vectors in its scale from some features of each, (n, k) values and numbers."""
        weights = self.parameters["W_dec"]
        return F.embedding_bag(places, weights, per_sample_weights=values, mode="sum") + self.parameters["b_dec"]

    def scaled(self, vectors: Tensor) -> Tensor:
        return ((vectors - self.centre) / self.spread).to(self.device)

    def dictionary(self) -> Dictionary:
        """The autoencoder for the layer's own vectors."""
        own = {name: tensor.detach().cpu() for name, tensor in self.parameters.items()}
        return sae(
            own["W_enc"], own["b_enc"] * self.spread, own["W_dec"], self.centre + self.spread * own["b_dec"],
            activation=f"topk:{self.settings.k}",
        )  # fmt: skip

    def forget(self) -> None:
        """Remove the saved state."""
        if self.partial:
            self.partial.unlink(missing_ok=True)

    def _before(self, vectors: Tensor) -> Tensor:
        own = self.parameters
        return (vectors - own["b_dec"]) @ own["W_enc"] + own["b_enc"]

    def _batches(self) -> Iterator[Tensor]:
        """Batches from the present step on; each epoch has its own order, drawn from the seed."""
        size, count = self.settings.batch, len(self.vectors)
        per_epoch = max(1, count // size)
        order, epoch = torch.empty(0, dtype=torch.long), -1
        while self.step < self.settings.steps:
            if self.step // per_epoch != epoch:
                epoch = self.step // per_epoch
                generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch + 1)
                order = torch.randperm(count, generator=generator)
            start = self.step % per_epoch * size
            yield self.vectors[order[start : start + size]]

    def _update(self, batch: Tensor) -> None:
        vectors, settings = self.scaled(batch), self.settings
        before = self._before(vectors)
        values, places = before.topk(settings.k, dim=1, sorted=False)
        values = values.relu()
        error = vectors - self.decoded(values, places)
        loss = error.square().mean()
        with torch.no_grad():
            self.active[places[values > 0]] = self.step
        self._revived(before, error.detach(), loss).backward()
        decoder = self.parameters["W_dec"]
        with torch.no_grad():
            assert decoder.grad is not None
            # only the part of the gradient that turns a vector, since its length stays 1
            decoder.grad -= (decoder.grad * decoder).sum(1, keepdim=True) * decoder
            left = (settings.steps - self.step) / (DECAY * settings.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = settings.learning_rate * min(1.0, left)
            self.optimizer.step()
            self.optimizer.zero_grad()
            decoder /= decoder.norm(dim=1, keepdim=True)
        self.step += 1
        self.losses = [*self.losses[-LAST + 1 :], float(loss.detach())]

    def _revived(self, before: Tensor, error: Tensor, loss: Tensor) -> Tensor:
        """The loss, with that of dead features: their largest values are to make up for the error of the others."""
        dead = self.step - self.active > min(DEAD_AFTER, max(1, self.settings.steps // 8))
        count = min(int(dead.sum()), max(1, error.shape[1] // 2))
        if not count:
            return loss
        values, places = before.masked_fill(~dead, -torch.inf).topk(count, dim=1, sorted=False)
        given = self.decoded(values, places) - self.parameters["b_dec"]
        auxiliary = (given - error).square().mean() / error.square().mean().clamp_min(1e-9)
        return loss + AUXILIARY * auxiliary.nan_to_num()

    def _save(self) -> None:
        if self.partial is None:
            return
        state = {
            "key": self.key, "step": self.step, "losses": self.losses, "active": self.active,
            "parameters": {name: tensor.detach() for name, tensor in self.parameters.items()},
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        with store.atomic(self.partial) as temporary, temporary.open("wb") as handle:
            torch.save(state, handle)

    def _resume(self) -> None:
        if self.partial is None or not self.partial.exists():
            return
        kept = torch.load(self.partial, weights_only=True, map_location=self.device)
        if kept["key"] != self.key:
            return  # of other settings: start from the beginning
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(kept["parameters"][name])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step, self.losses, self.active = kept["step"], kept["losses"], kept["active"]


@torch.no_grad()
def _report(training: Training, data: Vectors) -> dict[str, Any]:
    """Loss, explained variance of the vectors held out, dead share over all training vectors, mean number active."""
    counts = torch.zeros(training.settings.features, dtype=torch.long, device=training.device)
    for part in data.training.split(training.settings.batch):
        values, places = training.encoded(training.scaled(part))
        counts += places[values > 0].bincount(minlength=len(counts))
    residual, number = 0.0, 0
    for part in data.held_out.split(training.settings.batch):
        vectors = training.scaled(part)
        values, places = training.encoded(vectors)
        residual += float((vectors - training.decoded(values, places)).double().square().sum())
        number += int((values > 0).sum())
    held_out = training.scaled(data.held_out).double()
    total = float((held_out - held_out.mean(0)).square().sum())
    return {
        "loss": round(sum(training.losses) / len(training.losses), 6),
        "explained_variance": round(1 - residual / total, 6) if total else float("nan"),
        "dead": round(float((counts == 0).float().mean()), 6),
        "active": round(number / len(held_out), 3),
    }
