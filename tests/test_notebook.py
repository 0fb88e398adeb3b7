"""docs/tutorials/ten-tasks.ipynb: its code is docs/how-to/side-by-side.md's, it runs, and shows what its text says."""

from __future__ import annotations

import base64
import io
import os
import re

import nbformat
import numpy as np
import pytest
import torch
from filelock import FileLock
from nbformat import NotebookNode
from PIL import Image
from tools import notebook

import exemplum as ex
from side_by_side import blocks

pytestmark = pytest.mark.slow  # make tutorials runs it, with the other tutorials
SUBSTITUTIONS = {  # as the notebook says in its second paragraph
    "ex.load(network)": 'ex.load("embedded")',
    "inception4a": "mixed4a",
    "torch.randn(512)": "torch.randn(256)",
    "ex.visualize(": "visualize(",
}
COMMITTED = nbformat.read(notebook.PAGE, as_version=4)
ONE = "task-1-code"


@pytest.fixture(scope="session")
def outputs(tmp_path_factory) -> dict[str, list[NotebookNode]]:
    """What each cell of code shows when the notebook is run now, by the cell's id; test workers share one run.

    In half the steps that it says: what its text claims of the pictures is true of these too.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    run = folder / "ten-tasks.ipynb"
    with FileLock(folder / "ten-tasks.lock"):
        if not run.exists():
            nbformat.write(notebook.executed(notebook.PAGE, steps=32), run)
    return shown(nbformat.read(run, as_version=4))


def shown(page: NotebookNode) -> dict[str, list[NotebookNode]]:
    return {cell.id: cell.outputs for cell in page.cells if cell.cell_type == "code"}


def pictures(outputs: list[NotebookNode]) -> list[tuple[str, np.ndarray]]:
    """The pictures that a cell's result shows as HTML, float (h, w, 3), each with its caption."""
    html = "".join(output.data.get("text/html", "") for output in outputs if "data" in output)
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    captions = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", html)
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(source))), float) for source in sources]
    return list(zip(captions, images, strict=True))


def figure(outputs: list[NotebookNode]) -> Image.Image:
    """The one matplotlib figure of a cell."""
    (drawn,) = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return Image.open(io.BytesIO(base64.b64decode(drawn)))


def result(outputs: list[NotebookNode]) -> str:
    """The plain text of a cell's result."""
    (text,) = [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]
    return text


def activation(caption: str) -> float:
    return float(caption.partition("<br>")[2])


def means(images: np.ndarray) -> np.ndarray:
    """The mean of the map of mixed4a:30, read from the network, for images (n, h, w, 3) from 0 to 255."""
    planes = torch.tensor(images / 255, dtype=torch.float32).permute(0, 3, 1, 2)
    return ex.load("embedded").reader(["mixed4a"])(planes)["mixed4a"][:, 30].mean((1, 2)).numpy()


def code_by_heading(page: NotebookNode) -> dict[str, list[str]]:
    """The lines of code under each heading, without the semicolons that suppress a cell's result."""
    found: dict[str, list[str]] = {}
    heading = ""
    for cell in page.cells:
        if cell.cell_type == "code":
            found.setdefault(heading, []).extend(line.rstrip(";") for line in cell.source.splitlines())
        elif title := re.match(r"## (.+)", cell.source):
            heading = title[1]
    return found


def test_its_code_is_that_of_side_by_side():
    told = blocks("Exemplum")
    for heading, lines in told.items():
        for theirs, ours in SUBSTITUTIONS.items():
            lines = [line.replace(theirs, ours) for line in lines]
        told[heading] = lines
    assert len([heading for heading in told if heading[0].isdigit()]) == 10
    mine = code_by_heading(COMMITTED)
    assert set(mine) - set(told) == {"Faster pictures"}
    assert {heading: mine[heading] for heading in told} == told


def test_the_outputs_in_it_are_those_of_a_run(outputs):
    """All but the numbers, of which the last digits differ between machines, and the drawn lines."""
    committed = {name: kinds(cell) for name, cell in shown(COMMITTED).items()}
    assert committed == {name: kinds(cell) for name, cell in outputs.items()}


def test_no_cell_prints(outputs):
    printed = [output.text for cell in outputs.values() for output in cell if output.output_type == "stream"]
    assert printed == []


def kinds(outputs: list[NotebookNode]) -> list[tuple[list[str], list[str], list[str]]]:
    """What kinds of output a cell has: its formats, the words of its first line, and the labels of its pictures."""
    return [
        (sorted(each.data), each.data["text/plain"].splitlines()[0].split(), [label(of) for of, _ in pictures([each])])
        for each in outputs
    ]


