"""Pictures that the methods of a study made, and the queries of its trials, as images of the gallery.

A picture that is a whole image of the corpus is shown by that image's number. Any other is written as WebP once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.gallery.images import write_picture
from exemplum.gallery.study_data import StudyData
from exemplum.images import Corpus
from exemplum.records import ANY_BATCH
from exemplum.runtime import track

MOST_PER_POLE = (9, 4, 2, 1)  # pictures of a method: the first that MOST_PICTURES allows
MOST_PICTURES = 24_000  # 60 MB of 96 px
MOST_LISTED = 200_000  # images whose ids are looked up; beyond, queries are written as pictures of their own
SOURCES = ("extreme", "window")  # of queries that are images of the corpus as they are

Shown = int | str  # number of an image of the gallery, or the file of a picture, relative to its folder


@dataclass(frozen=True)
class StudyPictures:
    """The pictures of a study: which rows of the corpus they are, and how each is shown."""

    data: StudyData

    @cached_property
    def of_methods(self) -> pd.DataFrame:
        """STIMULI that are shown: of the first batch, as many per pole as MOST_PICTURES allows, the best first."""
        stimuli = self.data.stimuli
        if not len(stimuli):
            return stimuli
        most = stimuli.groupby(["unit", "method"])["references"].transform("max")
        # pictures that serve every batch, or those of the first one
        kept = stimuli[((stimuli["batch"] == ANY_BATCH) | (stimuli["batch"] == 0)) & (stimuli["references"] == most)]
        made = kept[~kept["method"].isin(self.data.whole)]
        per_pole = next(
            (count for count in MOST_PER_POLE if int((made["position"] < count).sum()) <= MOST_PICTURES),
            MOST_PER_POLE[-1],
        )
        kept = kept[kept["position"] < per_pole]
        return kept.sort_values(["unit", "method", "pole", "position"], kind="stable")

    @cached_property
    def rows(self) -> dict[str, int]:
        """Path → row of the corpus, of pictures and queries that are whole images of it."""
        pairs, stimuli = self.data.queries, self.of_methods
        plain = pairs[pairs["source"].isin(SOURCES)]
        known = [
            stimuli.loc[stimuli["method"].isin(self.data.whole), ["path", "image"]],
            *(plain[[f"query_{pole}", f"image_{pole}"]].set_axis(["path", "image"], axis=1) for pole in ("max", "min")),
        ]
        table = pd.concat(known).drop_duplicates("path")
        ids = _rows_by_id(self.data.corpus, set(table["image"]))
        return {str(path): ids[image] for path, image in zip(table["path"], table["image"], strict=True)
                if image in ids}  # fmt: skip

    def paths(self) -> list[str]:
        """Every path that the gallery shows: of methods, and queries of trials."""
        trials = self.data.trials
        found = [*self.of_methods["path"], *trials["query_max"], *trials["query_min"]]
        return list(dict.fromkeys(map(str, found)))

    def write(self, folder: Path, numbers: Mapping[int, int]) -> dict[str, Shown]:
        """Write into `folder` what is no image of the gallery; path → how it is shown. `numbers` are by row.

        Files that are there already stay. Raises StoreError naming a picture that cannot be read.
        """
        shown: dict[str, Shown] = {}
        missing: list[tuple[str, Path]] = []
        for path in self.paths():
            row = self.rows.get(path)
            if row is not None and row in numbers:
                shown[path] = numbers[row]
            else:
                name = f"{store.digest(path, self.data.study.made('explanations'))}.webp"
                shown[path] = name
                if not (folder / name).exists():
                    missing.append((path, folder / name))
        _write(self.data.study.folder, missing)
        return shown


def _write(study: Path, missing: Iterable[tuple[str, Path]]) -> None:
    missing = list(missing)
    if not missing:
        return

    def write(pair: tuple[str, Path]) -> None:
        write_picture(pair[1], store.read_png(study / pair[0]))

    with track("gallery pictures", len(missing), "pictures") as advance, ThreadPoolExecutor() as pool:
        for _ in pool.map(write, missing):
            advance(1)


def _rows_by_id(corpus: Corpus, wanted: set[str]) -> dict[str, int]:
    """The rows of these ids; none for a corpus of more than MOST_LISTED images."""
    if not wanted or len(corpus) > MOST_LISTED:
        return {}
    ids = ((corpus.record(row).image_id, row) for row in range(len(corpus)))
    return {name: row for name, row in ids if name in wanted}
