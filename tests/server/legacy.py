"""A study that was served before studies had ids: folder and database as exemplum's first schema left them.

`legacy_study.zip` was written by the code of schema 0001 with this package's `made.study` and `walk.Walker`: P0001
(legacy-one) has finished, P0002 (legacy-none) has only entered, P0003 (legacy-two) was the newest session and withdrew.
Its pictures are left out of the file and made here; they depend on nothing but their names.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from exemplum import design as designs
from exemplum.study.folder import Study
from server import made

FILE = Path(__file__).with_name("legacy_study.zip")
ANSWERS = 22  # of P0001


def legacy_study(parent: Path, name: str = "study") -> Path:
    """The folder, under a name that may be another than the one it was served by ("study")."""
    folder, unpacked = parent / name, parent / f"{name}.unpacked"
    with zipfile.ZipFile(FILE) as pack:
        pack.extractall(unpacked)
    (unpacked / "study").rename(folder)
    for trial in designs.load(Study.open(folder)).trials:
        for path in (*trial.references, trial.query_max, trial.query_min):
            made.picture(folder / path)
    return folder
