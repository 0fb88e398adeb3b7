"""CSV without formulas. Oracle of the round trip: the table before."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from exemplum.store import csv_text, restored

FORMULAS = ('=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "'=1")
PLAIN = ("5f3a", "", "a=b", "P0001", " =1", "–5", "natural − synthetic", "1-1")


def cells(text):
    return [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_text_that_begins_like_a_formula_gets_a_mark(formula):
    assert cells(csv_text(pd.DataFrame({"id": [formula]}))) == ["'" + formula]


def test_other_texts_and_numbers_stay_as_they_are():
    frame = pd.DataFrame({"id": PLAIN, "n": np.arange(len(PLAIN)) - 3, "x": np.linspace(-1, 1, len(PLAIN))})
    assert csv_text(frame) == frame.to_csv(index=False)


def test_numbers_among_texts_stay_numbers():
    mixed = pd.DataFrame({"value": pd.Series([-1, -1.5, None, "-1"], dtype=object)})
    assert cells(csv_text(mixed)) == ["-1", "-1.5", "", "'-1"]


def test_a_carriage_return_begins_no_row_of_its_own():
    text = csv_text(pd.DataFrame({"id": ["a\r=1+1", "b"], "n": [1, 2]}))
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [["a\r=1+1", "1"], ["b", "2"]]


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | st.sampled_from(FORMULAS))
)
def test_the_round_trip_loses_nothing(texts):
    frame = pd.DataFrame({"n": range(len(texts)), "id": pd.Series(texts, dtype="str")})
    read = pd.read_csv(io.StringIO(csv_text(frame), newline=""), keep_default_na=False, dtype={"id": "str"})
    assert restored(read)["id"].tolist() == texts
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in read["id"])