def label(caption: str) -> str:
    return re.sub(r"(^|<br>)-?[\d.e+-]+$", "", caption)


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (1, ["mixed4a:30"]), (2, ["mixed4a:30", "mixed4a:31"]), (3, ["mixed4a:30"]), (4, ["mixed4a:30"] * 4),
        (5, ["mixed4a:30"]), (6, ["objective"]), (7, ["mixed4a:30"]), (8, ["mixed4a:30"]), (9, ["mixed4a:30"]),
        (10, ["mixed4a:30"]),
    ],
)  # fmt: skip
def test_each_task_shows_its_pictures(outputs, task, labels):
    found = pictures(outputs[f"task-{task}-code"])
    assert [label(caption) for caption, _ in found] == labels
    assert all(image.shape == (96, 96, 3) and image.std() > 1 for _, image in found)


def test_the_network_shows_its_layers(outputs):
    (html,) = [output.data["text/html"] for output in outputs["faster-code"]]
    rows = re.findall(r"<tr>\s*<td>(\w+)</td>\s*<td>(\d+)</td>\s*<td>(.*?)</td>", html)
    model = ex.load("embedded")
    assert [(name, int(channels)) for name, channels, _ in rows] == [
        (name, model.layers[name].channels) for name in model.default_layers
    ]
    assert rows[2] == ("mixed4a", "256", "1x1: 0–95, 3x3: 96–199, 5x5: 200–223, pool: 224–255")


def test_the_number_is_the_mean_of_the_map(outputs):
    """Oracle: the network itself, on the picture that is shown."""
    ((caption, image),) = pictures(outputs[ONE])
    assert activation(caption) == pytest.approx(means(image[None])[0], abs=0.006)


def test_a_neuron_has_its_pattern_in_the_middle(outputs):
    ((_, image),) = pictures(outputs["task-3-code"])
    rim = np.concatenate([image[:24], image[-24:]])
    assert image[24:-24, 24:-24].std() > 2 * rim.std()


@pytest.mark.parametrize("task", [4, 5, 7, 9, 10])
def test_other_aims_cost_activation(outputs, task):
    """Tasks whose text says so, the sum of two units, and MaCo, whose whole picture activates the unit little."""
    alone = activation(pictures(outputs[ONE])[0][0])
    assert all(activation(caption) < alone for caption, _ in pictures(outputs[f"task-{task}-code"]))


def test_less_total_variation_is_smoother(outputs):
    def variation(name: str) -> float:
        ((_, image),) = pictures(outputs[name])
        return np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()

    assert variation("task-8-code") < variation(ONE)


def test_plain_descent_on_pixels_stays_grey(outputs):
    ((_, image),) = pictures(outputs["task-9-code"])
    assert np.ptp(image, axis=2).mean() < 5
    assert abs(image.mean() - 127) < 5


def test_the_objective_rises_in_a_figure_and_a_table(outputs):
    assert figure(outputs["result-code"]).width > 400
    header, *rows = result(outputs["result-code"]).splitlines()
    assert header.split()[:4] == ["unit", "pole", "position", "activation"]
    assert [row.split()[1:3] for row in rows[:2]] == [["mixed4a:30", "max"], ["mixed4a:31", "max"]]


def test_exemplars_are_the_images_with_the_highest_means(outputs):
    """Oracle: the network on each of the 60 images."""
    assert result(outputs["exemplars-code"]) == "Exemplars(mixed4a:30, max: 5 images)"
    model, corpus = ex.load("embedded"), ex.open_images("embedded", limit=60)
    crops = np.stack([model.crop(corpus.decode(row)) for row in range(len(corpus))])
    values = means(crops)
    best = np.argsort(-values)[:5]
    found = pictures(outputs["exemplars-code"])
    np.testing.assert_allclose([float(caption) for caption, _ in found], values[best], atol=0.006)
    np.testing.assert_array_equal([image for _, image in found], crops[best])
    assert figure(outputs["show-code"]).width > 400


def test_no_image_activates_the_unit_as_much_as_its_picture(outputs):
    _, percentile, margin = map(float, result(outputs["compared-code"]).splitlines()[-1].split()[1:])
    best = float(pictures(outputs["exemplars-code"])[0][0])
    assert activation(pictures(outputs[ONE])[0][0]) > best
    assert percentile == 100
    assert margin > 0
