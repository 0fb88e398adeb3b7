"""Corpora by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exemplum.errors import did_you_mean
from exemplum.images.corpus import Corpus, CorpusError
from exemplum.images.embedded import EmbeddedCorpus
from exemplum.images.folder import FolderCorpus

KINDS: dict[str, Callable[[str, int, Path | None], Corpus]] = {
    "folder": lambda rest, _seed, _root: FolderCorpus(rest),
}
WRITE = "write embedded, " + ", ".join(f"{kind}:…" for kind in KINDS)


def open_corpus(spec: str, seed: int = 0, root: Path | None = None) -> Corpus:
    """Open the images that `spec` names: `embedded`, `folder:PATH` or `torchvision:NAME`.

    `seed` draws the drawings of `embedded` and nothing else. `root` is where torchvision's datasets are kept
    (~/.cache/exemplum, or the environment's EXEMPLUM_DATA, if not given). Raises CorpusError.
    """
    kind, colon, rest = spec.partition(":")
    if spec == "embedded":
        return EmbeddedCorpus(seed)
    if kind not in KINDS:
        raise CorpusError(f"unknown images {spec!r}{did_you_mean(kind, ['embedded', *KINDS])}")
    if not (colon and rest):
        raise CorpusError(f"images {spec!r} lack what follows {kind}: ; write {kind}:…")
    return KINDS[kind](rest, seed, root)
