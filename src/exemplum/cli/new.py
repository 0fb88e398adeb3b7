"""`exemplum new` and `exemplum demo`: study folders with the text of their study.toml."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from exemplum import store
from exemplum.cli import outcome, templates
from exemplum.errors import command
from exemplum.models import LITE, TABLE
from exemplum.protocols import PROTOCOLS, Factor, protocol as protocol_named
from exemplum.runtime import console
from exemplum.study import IDENTITY_FILE, Study, StudyError, new_identity, parse, pipeline


def new(
    folder: Annotated[Path, typer.Argument(help="Folder of the new study. It must not contain a study yet.")],
    model: Annotated[
        str,
        typer.Option(
            help="Model to study: embedded, efficientnet-lite0, torchvision:NAME, timm:NAME, package.module:factory, "
            "or table:FILE of activations."
        ),
    ] = "embedded",
    weights: Annotated[
        str | None,
        typer.Option(
            help="A file, or DEFAULT for the published weights (torchvision, timm). If omitted: random weights; "
            "embedded and efficientnet-lite0 use their own."
        ),
    ] = None,
    images: Annotated[
        str, typer.Option(help="Image collection: embedded, folder:PATH or torchvision:NAME.")
    ] = "embedded",
    stimuli: Annotated[
        str | None, typer.Option(help="Use existing pictures (folder:PATH) instead of a model and images.")
    ] = None,
    protocol: Annotated[str, typer.Option(help=f"Experimental protocol: {', '.join(PROTOCOLS)}.")] = "borowski2021-1",
    participants: Annotated[
        int | None, typer.Option(help="Number of participants. Default: the protocol's number.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the study.")] = 2021,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Write an example of your own code too, and a study.toml that uses it: method, model, dictionary, "
            "observer or queries.",
        ),
    ] = None,
    version_of: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="STUDY",
            help="Make a new version of STUDY. Copies study.toml, texts, Python code, index, queries and explanations; "
            "leaves out the design and the answers. Other options are ignored.",
        ),
    ] = None,
) -> None:
    """Create a study folder with a study.toml that you can edit. Then run: exemplum run FOLDER."""
    if version_of and template:
        raise StudyError("--from makes a version of another study; leave --template out")
    if version_of:
        path = version(folder, version_of)
        console.print(f"wrote {path}; edit it, then: {command('run', folder)}", highlight=False, soft_wrap=True)
        return
    if template:
        toml = _of_template(template, model, weights, images, stimuli, protocol, participants, seed)
        paths = with_code(folder, toml, template)
        console.print(f"wrote {' and '.join(map(str, paths))}; edit them if you like, then: {command('run', folder)}")
        return
    path = create(folder, text(model, weights, images, stimuli, protocol, participants, seed))
    console.print(f"wrote {path}; edit it if you like, then: {command('run', folder)}")


def _of_template(
    kind: str, model: str, weights: str | None, images: str, stimuli: str | None, protocol: str,
    participants: int | None, seed: int,
) -> str:  # fmt: skip
    """The study.toml of a template, with the options that are not the defaults."""
    if stimuli:
        raise StudyError("--template makes a study of a network; leave --stimuli out")
    given = {}
    if model != "embedded" or weights:
        given["model"] = "\n".join(["[model]", f"load = {_quoted(model)}", *_weights(weights)])
    if images != "embedded":
        given["images"] = f"[images]\nload = {_quoted(_whole(images) or images)}"
    if protocol != "borowski2021-1":
        given["protocol"] = f"protocol = {_quoted(protocol_named(protocol).name)}"
    if participants is not None:
        given["participants"] = f"participants = {participants}"
    if seed != 2021:
        given["seed"] = f"seed = {seed}"
    return templates.study_toml(kind, given)


def _weights(given: str | None) -> list[str]:
    return [f"weights = {_quoted(_whole(given) or given)}"] if given else []


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of the demo study.")] = Path("exemplum-demo"),
) -> None:
    """Run all stages on the embedded network and images, offline. Continues where a stopped run left off.

    It takes a few minutes.
    """
    if not (folder / "study.toml").exists():
        create(folder, DEMO)
    study = Study.open(folder)
    pipeline.run(study)
    outcome.tell(study)


# Small enough for two minutes on two cores, and every stage
DEMO = """\
# The demo: the embedded network and images, sized for minutes. See docs/reference/study-toml.md for every key.
seed = 2021

