"""Numbers as words."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from exemplum import pages
from exemplum.report import formatting


@pytest.mark.parametrize("value", [None, math.nan, np.nan, np.float64("nan"), math.inf])
def test_undefined_is_a_dash_and_never_zero(value):
    said = [pages.number(value), pages.percent(value), pages.points(value), formatting.seconds(value)]
    assert said == ["—"] * 4
    assert pages.interval(value, 0.5) == pages.interval(0.5, value) == "—"
    assert formatting.p_value(value) == "p = —"
    assert formatting.cell(value) == "—"


@given(st.floats(0, 1))
def test_a_percentage_reads_back_as_the_share(share):
    said = pages.percent(share).replace("\u00a0%", "")
    assert float(said) == pytest.approx(100 * share, abs=0.0501)


@given(st.floats(-1e6, 1e6))
def test_a_number_reads_back(value):
    assert float(pages.number(value, 3).replace("−", "-").replace(",", "")) == pytest.approx(value, abs=0.000501)


def test_numbers_as_they_are_written():
    assert pages.percent(0.9222) == "92.2\u00a0%"
    assert pages.points(0.102) == "+10.2"
    assert pages.points(-0.05) == "−5.0"
    assert pages.points(0.0) == "0.0"
    assert pages.interval(0.881, 0.95) == "88.1 to 95.0\u00a0%"
    assert pages.interval(0.44, 2.17, share=False, digits=2) == "0.44 to 2.17"
    assert pages.number(-0.001) == "0.00"
    assert formatting.seconds(185) == "3\u00a0min 05\u00a0s"
    assert pages.count(1, "trial") == "1\u00a0trial"
    assert pages.count(1350, "trial") == "1,350\u00a0trials"
    assert pages.listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(("p", "said"), [(0.0004, "p < .001"), (0.0123, "p = .012"), (1.0, "p = 1"), (0.9999, "p = 1")])
def test_p_values(p, said):
    assert formatting.p_value(p) == said
