"""Run docs/tutorials/ten-tasks.ipynb and write its outputs into it: python -m tools.notebook"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tools.tutorials import WAITING

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorials" / "ten-tasks.ipynb"
CELL_S = 600  # no cell takes longer, even on a busy machine


def executed(path: Path, steps: int | None = None) -> NotebookNode:
    """The notebook with the outputs of a run in a fresh kernel, without lines of progress.

    `steps` replaces the number of steps that its pictures are optimized in. Raises nbclient's CellExecutionError if a
    cell raises, with the cell and its traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells if steps else ():
        cell.source = re.sub(r"\bsteps=\d+", f"steps={steps}", cell.source)
    folder = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, timeout=CELL_S, kernel_name="python3", record_timing=False, resources=folder)
    with tempfile.TemporaryDirectory() as own:  # no history and profile in the home folder
        client.execute(env=os.environ | {"IPYTHONDIR": own})
    notebook.metadata.language_info = {"name": "python"}  # not the version of this machine
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if "text" not in output or WAITING.sub("", output["text"])
            ]
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(PAGE), PAGE)
