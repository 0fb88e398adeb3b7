"""`exemplum new NEW --from OLD`: paths of study.toml go on naming the same files."""

import pytest

from exemplum.cli import new as studies
from exemplum.study.config import StudyError
from exemplum.study.folder import Study


def test_paths_inside_the_old_folder_are_named_from_the_new_one(tmp_path):
    old, new = tmp_path / "old", tmp_path / "deeper" / "new"
    images, weights = old / "images", old / "weights.pt"
    images.mkdir(parents=True)
    weights.write_bytes(b"")
    studies.create(old, "[images]\nload = \"folder:images\"  # ours\n[model]\nweights = 'weights.pt'\n")
    studies.version(new, old)
    config = Study.open(new).config
    assert config.images.load == "folder:../../old/images"
    assert Study.open(new).resolve(config.images.load.removeprefix("folder:")).resolve() == images.resolve()
    assert Study.open(new).resolve(config.model.weights).resolve() == weights.resolve()
    assert "# ours" in (new / "study.toml").read_text()


def test_queries_come_along_and_their_folders_are_named_from_the_new_one(tmp_path):
    old, new = tmp_path / "old", tmp_path / "deeper" / "new"
    (old / "pairs").mkdir(parents=True)
    (old / "sae.pt").write_bytes(b"")
    toml = '[queries.mine]\nsource = "folder:pairs"\n[dictionaries.sae]\nlayer = "mixed4a"\nload = "sae.pt"\n'
    studies.create(old, toml)
    study = Study.open(old)
    (study.stage("queries") / "mine").mkdir(parents=True)
    (study.stage("queries") / "mine" / "max.png").write_bytes(b"a picture")
    study.finish("queries", "made for the test", 0.0, {})
    studies.version(new, old)
    config = Study.open(new).config
    assert config.queries.uses[0].source == "folder:../../old/pairs"
    assert config.dictionaries.tables["sae"].load == "../../old/sae.pt"
    assert (new / "queries" / "mine" / "max.png").read_bytes() == b"a picture"


def test_packages_of_the_users_come_along(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    studies.create(old, "seed = 1\n")
    files = ["mine.py", "sharper/__init__.py", "sharper/inner/deep.py", "sharper/table.csv"]
    for name in [*files, "sharper/__pycache__/x.pyc", "elsewhere/notes.txt"]:
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text(name)
    studies.version(new, old)
    copied = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()}
    assert copied == {"study.toml", "study.json", *files}


def test_a_folder_with_a_study_is_not_overwritten(tmp_path):
    for name in ("old", "new"):
        studies.create(tmp_path / name, "seed = 1\n")
    with pytest.raises(StudyError, match="exists already"):
        studies.version(tmp_path / "new", tmp_path / "old")
    with pytest.raises(StudyError, match="does not exist"):
        studies.version(tmp_path / "third", tmp_path / "absent")
