"""Folders of image files."""

import os
import pickle
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exemplum import images
from exemplum.images import CorpusError, ImageError


def write(path: Path, colour=(10, 20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)
    return path


def ids(corpus) -> list[str]:
    return [corpus.record(row).image_id for row in range(len(corpus))]


def test_a_tree_is_listed_by_name_with_its_folders_as_classes(tmp_path):
    for name in ("b/2.png", "b/1.JPG", "a/deep/x.webp", "c.bmp"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert ids(corpus) == ["a/deep/x.webp", "b/1.JPG", "b/2.png", "c.bmp"]
    assert [corpus.record(row).labels.get("class") for row in range(4)] == ["deep", "b", "b", None]
    assert corpus.decode(3).shape == (6, 8, 3)


def test_the_order_does_not_depend_on_the_order_of_writing(tmp_path):
    names = ["z.png", "a.png", "m/q.png", "M/q.png"]
    for name in names:
        write(tmp_path / "one" / name)
    for name in reversed(names):
        write(tmp_path / "two" / name)
    assert ids(images.open_corpus(f"folder:{tmp_path / 'one'}")) == ids(
        images.open_corpus(f"folder:{tmp_path / 'two'}")
    )


def test_unicode_names_are_ids_and_can_be_decoded(tmp_path):
    names = ["日本/写真.png", "élan.png", unicodedata.normalize("NFD", "é") + "tude.png", "🐟 fish.png"]
    for name in names:
        write(tmp_path / name)
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert sorted(ids(corpus)) == sorted(names)
    assert all(corpus.decode(row).shape == (6, 8, 3) for row in range(len(corpus)))


def test_names_not_in_utf8_have_an_id_that_a_table_can_hold(tmp_path):
    target = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    write(tmp_path / "plain.png")
    os.rename(tmp_path / "plain.png", target)
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert ids(corpus) == ["caf\\xe9.png"]
    assert corpus.decode(0).shape == (6, 8, 3)


def test_hidden_files_are_left_out(tmp_path):
    for name in ("a.png", "._a.png", ".trash/b.png"):
        write(tmp_path / name)
    assert ids(images.open_corpus(f"folder:{tmp_path}")) == ["a.png"]


def test_linked_folders_are_followed_but_not_in_circles(tmp_path):
    write(tmp_path / "elsewhere" / "x.png")
    write(tmp_path / "corpus" / "a" / "y.png")
    (tmp_path / "corpus" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus" / "a" / "up").symlink_to(tmp_path / "corpus")
    assert ids(images.open_corpus(f"folder:{tmp_path / 'corpus'}")) == ["a/y.png", "link/x.png"]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "pictures" / "a.png")
    assert len(images.open_corpus("folder:~/pictures")) == 1


def test_a_broken_file_is_listed_and_raises_with_its_reason(tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert len(corpus) == 2
    with pytest.raises(ImageError, match=r"b\.png: the file is empty"):
        corpus.decode(1)


def test_what_holds_no_images_is_refused_with_a_reason(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        images.open_corpus(f"folder:{tmp_path / 'absent'}")
    with pytest.raises(CorpusError, match="it is empty"):
        images.open_corpus(f"folder:{tmp_path}")
    (tmp_path / "a.heic").write_bytes(b"x")
    with pytest.raises(CorpusError, match=r"1 × \.heic"):
        images.open_corpus(f"folder:{tmp_path}")
    with pytest.raises(CorpusError, match="is a file"):
        images.open_corpus(f"folder:{tmp_path / 'a.heic'}")


def test_the_fingerprint_changes_with_names_sizes_and_times(tmp_path):
    path = write(tmp_path / "a.png")
    seen = {images.open_corpus(f"folder:{tmp_path}").fingerprint}
    assert images.open_corpus(f"folder:{tmp_path}").fingerprint in seen
    os.utime(path, ns=(1, 1))
    seen.add(images.open_corpus(f"folder:{tmp_path}").fingerprint)
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(1, 1))
    seen.add(images.open_corpus(f"folder:{tmp_path}").fingerprint)
    path.rename(tmp_path / "b.png")
    seen.add(images.open_corpus(f"folder:{tmp_path}").fingerprint)
    assert len(seen) == 4


def test_a_pickled_folder_gives_the_same_images(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.png", (number, 0, 0))
    corpus = images.open_corpus(f"folder:{tmp_path}")
    copy = pickle.loads(pickle.dumps(corpus))
    assert ids(copy) == ids(corpus)
    assert all((copy.decode(row) == corpus.decode(row)).all() for row in range(3))


def test_paths_take_little_more_memory_than_their_letters(tmp_path):
    """1.3 million files of ImageNet must be a list of some tens of megabytes: bytes per file are measured."""
    for number in range(2000):
        (tmp_path / f"n01440764_{number:08d}.JPEG").touch()
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert len(pickle.dumps(corpus)) / len(corpus) < len("n01440764_00000000.JPEG") + 9


@pytest.mark.parametrize("row", [-1, 1])
def test_a_row_outside_is_an_index_error(tmp_path, row):
    write(tmp_path / "a.png")
    with pytest.raises(IndexError):
        images.open_corpus(f"folder:{tmp_path}").decode(row)


def test_real_photographs_of_imagenet_decode(shared_data):
    corpus = images.open_corpus(f"folder:{shared_data / 'imagenet-sample-1000'}")
    assert len(corpus) == 1000
    for row in np.random.default_rng(0).choice(len(corpus), 20, replace=False):
        image = corpus.decode(int(row))
        assert image.shape[2] == 3
        assert image.std() > 0


def test_a_link_to_nothing_is_a_broken_image(tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "c.png").symlink_to("c.png")
    (tmp_path / "notes").symlink_to("nowhere")
    corpus = images.open_corpus(f"folder:{tmp_path}")
    assert ids(corpus) == ["a.png", "b.png", "c.png"]
    assert corpus.decode(0).shape == (6, 8, 3)
    with pytest.raises(ImageError, match="the file does not exist"):
        corpus.decode(1)
    with pytest.raises(ImageError, match="symbolic links"):
        corpus.decode(2)
