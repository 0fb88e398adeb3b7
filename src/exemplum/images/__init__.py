"""Where images come from: corpora by name, each a length, a record and an image for every row."""

from exemplum.images.corpus import Corpus, CorpusError, ImageError, ImageRecord
from exemplum.images.decoding import decode_file
from exemplum.images.embedded import EmbeddedCorpus
from exemplum.images.folder import FolderCorpus
from exemplum.images.opening import open_corpus as open
from exemplum.images.sheet import sheet
from exemplum.images.subset import subset

__all__ = [
    "Corpus", "CorpusError", "EmbeddedCorpus", "FolderCorpus", "ImageError", "ImageRecord", "decode_file", "open",
    "sheet", "subset",
]  # fmt: skip