[model]
load = "embedded"

[images]
load = "embedded"
limit = 2000

[units]
choose = "one per layer"
practice = 2

[queries]
difficulty = ["extreme", 0.85]

[explanations]
batches = 3
[explanations.natural]
[explanations.crops]
method = "natural"
show = "crop"
[explanations.synthetic]
recipe = "borowski2021"
steps = 32
[explanations.random]

[design]
protocol = "quick"
participants = 12
practice = 2
catch = 1

[observers]
run = ["ideal", "chance", "similarity", "simulated"]
[observers.simulated]
accuracy = { natural = 0.92, crops = 0.9, synthetic = 0.82, random = 0.5 }

[analysis]
secondary = ["difficulty"]

[scores]
difficulty = ["extreme", 0.85]
methods = ["natural", "random"]
observers = ["similarity"]
nulls = ["untrained", "shuffled"]
"""


def text(
    model: str,
    weights: str | None,
    images: str,
    stimuli: str | None,
    protocol: str,
    participants: int | None,
    seed: int,
) -> str:
    """The study.toml of a new study; keys left out have the defaults that docs/reference/study-toml.md lists.

    Given paths are relative to the working directory. They are written as absolute paths, since the study may be run
    from another directory.
    """
    stimuli = _whole(stimuli)
    images = _whole(images) or images
    is_table = model.startswith(TABLE)  # of activations: no picture can be optimized for them
    lines = [f"seed = {seed}", ""]
    if stimuli:
        lines += ["[stimuli]", f"load = {_quoted(stimuli)}", "rotate = true  # every image is the query once", ""]
    else:
        lines += ["[model]", f"load = {_quoted(_whole(model) or model)}"]
        lines += [] if is_table else _weights(weights) or ['# weights = "DEFAULT"  # or a file']
        lines += ["", "[images]", f"load = {_quoted(images)}", ""]
        lines += ["[units]", 'choose = "one per branch"', _example_of_a_unit(model), ""]
        methods = '["natural", "random"]' if is_table else '["natural", "synthetic"]'
        lines += ["[explanations]", f'methods = {methods}  # yours too: "package.module:function"', ""]
    if not stimuli and not is_table:
        lines += ["[synthetic]", *_recipe(model), ""]
    chosen = protocol_named(protocol)
    several = Factor.DIFFICULTY in chosen.factors and not stimuli
    if several:
        lines += [
            "[queries]",
            'difficulty = ["extreme", 0.95]  # 0.95 needs 210 images or more per batch: docs/reference/queries.md',
            "",
        ]
    people = chosen.participants if participants is None else participants
    lines += ["[design]", f"protocol = {_quoted(protocol)}", f"participants = {people}"]
    lines += ["", "[server]", "comprehension = true  # two questions about the task before the trials"]
    lines += ["", "[observers]", f"run = {json.dumps(_observers(stimuli))}"]
    if several:  # without it what is found at one difficulty is exploratory, and the report's text leaves it out
        lines += ["", "[analysis]", 'secondary = ["difficulty"]  # a claim at each: docs/explanation/inference.md']
    return "\n".join(lines) + "\n"


def _example_of_a_unit(model: str) -> str:
    """The key hand_picked as a comment, with a unit that the network has where its layers are known."""
    known = {"embedded": "mixed4a:17"} | dict.fromkeys(LITE, "blocks.4.2:17")
    if model in known:
        return f'# hand_picked = ["{known[model]}"]'
    return f'# hand_picked = ["LAYER:17"]  # {command("units", model)} lists the layers'


def _recipe(model: str) -> list[str]:
    """The recipe that suits a network, as lines of study.toml; the same whatever machine the study is made on."""
    if model in LITE:
        return ['recipe = "maco-wide"  # or borowski2021: docs/how-to/imagenet.md compares them']
    return ['recipe = "borowski2021"  # or maco-wide, which is quick on a CPU', "# steps = 512  # 2560 if left out"]


def create(folder: Path, toml: str, version_of: str = "") -> Path:
    """Write FOLDER/study.toml. Raises StudyError if the folder has one already, or if the text is invalid."""
    path = folder / "study.toml"
    if path.exists():
        raise StudyError(f"{path} exists already; choose another folder, or edit it")
    if (folder / IDENTITY_FILE).exists():
        raise StudyError(
            f"{folder / IDENTITY_FILE} exists already: the folder belongs to another study; choose another folder"
        )
    parse(toml, path)
    store.write_text(path, toml)
    new_identity(folder, version_of=version_of)
    return path


def with_code(folder: Path, toml: str, kind: str) -> tuple[Path, Path]:
    """Write study.toml and the example of a template. Raises StudyError if one of them is there already."""
    name, text = templates.code(kind)
    if (folder / name).exists():
        raise StudyError(f"{folder / name} exists already; choose another folder, or rename the file")
    path = create(folder, toml)
    store.write_text(folder / name, text)
    return path, folder / name


def version(folder: Path, old: Path) -> Path:
    """Copy a study to a new folder as a new version: its study.toml, texts, code, index, queries and explanations.

    Answers, analysis and report stay with the old one. Raises StudyError if `old` is not a study or `folder` is one.
    """
    study = Study.open(old)
    path = create(folder, _from_elsewhere(study, folder), version_of=study.id)
    for file in sorted(old.glob("*.py")):
        shutil.copy2(file, folder / file.name)
    for package in sorted(file.parent for file in old.glob("*/__init__.py")):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("texts", "index", "queries", "explanations"):
        made = old / name
        if made.is_dir() and (name == "texts" or study.record(name)):  # the stages check whether it is up to date
            shutil.copytree(made, folder / name, ignore=shutil.ignore_patterns(".*.part", "partial*"))
    return path


def _from_elsewhere(study: Study, folder: Path) -> str:
    """The text of study.toml with paths inside its folder rewritten relative to `folder`."""
    text = (study.folder / "study.toml").read_text(encoding="utf-8")
    config = study.config
    named = [config.images.load, config.model.load, config.model.weights, config.synthetic.recipe]
    named += [value for use in config.explanations.uses for value in (use.method, *use.parameters.values())]
    named += [value for use in config.queries.uses for value in (use.source, *use.parameters.values())]
    named += [table.load for table in config.dictionaries.tables.values()]
    named += [config.stimuli.load] if config.stimuli else []
    for value in (value for value in named if isinstance(value, str)):
        prefix = next((kind for kind in ("folder:", TABLE) if value.startswith(kind)), "")
        path = study.folder / value.removeprefix(prefix)
        if path.exists() and path.is_relative_to(study.folder):
            there = prefix + os.path.relpath(path.resolve(), folder.resolve())
            for quote in "\"'":
                text = text.replace(f"{quote}{value}{quote}", _quoted(there))
    return text


def _whole(given: str | None) -> str | None:
    """An absolute path, with its `folder:`, `webdataset:` or `table:`; a name that is not a path stays as it is."""
    kind, colon, path = (given or "").partition(":")
    if colon and path and kind in ("folder", "webdataset", "table"):
        return f"{kind}:{Path(path).expanduser().absolute()}"
    return str(Path(given).absolute()) if given and not colon and Path(given).is_file() else given


def _observers(stimuli: str | None) -> list[str]:
    # without a network there are no activations for the ideal observer to read
    return ["chance", "similarity"] if stimuli else ["ideal", "chance", "similarity"]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
