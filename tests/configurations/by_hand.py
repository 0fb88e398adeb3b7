"""Broken configurations that people write, one by one."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from configurations.cases import Case, setting
from exemplum.responses import read
from exemplum.study.folder import Study
from exemplum.tables import RESPONSES

PNG = b"\x89PNG\r\n\x1a\n"


def cases() -> Iterator[Case]:
    """All of them."""
    for group in (
        files, tables, models, weights, images, stimuli, units, explanations, recipes, recipe_files, design, observers,
        exclusions, server, texts, responses,
    ):  # fmt: skip
        yield from group()


def files() -> Iterator[Case]:
    """What is not TOML in UTF-8."""
    about = "is not valid TOML"
    yield Case("a bracket is not closed", "[design", about, "at end of document", command=True)
    yield Case("no value", "seed = ", about, "Invalid value")
    yield Case("no equals sign", "seed 3", about, "line 1")
    yield Case("a key twice", "seed = 1\nseed = 2", about, "Cannot overwrite a value")
    yield Case("a table twice", "[design]\n[design]", about, "line 2")
    yield Case("None", "seed = None", about, "line 1")
    yield Case("null", "[model]\nweights = null", about, "line 2")
    yield Case("text without quotes", "[model]\nload = embedded", about, "line 2")
    yield Case("leading zeros", "seed = 007", about, "line 1")
    yield Case("a path with backslashes", '[images]\nload = "folder:C:\\pictures"', about, "line 2")
    yield Case("JSON", '{"seed": 1}', about, "line 1")
    yield Case("YAML", "design:\n  participants: 3\n", about, "line 1")
    yield Case("a comma between keys", "seed = 1, [design]", about, "line 1")
    yield Case("True", "[stimuli]\nrotate = True", about, "line 2")
    yield Case("lists nested 3,000 deep", "seed = " + "[" * 3000 + "]" * 3000, about, "nested too deeply", command=True)
    yield Case("tables nested 3,000 deep", "seed = " + "{a=" * 3000 + "1" + "}" * 3000, about, "nested too deeply")
    yield Case("a number of 5,000 digits", "seed = 1" + "0" * 5000, about, "thousands of digits", command=True)
    yield Case(
        "a hexadecimal number of 5,000 digits", "seed = 0x" + "f" * 5000, "seed", "from 0 to 9223372036854775807"
    )
    yield Case(
        "Latin-1", '[server]\ntitle = "für"'.encode("latin-1"), "is not UTF-8", "byte 0xfc in line 2", command=True
    )
    yield Case("UTF-16", "seed = 1".encode("utf-16"), "is not UTF-8", "save it as UTF-8", command=True)
    yield Case("UTF-16 without a mark", "seed = 1".encode("utf-16-be"), "is not UTF-8", "save it as UTF-8")
    yield Case("UTF-32", "seed = 1".encode("utf-32"), "is not UTF-8", "save it as UTF-8")
    yield Case("zero bytes", b"seed = 1\n\0\0\0", "is not UTF-8", "save it as UTF-8")
    yield Case("a picture", PNG + bytes(range(256)), "is not UTF-8", "save it as UTF-8")
    yield Case("a surrogate", b'[server]\ntitle = "\xed\xa0\x80"', "is not UTF-8", "line 2")
    yield Case("a surrogate's escape", '[server]\ntitle = "\\ud800"', about, "line 2")
    yield Case("two megabytes", "# " + "x" * 2_000_000, "is larger than", "check that it is the right file")
    yield Case(
        "a folder", "", "is a folder", "it must be a TOML file", prepare=partial(instead, Path.mkdir), command=True
    )
    yield Case("a pipe", "", "is not a plain file", "it must be a TOML file", prepare=partial(instead, os.mkfifo))
    nothing = partial(instead, lambda path: path.symlink_to("nowhere.toml"))
    yield Case("a link to nothing", "", "does not exist", "make a study with: exemplum new", prepare=nothing)
    circle = partial(instead, lambda path: path.symlink_to("study.toml"))
    yield Case("a link to itself", "", "cannot be read", "symbolic links", prepare=circle)


def instead(make: Any, folder: Path) -> None:
    (folder / "study.toml").unlink()
    make(folder / "study.toml")


def tables() -> Iterator[Case]:
    yield Case("a key of another table", "participants = 5", "unknown key 'participants' in the top level", "design")
    yield Case(
        "a table misspelled", "[desing]\nparticipants = 5", "unknown key 'desing'", "did you mean design", command=True
    )
    yield Case("an array of tables", "[[design]]\nparticipants = 5", "[design]", "must be a table of keys")
    yield Case("a table too deep", "[design.catch]\nn = 3", "[design] catch", "a whole number from 0 to 1000")
    yield Case(
        "a key like markup", '[units]\n"[/x]" = 1', "unknown key '[/x]' in [units]", "known: layers", command=True
    )
    yield Case(
        "a value like markup",
        setting("design", "protocol", "[/x][red]"),
        "[design] protocol: ",
        "'[/x][red]'",
    )
    yield Case("a value like an emoji", setting("design", "protocol", ":smile:"), "[design] protocol: ", "':smile:'")
    yield Case("a key with a line break", '"a\\nb" = 1', "unknown key 'a\\nb'", "known: seed")
    yield Case("a key of 5,000 letters", f"{'k' * 5000} = 1", "unknown key 'kkk", "known: seed")
    yield Case("a key that turns the text", '"a\u202eb" = 1', "unknown key 'a\\u202eb'", "known: seed")
    yield Case("ten wrong keys", "".join(f"a{k} = 1\n" for k in range(10)), "unknown key 'a0'", "and 9 more")
    yield Case("a huge table for a number", f"seed = [{'1,' * 50_000}]", "seed", "a whole number from 0 to")


def models() -> Iterator[Case]:
    def load(name: str, allowed: str, **more: Any) -> Case:
        return Case(f"model {name}", setting("model", "load", name), "[model] load: ", allowed, **more)

    yield load("gogglenet", "did you mean googlenet")
    yield load("nonsense", "torchvision:NAME, timm:NAME, package.module:factory")
    yield load("torchvision:gogglenet", "did you mean googlenet")
    yield load("torchvision:", "torchvision has no model ''")
    yield load("timm:nonsense", "timm has no model 'nonsense'")
    yield load(":", "no model ':'")
    yield load("nosuchmodule:net", "no Python module 'nosuchmodule'")
    yield load("configurations.networks:nosuch", "has no 'nosuch'")
    yield load("configurations.networks:a_number", "must return an nn.Module")
    yield load("configurations.networks:without_layers", "has no layer that can be read")
    yield load("configurations.networks:refusing", "no images today")
    yield load("os:getcwd", "must return an nn.Module")
    yield load("../model.py", "there is no model '../model.py'")


def weights() -> Iterator[Case]:
    def file(
        name: str, content: bytes, allowed: str = "is neither a safetensors file nor a torch state dict", **more: Any
    ) -> Case:
        text = setting("model", "weights", f"FOLDER/{name}")
        return Case(f"weights {name}", text, "[model] weights: ", allowed, files={name: content}, **more)

    yield Case(
        "weights absent",
        setting("model", "weights", "absent.pt"),
        "[model] weights: ",
        "the weights file",
        command=True,
    )
    yield Case("weights DEFAULT", setting("model", "weights", "DEFAULT"), "[model] weights: ", "the weights file")
    yield Case("weights a folder", setting("model", "weights", "FOLDER"), "[model] weights: ", "the weights file")
    yield Case(
        "weights too long a name", setting("model", "weights", "w" * 300), "[model] weights: ", "File name too long"
    )
    yield file("empty.pt", b"")
    yield file("text.pt", b"these are no weights")
    yield file("memo.pt", b"\x80\x02h\x05.", command=True)  # its pickle asks for what it never kept: KeyError
    yield file("persistent.pt", b"\x80\x02Pa\n.")
    yield file("list.pt", pickle.dumps([1, 2, 3]))
    yield file("cut.pt", zipped()[:40])
    yield file("other.pt", zipped())
    yield file("picture.pt", PNG * 100)
    yield file("empty.safetensors", b"")
    yield file("text.safetensors", b"these are no weights, as anyone can see")
    yield file("huge.safetensors", struct.pack("<Q", 2**60) + b"{}")
    yield file("kind.safetensors", safetensors({"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}}))
    yield file(
        "other.safetensors", safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}), "does not fit"
    )


def zipped() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/nothing", "nothing")
    return content.getvalue()


def safetensors(header: dict[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4)


def images() -> Iterator[Case]:
    def load(name: str, allowed: str, **more: Any) -> Case:
        return Case(f"images {name[:40]}", setting("images", "load", name), "[images] load: ", allowed, **more)

    yield load("embeded", "did you mean embedded")
    yield load("nonsense", "unknown images 'nonsense'")
    yield load("FOLDER", "write folder:")
    yield load("folder", "write folder:PATH")
    yield load("folder:", "write folder:PATH", command=True)
    yield load("folder:absent", "does not exist")
    yield load("folder:FOLDER/study.toml", "is a file")
    yield load("folder:FOLDER/images", "holds no image file", files={"images/notes.txt": b"nothing"})
    yield load("folder:FOLDER/empty", "it is empty", prepare=lambda folder: (folder / "empty").mkdir())
    yield load("folder:" + "n" * 300, "File name too long")
    yield load("torchvision:", "write torchvision:NAME")
    yield load("torchvision:Nonsense", "torchvision has no image dataset")
    yield load("torchvision:CIFAR10/middle", "splits train and test")
    yield load("webdataset:", "write webdataset:GLOB")
    yield load("webdataset:FOLDER/*.tar", "no file matches")
    yield load("webdataset:FOLDER/a.tar", "broken or compressed", files={"a.tar": b"no shard" * 100})
    yield Case("five images", setting("images", "limit", 5), "[images] limit ", "needs at least 20")
    one = {"images/one.png": PNG}
    yield Case(
        "a folder of one image",
        setting("images", "load", "folder:FOLDER/images"),
        "[images] load ",
        "needs at least 20",
        files=one,
    )


def stimuli() -> Iterator[Case]:
    def load(name: str, allowed: str, paths: tuple[str, ...] = (), key: str = "[stimuli] load", more: str = "") -> Case:
        text = setting("stimuli", "load", name) + more
        return Case(f"stimuli {name} {paths} {more}", text, key, allowed, files=dict.fromkeys(paths, PNG))

    ab = tuple(f"s/u/channel_1/natural_images/{pole}_{k}.png" for pole in ("max", "min") for k in range(2))
    yield Case("stimuli without load", "[stimuli]\nrotate = true\n", "[stimuli] load", "folder:PATH")
    yield load("FOLDER", "folder:PATH")
    yield load("folder:", "folder:PATH")
    yield load("folder:absent", "does not exist")
    yield load("folder:FOLDER", "has no LAYER/channel_N/natural_images/max_0.png")
    yield load("folder:FOLDER/s", "named channel_N", ("s/u/channel_x/natural_images/max_0.png",))
    yield load("folder:FOLDER/s", "must have as many of each", ab[:3])
    yield load("folder:FOLDER/s", "numbered 0, 1, 2, … without gaps", (*ab, "s/u/channel_1/natural_images/max_3.png"))
    yield load("folder:FOLDER/s", "none of the 1 units", ab, "[units] practice", "[units]\npractice = 1\n")


def units() -> Iterator[Case]:
    def picked(*names: str) -> str:
        return setting("units", "hand_picked", list(names))

    layers, key = "[units] layers", "[units] hand_picked"
    yield Case(
        "a layer misspelled", setting("units", "layers", ["mixed4f"]), layers, "did you mean mixed4", command=True
    )
    yield Case(
        "a layer twice",
        setting("units", "layers", ["mixed4a", "mixed4a"]),
        layers,
        "'mixed4a' more than once",
        command=True,
    )
    yield Case("a layer of nonsense", setting("units", "layers", ["[bold]"]), layers, "has no layer '[bold]'")
    yield Case("a unit without a channel", picked("mixed4a"), key, "write LAYER:CHANNEL", command=True)
    yield Case("a unit like markup", picked("[/x]"), key, "'[/x]' is not a unit; write LAYER:CHANNEL", command=True)
    yield Case("a unit with a negative channel", picked("mixed4a:-1"), key, "write LAYER:CHANNEL")
    yield Case("a unit without a layer", picked(":17"), key, "write LAYER:CHANNEL")
    yield Case("a unit with a name for a channel", picked("mixed4a:first"), key, "write LAYER:CHANNEL")
    yield Case("a unit with a channel of 5,000 digits", picked("mixed4a:" + "1" * 900), key, "write LAYER:CHANNEL")
    yield Case("a unit with Arabic digits", picked("mixed4a:١"), key, "write LAYER:CHANNEL")
    yield Case("a channel beyond the layer", picked("mixed4a:99999"), key, "mixed4a has channels 0 to 255")
    yield Case("a unit of no layer", picked("mixed4f:1"), key, "did you mean mixed4")
    yield Case("a unit twice", picked("mixed4a:17", "mixed4a:17"), key, "'mixed4a:17' more than once")
    yield Case("a unit twice, with a zero", picked("mixed4a:17", "mixed4a:017"), key, "mixed4a:17 more than once")
    for choose in (
        "two per layer",
        "0 per layer",
        "-1 per layer",
        "1.5 per branch",
        "one per unit",
        "One per layer",
        "٣ per layer",
        "1 per",
        "",
    ):
        yield Case(
            f"choose {choose}", setting("units", "choose", choose), "[units] choose", "one per branch, one per layer"
        )
    yield Case(
        "more units than a layer has",
        setting("units", "choose", "9999 per layer"),
        "[units] choose",
        "9999 units of mixed3a are needed",
    )
    yield Case(
        "more units than a branch has",
        setting("units", "choose", "500 per branch"),
        "[units] choose",
        "500 units of mixed3a 1x1 are needed",
    )
    yield Case("no units", setting("units", "choose", "none"), "[units] choose", "hand_picked")
    yield Case("more practice than units", setting("units", "practice", 9000), "[units] practice", "units are left")
    yield Case("too few images kept", setting("index", "keep", 5), "[index] keep", "at least 10")


def explanations() -> Iterator[Case]:
    def methods(*names: str, allowed: str, **more: Any) -> Case:
        text = setting("explanations", "methods", list(names))
        return Case(f"methods {names}", text, "[explanations] methods", allowed, **more)

    def folder(name: str, allowed: str = "a method cannot be called") -> Case:
        return methods(
            "natural", f"folder:FOLDER/{name}", allowed=allowed, prepare=lambda at: (at / name).mkdir(parents=True)
        )

    yield methods("natural", "sythetic", allowed="did you mean synthetic", command=True)
    yield methods(allowed="a list of at least 1")
    yield methods("natural", "natural", allowed="'natural' more than once")
    yield methods("natural", "folder:", allowed="write folder:PATH")
    yield methods("natural", "folder:absent", allowed="does not exist")
    yield methods("natural", "nosuchmodule:method", allowed="nosuchmodule")
    yield methods("natural", "os:nosuch", allowed="nosuch")
    yield methods("natural", ":", allowed="':'")
    yield methods("natural", "configurations.cases:", allowed="configurations.cases")
    yield Case(
        "a baseline that the study does not use",
        '[explanations]\nmethods = ["natural", "synthetic"]\nbaseline = "sythetic"',
        "[explanations] baseline", "must be one of natural, synthetic (got 'sythetic')", command=True,
    )  # fmt: skip
    yield Case(
        "a verdict about a difficulty that the study has no queries of",
        "[queries]\ndifficulty = 0.95\n[analysis]\ndifficulty = 0.9", "[analysis] difficulty",
        "all or one of the study's difficulties: 0.95 (got '0.9')", command=True,
    )  # fmt: skip
    yield Case(
        "natural as the baseline of a study without it",
        '[explanations]\nmethods = ["synthetic"]\nbaseline = "natural"', "[explanations] baseline", "one of synthetic",
    )  # fmt: skip
    for name in ("none", "none_pre", "none_post", "catch", "practice", "repeated", "all", "natural"):
        yield folder(f"x/{name}", "called" if name != "natural" else "would both be the condition")
    for name in (
        "a|b",
        ".hidden",
        "stimuli.parquet",
        "a,b",
        "[red]",
        "a\tb".replace("\t", "*"),
        "x" * 70,
        "ends.",
        '"q"'.replace('"', "'"),
    ):
        yield folder(name)
    yield Case(
        "two methods of one name",
        setting("explanations", "methods", ["folder:FOLDER/a/sharp", "folder:FOLDER/b/sharp"]),
        "[explanations] methods", "would both be the condition 'sharp'",
        prepare=lambda at: [(at / name / "sharp").mkdir(parents=True) for name in "ab"],
    )  # fmt: skip


def recipes() -> Iterator[Case]:
    def table(allowed: str, key: str = "transforms", **fields: Any) -> Case:
        text = setting("synthetic", "recipe", {"base": "lucid", **fields})
        return Case(f"recipe {fields}", text, f"[synthetic.recipe] {key}", allowed)

    def transforms(allowed: str, *entries: Any) -> Case:
        return table(allowed, transforms=list(entries))

    yield Case(
        "a recipe misspelled",
        setting("synthetic", "recipe", "borowski"),
        "[synthetic] recipe",
        "did you mean borowski2021",
        command=True,
    )
    yield Case("an empty recipe", "[synthetic.recipe]\n", "[synthetic.recipe] size", "a whole number from 16 to 4096")
    yield table("the name of a recipe", "base", base=5)
    yield table("the name of a recipe", "base", base=["lucid"])
    yield table("did you mean lucid", "base", base="lucyd")
    yield transforms("scale takes numbers from 0.1 to 10", {"scale": [0]})
    yield transforms("scale takes numbers from 0.1 to 10", {"scale": [-1]})
    yield transforms("scale takes numbers from 0.1 to 10", {"scale": [1.0, float("nan")]})
    yield transforms("scale takes numbers from 0.1 to 10", {"scale": [float("inf")]})
    yield transforms("scale takes numbers from 0.1 to 10", {"scale": ["a"]})
    yield transforms("scale = [FACTORS]", {"scale": []})
    yield transforms("scale = [FACTORS]", {"scale": 1.0})
    yield transforms("rotate takes numbers from -360 to 360", {"rotate": ["a"]})
    yield transforms("rotate takes numbers from -360 to 360", {"rotate": [float("nan")]})
    yield transforms("rotate takes numbers from -360 to 360", {"rotate": [True]})
    yield transforms("jitter takes", {"jitter": 0})
    yield transforms("jitter takes a whole number", {"jitter": 1.5})
    yield transforms("jitter takes", {"jitter": 10**30})
    yield transforms("at least 8", {"jitter": 150})
    yield transforms("at least 8", {"scale": [0.1]}, {"jitter": 8})
    yield transforms("jitter = PIXELS", {"jiter": 4})
    yield transforms("jitter = PIXELS", {"jitter": 4, "scale": [1.0]})
    yield transforms("share takes numbers from 0.01 to 1", {"crops": 2, "share": [0.5, 0], "side": 64})
    yield transforms("share = [A, B]", {"crops": 2, "share": [0.5], "side": 64})
    yield transforms("crops takes", {"crops": 0, "share": [0.5, 0.1], "side": 64})
    yield transforms("side takes", {"crops": 2, "share": [0.5, 0.1], "side": 1})
    yield transforms("crops, if any, as the last", {"crops": 2, "share": [0.5, 0.1], "side": 64}, {"jitter": 4})
    yield table("a canvas of at most 8192 pixels", "size, zoom and pad", size=4096, zoom=10)
    synthetic = partial(setting, "synthetic")
    yield Case(
        "a snapshot after the last step",
        "[synthetic]\nsteps = 8\nsnapshots = [0, 48]\n",
        "[synthetic] snapshots",
        "steps go from 0 to 8",
    )
    yield Case(
        "a snapshot after the recipe's last step",
        synthetic("snapshots", [3000]),
        "[synthetic] snapshots",
        "steps go from 0 to 2560",
    )
    yield Case("a snapshot twice", synthetic("snapshots", [4, 4]), "[synthetic] snapshots", "4 more than once")


def recipe_files() -> Iterator[Case]:
    def file(name: str, content: bytes, allowed: str, **more: Any) -> Case:
        text = setting("synthetic", "recipe", f"FOLDER/{name}")
        return Case(f"recipe file {name}", text, "[synthetic] recipe", allowed, files={name: content}, **more)

    yield Case(
        "recipe file absent",
        setting("synthetic", "recipe", "absent.toml"),
        "[synthetic] recipe",
        "absent.toml does not exist",
    )
    yield Case(
        "recipe file a folder",
        setting("synthetic", "recipe", "FOLDER/r.toml"),
        "[synthetic] recipe",
        "is a folder",
        files={"r.toml/x": b""},
    )
    yield file("broken.toml", b"size = ", "is not valid TOML")
    yield file("latin.toml", 'name = "für"'.encode("latin-1"), "is not UTF-8")
    yield file("utf16.toml", "size = 64".encode("utf-16"), "is not UTF-8")
    yield file("digits.toml", b"size = 1" + b"0" * 5000, "thousands of digits")
    yield file("deep.toml", b"size = " + b"[" * 3000 + b"]" * 3000, "nested too deeply")
    yield file("key.toml", b'base = "lucid"\nstep = 4', "did you mean steps")
    yield file("sd.toml", b'base = "lucid"\nsd = -1.0', "sd must be a number above 0")
    yield file("bare.toml", b"", "size is missing")
    yield file("base.toml", b"base = 5", "the name of a recipe")
    yield Case(
        "recipe file its own base",
        setting("synthetic", "recipe", "FOLDER/own.toml"),
        "[synthetic] recipe",
        "a circle that leads back to",
        prepare=lambda folder: (folder / "own.toml").write_text(f'base = "{folder}/own.toml"'),
    )


def design() -> Iterator[Case]:
    yield Case(
        "a protocol misspelled",
        setting("design", "protocol", "borowski2021"),
        "[design] protocol",
        "borowski2021-1",
    )
    yield Case(
        "a trillion participants",
        setting("design", "participants", 10**12),
        "[design] participants",
        "from 1 to 10000",
        command=True,
    )


def observers() -> Iterator[Case]:
    def accuracy(allowed: str, key: str = "[observers.simulated] accuracy", **shares: Any) -> Case:
        return Case(f"accuracy {shares}", setting("observers.simulated", "accuracy", shares), key, allowed)

    inner = "[observers.simulated.accuracy] 'natural'"
    yield Case(
        "an observer misspelled", setting("observers", "run", ["ideale"]), "[observers] run", "did you mean ideal"
    )
    yield Case(
        "an observer twice",
        setting("observers", "run", ["chance", "chance"]),
        "[observers] run",
        "'chance' more than once",
    )
    yield accuracy("did you mean synthetic", synthetik=0.8)
    yield accuracy("is not a condition of the study", nobody=0.8)
    yield accuracy("as in 'natural Max-1'", **{"natural Max": 0.8})
    yield accuracy("as in 'natural Max-1'", **{"none Max-9": 0.8})
    for share in (0, 1, 1.0, 92, -0.1, float("nan"), "0.9", True):
        yield accuracy("a number above 0 and below 1", inner, natural=share)
    lacking = setting("observers", "run", ["simulated"]) + setting("observers.simulated", "accuracy", {"natural": 0.9})
    yield Case("no accuracy for a method", lacking, "[observers.simulated] accuracy", "add synthetic = 0.8")
    of = partial(setting, "observers.similarity")
    yield Case(
        "similarity of no model", of("model", "nonsense"), "[observers.similarity]", "there is no model 'nonsense'"
    )
    key = "[observers.similarity]"
    yield Case("similarity of no layer", of("layer", "blocks.9"), key, "efficientnet-lite0 has no layer 'blocks.9'")
    own = of("model", "embedded") + "same_network = true\n"
    yield Case("similarity of no embedded layer", own + "layer = 'mixed4f'\n", key, "did you mean mixed4")
    yield Case("similarity of no weights", own + "weights = 'absent.pt'\n", key, "absent.pt does not exist")
    yield Case("similarity of weights without a model", of("weights", "absent.pt"), key, "weights need a model")
    yield Case("similarity by the tested network", of("model", "embedded"), key, "embedded is the tested network")


def exclusions() -> Iterator[Case]:
    text = "[exclusions]\ntotal_time_s_min = 600\ntotal_time_s_max = 60\n"
    yield Case(
        "longest below shortest time",
        text,
        "[exclusions] total_time_s_min",
        "not be above total_time_s_max",
        command=True,
    )


def server() -> Iterator[Case]:
    def question(allowed: str, key: str = "[server.fields 1]", more: str = "", **fields: Any) -> Case:
        lines = "".join(setting("", name, value) for name, value in ({"name": "q"} | fields).items())
        return Case(f"question {fields} {more}", f"[server]\n{more}[[server.fields]]\n{lines}", key, allowed)

    for languages in (["../en"], ["en/../en"], ["EN"], ["english"], [""], ["en", "e"], ["en.toml"], ["de_DE"]):
        yield Case(
            f"languages {languages}",
            setting("server", "languages", languages),
            "[server] languages",
            "as in en, de or pt-BR",
            command=languages == ["../en"],
        )
    yield Case(
        "a language without texts", setting("server", "languages", ["xx"]), "[server] languages", "texts/xx.toml"
    )
    yield Case(
        "a language twice", setting("server", "languages", ["en", "en"]), "[server] languages", "'en' more than once"
    )
    yield Case(
        "no such question",
        setting("server", "demographics", ["agee"]),
        "[server] demographics",
        "age, gender, handedness, visual_aid",
    )
    yield Case(
        "a shipped question twice",
        setting("server", "demographics", ["age", "age"]),
        "[server] demographics",
        "'age' more than once",
    )
    yield question("there is another question named", "[server] fields", name="age")
    yield question("there is another question named", "[server] fields", name="comment")
    yield question("there is another question named", "[server] fields", 'groups = "question"\n', name="expertise")
    yield Case(
        "a question twice",
        '[[server.fields]]\nname = "a"\n[[server.fields]]\nname = "a"\n',
        "[server] fields",
        "unique names",
    )
    for name in ("Age", "9lives", "with space", "../x", "ä", "", "x" * 60):
        yield question("lower-case letters, digits and _", name=name)
    yield question("min must not be above max", type="integer", min=9, max=3)
    yield question("min and max are only for type integer", type="text", min=3)
    yield question("no other type takes them", options=["a", "b"])
    yield question("needs options", type="choice")
    yield question("'a' more than once", type="choice", options=["a", "a"])
    yield question("text in quotes", type="choice", options=["a", ""])
    yield question("one of integer, choice, text", type="number")
    yield Case(
        "an empty group",
        setting("server", "group_names", ["expert", ""]),
        "[server] group_names",
        "text in quotes of 1 to 40",
    )
    yield Case(
        "a group twice",
        setting("server", "group_names", ["lay", "lay"]),
        "[server] group_names",
        "'lay' more than once",
    )
    yield Case("no group", setting("server", "group_names", []), "[server] group_names", "at least 1")
    yield Case(
        "one group to choose",
        '[server]\ngroups = "question"\ngroup_names = ["lay"]\n',
        "[server] group_names",
        "at least two",
    )
    yield Case(
        "asked before twice",
        setting("server", "intuitiveness", ["before", "before"]),
        "[server] intuitiveness",
        "'before' more than once",
    )
    for address in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.org",
        "ftp://example.org",
        "https://",
        "www.example.org",
        "https://{host}/",
        "https://a b.org",
        " https://a.org",
    ):
        yield Case(
            f"redirect {address}",
            setting("server.redirects", "completed", address),
            "[server.redirects] completed",
            "begins with https://",
            command=address.startswith("java"),
        )
        yield Case(f"dataset {address}", setting("dataset", "url", address), "[dataset] url", "begins with https://")


def texts() -> Iterator[Case]:
    def own(name: str, content: bytes, key: str, allowed: str, toml: str = "", file: str = "") -> Case:
        path = f"texts/{name}"
        return Case(f"texts {name} {content!r}", toml, key, allowed, file=file or path, files={path: content})

    yield own("en.toml", b"[consent\n", "is not valid TOML", "line 1")
    yield own("en.toml", '[consent]\ntext = "für"'.encode("latin-1"), "is not UTF-8", "line 2")
    yield own("en.toml", "[consent]".encode("utf-16"), "is not UTF-8", "save it as UTF-8")
    yield own("en.toml", b"[consent]\ntext = 3", "'consent.text'", "text in quotes")
    yield own("de.toml", b"[consent]\ntext = ['a']", "'consent.text'", "text in quotes")
    yield own("en.toml", b"[consnet]\ntext = 'a'", "'consnet.text'", "did you mean consent.text")
    yield own(
        "fr.toml", b"[page]\ntitel = 'a'", "'page.titel'", "did you mean page.title", '[server]\nlanguages = ["fr"]\n'
    )
    yield own("en.toml/x", b"", "is a folder", "it must be a TOML file", file="texts/en.toml")


def responses() -> Iterator[Case]:
    """Answers brought from elsewhere."""

    def row(key: str, allowed: str, **changes: Any) -> Case:
        return Case(
            f"responses {changes}",
            "",
            key,
            allowed,
            file="responses/imported.parquet",
            prepare=partial(imported, changes),
            act=analysed,
        )

    finite = "it must be milliseconds from 0"
    yield row("rt_ms of row 2", finite, rt_ms=float("inf"))
    yield row("rt_ms of row 2", finite, rt_ms=float("-inf"))
    yield row("rt_ms of row 2", finite, rt_ms=-1.0)
    for name in ("none_pre", "none_post", "catch", "a/b", "../x", "a\nb", "x" * 80):
        yield row("condition of row 2", "a method cannot be called", condition=name)
    yield row("unknown condition", "known: natural", condition="")
    yield row("unknown choice", "top, bottom", choice="left")
    yield row("unknown confidence", "1, 2, 3", confidence=4)
    yield row("correct = False", "must be true exactly if choice", correct=False)


def imported(changes: dict[str, Any], folder: Path) -> None:
    kinds: dict[str, Any] = {"str": "", "int": 0, "float": 0.0, "bool": False, "list": ()}
    usual = {name: kinds[column.dtype] for name, column in RESPONSES.columns.items()} | {
        "observer_kind": "person", "trial_kind": "main", "phase": "main", "condition": "natural", "max_side": "top",
        "choice": "top", "correct": True, "confidence": 2, "rt_ms": 900.0,
    }  # fmt: skip
    rows = [usual | {"trial_id": "t0"}, usual | {"trial_id": "t1"} | changes]
    RESPONSES.write(folder / "responses" / "imported.parquet", pd.DataFrame(rows))


def analysed(study: Study) -> None:
    read(study.stage("responses"))
