"""WebDataset's tar shards, written here by tarfile."""

import gzip
import json
import pickle
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exemplum import images
from exemplum.images import CorpusError, ImageError
from exemplum.index.stage import open_corpus as open_corpus_of
from exemplum.study import Study


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXEMPLUM_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def png(grey: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (5, 4), (grey,) * 3).save(buffer, format="PNG")
    return buffer.getvalue()


def shard(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return path


def two_shards(tmp_path: Path) -> str:
    shard(tmp_path / "s-00.tar", {"a.cls": b"7", "a.png": png(10), "b.png": png(20), "b.txt": b"a dog\n"})
    shard(
        tmp_path / "s-01.tar",
        {"sub/a.json": json.dumps({"x": 1, "y": [2]}).encode(), "sub/a.png": png(30), "c.cls": b"1"},
    )
    return f"webdataset:{tmp_path}/s-*.tar"


def test_every_sample_with_an_image_is_a_row(tmp_path):
    corpus = images.open_corpus(two_shards(tmp_path))
    records = [corpus.record(row) for row in range(len(corpus))]
    assert [record.image_id for record in records] == ["s-00.tar/a", "s-00.tar/b", "s-01.tar/sub/a"]
    assert [record.labels for record in records] == [{"class": 7}, {"text": "a dog"}, {"x": 1}]
    assert [int(corpus.decode(row)[0, 0, 0]) for row in (2, 0, 1)] == [30, 10, 20]


def test_numbered_shards_can_be_named_by_a_range(tmp_path):
    two_shards(tmp_path)
    assert len(images.open_corpus(f"webdataset:{tmp_path}/s-{{00..01}}.tar")) == 3
    assert len(images.open_corpus(f"webdataset:{tmp_path}/s-{{00..00}}.tar")) == 2


def test_shards_of_a_study_may_lie_in_its_folder(tmp_path):
    """As every path of study.toml does; the folder's name may look like a pattern."""
    study = tmp_path / "my [study]"
    two_shards(study)
    (study / "study.toml").write_text('[images]\nload = "webdataset:s-{00..01}.tar"\n')
    assert len(open_corpus_of(Study.open(study))) == 3
    (study / "study.toml").write_text('[images]\nload = "webdataset:t-*.tar"\n')
    with pytest.raises(CorpusError, match=r"no file matches webdataset:t-\*.tar"):
        open_corpus_of(Study.open(study))


def test_the_second_opening_reads_the_kept_list(tmp_path, data):
    spec = two_shards(tmp_path)
    first = images.open_corpus(spec)
    assert len(list((data / "shards").iterdir())) == 1
    again = images.open_corpus(spec)
    assert again.fingerprint == first.fingerprint
    assert [again.record(row) for row in range(3)] == [first.record(row) for row in range(3)]


def test_a_changed_shard_is_read_anew(tmp_path):
    spec = two_shards(tmp_path)
    first = images.open_corpus(spec)
    shard(tmp_path / "s-01.tar", {"d.png": png(40), "e.png": png(50), "f.png": png(60)})
    again = images.open_corpus(spec)
    assert len(again) == 5
    assert again.fingerprint != first.fingerprint


def test_a_pickled_corpus_gives_the_same_images(tmp_path):
    corpus = images.open_corpus(two_shards(tmp_path))
    copy = pickle.loads(pickle.dumps(corpus))
    assert all((copy.decode(row) == corpus.decode(row)).all() for row in range(3))


def test_long_names_are_found(tmp_path):
    name = "x" * 150 + "/" + "y" * 120
    shard(tmp_path / "a.tar", {f"{name}.png": png(9)})
    corpus = images.open_corpus(f"webdataset:{tmp_path}/a.tar")
    assert corpus.record(0).image_id == f"a.tar/{name}"
    assert (corpus.decode(0) == 9).all()


def test_a_broken_image_is_an_error_that_names_shard_and_key(tmp_path):
    shard(tmp_path / "a.tar", {"good.png": png(1), "bad.png": b"no image"})
    corpus = images.open_corpus(f"webdataset:{tmp_path}/a.tar")
    assert corpus.decode(0).shape == (4, 5, 3)
    with pytest.raises(ImageError, match=r"a\.tar/bad: not an image"):
        corpus.decode(1)


def test_what_holds_no_images_is_refused_with_a_reason(tmp_path):
    with pytest.raises(CorpusError, match="no file matches"):
        images.open_corpus(f"webdataset:{tmp_path}/*.tar")
    shard(tmp_path / "a.tar", {"c.cls": b"1"})
    with pytest.raises(CorpusError, match="holds an image"):
        images.open_corpus(f"webdataset:{tmp_path}/*.tar")


def test_a_truncated_or_compressed_shard_is_refused(tmp_path):
    whole = shard(tmp_path / "a.tar", {"a.png": png(1), "b.png": bytes(5000)}).read_bytes()
    for name, content in (("cut.tar", whole[:2000]), ("small.tar.gz", gzip.compress(whole))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match=name):
            images.open_corpus(f"webdataset:{tmp_path / name}")


def test_places_take_little_memory(tmp_path):
    shard(tmp_path / "a.tar", {f"n01440764_{number:08d}.jpg": b"x" for number in range(3000)})
    corpus = images.open_corpus(f"webdataset:{tmp_path}/a.tar")
    assert len(pickle.dumps(corpus)) / len(corpus) < 100  # bytes an image: 130 MB for 1.3 million


def test_any_row_can_be_read_in_any_order(tmp_path):
    shard(tmp_path / "a.tar", {f"{number}.png": png(number) for number in range(100)})
    corpus = images.open_corpus(f"webdataset:{tmp_path}/a.tar")
    for row in np.random.default_rng(0).integers(100, size=40):
        assert (corpus.decode(int(row)) == int(corpus.record(int(row)).image_id.rpartition("/")[2])).all()
