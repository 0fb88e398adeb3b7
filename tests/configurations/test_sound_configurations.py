"""What study.toml may say: the checks refuse nothing that the docs show."""

import re
from pathlib import Path
from typing import get_args

import pytest

from exemplum import records
from exemplum.cli.new import DEMO
from exemplum.errors import UserError
from exemplum.explanations.synthetic import recipe
from exemplum.explanations.synthetic.recipes import RECIPES
from exemplum.server import Demographic, experiment
from exemplum.server.sessions import forms
from exemplum.study.config import parse
from exemplum.study.folder import Study

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATH = Path("study.toml")


def study(folder: Path, text: str = "", **files: str) -> Study:
    (folder / "texts").mkdir()
    (folder / "study.toml").write_text(text, encoding="utf-8")
    for language, words in files.items():
        (folder / "texts" / f"{language}.toml").write_text(words, encoding="utf-8")
    return Study.open(folder)


def test_the_documented_study_toml_is_accepted():
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "reference" / "pipeline.md").read_text(encoding="utf-8"), re.S)
    assert max(blocks, key=len).count("[") > 10
    assert all(parse(block, PATH) for block in blocks)
    assert parse(DEMO, PATH).design.participants == 12


def test_whole_numbers_serve_as_numbers():
    config = parse("[server]\nbreak_s = 5\n[synthetic]\ndiversity = 100\n[observers.simulated]\nspread = 0", PATH)
    assert (config.server.break_s, config.synthetic.diversity, config.observers.simulated.spread) == (5.0, 100.0, 0.0)


def test_a_mark_at_the_beginning_of_utf8_is_left_out(tmp_path):
    (tmp_path / "study.toml").write_bytes("\ufeffseed = 4\n[server]\ntitle = 'für'\n".encode())
    opened = Study.open(tmp_path)
    assert (opened.config.seed, opened.config.server.title) == (4, "für")


def test_recipes_are_accepted_as_lists_and_as_tuples():
    chain = [{"jitter": 4}, {"scale": [0.9, 1]}, {"crops": 2, "share": [0.5, 0.1], "side": 64}]
    assert recipe({"base": "lucid", "transforms": chain}) == recipe({"base": "lucid", "transforms": tuple(chain)})
    assert all(recipe({"base": name}).with_(name=name) == recipe(name) for name in RECIPES)


@pytest.mark.parametrize("name", ["natural", "sharp-2", "v1.2", "my pictures", "überblendung", "a", "x" * 60])
def test_methods_may_be_called_so(name):
    assert records.check_condition(name) == name


@pytest.mark.parametrize(
    "name", [*records.RESERVED_CONDITIONS, "", "a/b", "a\nb", "a|b", ".a", "a ", "x" * 61, "units.parquet"]
)
def test_methods_may_not_be_called_so(name):
    with pytest.raises(UserError, match="a method cannot be called"):
        records.check_condition(name)


def test_the_shipped_questions_are_those_that_study_toml_names():
    assert set(get_args(Demographic)) == set(forms.SHIPPED_FIELDS)


def test_texts_of_ones_own_are_accepted(tmp_path):
    text = '[server]\nlanguages = ["fr", "pt-BR"]\ndemographics = []\n'
    text += '[[server.fields]]\nname = "age"\ntype = "integer"\nmin = 3\n'
    own = '[field.age]\nlabel = "L"\n[condition.sharp]\nname = "n"\n'
    own += '[language]\nfr = "Français"\n[field.expertise.option]\nguru = "g"\n'
    experiment.check(study(tmp_path, text, **{"fr": own, "pt-BR": "[page]\nback = 'Voltar'\n"}))
