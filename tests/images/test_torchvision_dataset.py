"""torchvision's datasets: one of real files made here, one that torchvision makes itself, none without a network."""

import pickle

import numpy as np
import pytest
from PIL import Image

from exemplum import images
from exemplum.images import CorpusError, ImageError

WNIDS = ("n01440764", "n02102040")  # tench and English springer in Imagenette


@pytest.fixture
def imagenette(tmp_path):
    """A tree as Imagenette's archive unpacks to, with two images of two classes."""
    for split, grey in (("train", 50), ("val", 200)):
        for wnid in WNIDS:
            folder = tmp_path / "imagenette2" / split / wnid
            folder.mkdir(parents=True)
            for number in range(2):
                Image.new("RGB", (20, 10), (grey, number, 0)).save(folder / f"{number}.JPEG", quality=95)
    return tmp_path


def test_images_and_classes_come_from_the_dataset(imagenette):
    corpus = images.open_corpus("torchvision:Imagenette", root=imagenette)
    assert len(corpus) == 4
    assert corpus.record(0).image_id == "Imagenette/0000000"
    assert [corpus.record(row).labels["class"] for row in (0, 2)] == [
        "tench, Tinca tinca",
        "English springer, English springer spaniel",
    ]
    assert corpus.decode(0).shape == (10, 20, 3)


def test_a_split_follows_a_slash_and_case_does_not_matter(imagenette):
    corpus = images.open_corpus("torchvision:imagenette/val", root=imagenette)
    assert corpus.decode(0)[..., 0].mean() == pytest.approx(200, abs=3)
    assert corpus.fingerprint != images.open_corpus("torchvision:imagenette", root=imagenette).fingerprint


def test_the_environment_says_where_data_are(imagenette, monkeypatch):
    monkeypatch.setenv("EXEMPLUM_DATA", str(imagenette))
    assert len(images.open_corpus("torchvision:Imagenette")) == 4


def test_a_broken_file_is_an_image_error(imagenette):
    (imagenette / "imagenette2" / "train" / WNIDS[0] / "0.JPEG").write_bytes(b"broken")
    corpus = images.open_corpus("torchvision:Imagenette", root=imagenette)
    with pytest.raises(ImageError, match="Imagenette/0000000"):
        corpus.decode(0)


def test_it_can_be_pickled(imagenette):
    corpus = images.open_corpus("torchvision:Imagenette", root=imagenette)
    copy = pickle.loads(pickle.dumps(corpus))
    assert (copy.decode(3) == corpus.decode(3)).all()


def test_a_dataset_that_torchvision_makes_itself():
    corpus = images.open_corpus("torchvision:FakeData")
    assert len(corpus) == 1000
    assert corpus.decode(0).dtype == np.uint8
    assert (corpus.decode(7) == corpus.decode(7)).all()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("torchvision:imagenete", "did you mean Imagenette"),
        ("torchvision:Flowers102/foo", "train"),
        ("torchvision:CIFAR10/val", "train and test"),
        ("torchvision:EMNIST", "EMNIST/SPLIT"),
        ("torchvision:FakeData/train", "no splits"),
    ],
)
def test_a_wrong_name_or_split_is_one_line(tmp_path, spec, said):
    with pytest.raises(CorpusError) as caught:
        images.open_corpus(spec, root=tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_network_it_says_so_and_what_to_do(tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(CorpusError, match="cannot be downloaded") as caught:
        images.open_corpus("torchvision:Imagenette", root=tmp_path)
    assert "EXEMPLUM_DATA" in str(caught.value)
    assert "\n" not in str(caught.value)
