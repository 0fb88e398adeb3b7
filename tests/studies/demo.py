"""A small study of the demo's kind, as exemplum 0.1.0 left it, with answers of people.

`demo_0_1.tar.xz` was written by make_demo.py, through commands and HTTP alone: P0001 and P0002 have finished, P0003 is
in the middle of a session, and a fourth may come. Somebody has looked at the results since (`REASON`). Left out are the
features of the pictures, the pictures as the server encodes them, and the figures as PNG beside those as SVG.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

FILE = Path(__file__).with_name("demo_0_1.tar.xz")
REASON = "a look at the first two"
UNDER_WAY = "9d0f2a66-5c0e-4a57-8f0b-7f7f5d1c0b03"  # key by which the browser of P0003 began its session
UNDER_WAY_ANSWERS = 5


def demo_study(parent: Path) -> Path:
    """The folder, with the times of its files: those of the answers tell whether an analysis is of these."""
    with tarfile.open(FILE) as pack:
        pack.extractall(parent, filter="data")
    return parent / "demo"
