"""The order and the look of conditions."""

from itertools import combinations

from hypothesis import given, strategies as st
from matplotlib.colors import to_rgb

from exemplum.report import style

NAMES = st.sampled_from(["natural", "synthetic", "none", "none_pre", "none_post", "folder:a", "maco", "x.y:z"])


def test_conditions_stand_in_the_reports_order():
    given_order = ["none", "zebra", "synthetic", "none_post", "folder:mine", "natural", "none_pre", "natural"]
    expected = ["natural", "synthetic", "folder:mine", "zebra", "none", "none_pre", "none_post"]
    assert style.ordered(given_order) == expected


@given(st.lists(NAMES))
def test_order_does_not_depend_on_the_order_given(names):
    assert style.ordered(names) == style.ordered(reversed(names)) == style.ordered(style.ordered(names))


@given(st.lists(NAMES, unique=True))
def test_known_conditions_look_the_same_beside_any_other(names):
    looks = style.looks(names)
    assert all(looks[name] == style.KNOWN[name] for name in names if name in style.KNOWN)


def test_up_to_six_methods_differ_in_marker_and_colour():
    looks = style.looks(["natural", "synthetic", "a", "b", "c", "d", "none"])
    assert len({look.marker for look in looks.values()}) == len({look.color for look in looks.values()}) == 7


def test_conditions_differ_for_those_who_see_no_red_or_green():
    # Machado et al. 2009, severity 1: rows give linear RGB as deuteranopes and protanopes see it
    deuteranopia = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
    protanopia = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
    for matrix in (deuteranopia, protanopia):
        seen = [_seen(style.KNOWN[name].color, matrix) for name in ("natural", "synthetic", "none")]
        assert all(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) > 0.04 for a, b in combinations(seen, 2))


def test_labels_are_short():
    assert style.label("folder:/home/me/pictures/") == "pictures"
    assert style.label("my_package:sharper") == "sharper"
    assert style.label("none_pre") == "none (before)"
    assert style.label("natural") == "natural"


def test_people_come_before_machines():
    assert style.ordered_observers(["chance", "ideal", "mine", "participants", "similarity"]) == [
        "participants", "similarity", "ideal", "chance", "mine",
    ]  # fmt: skip


def test_names_with_numbers_sort_as_people_count():
    assert sorted(["p10", "p2", "mixed4a:9", "mixed3a:100"], key=style.natural_key) == [
        "mixed3a:100", "mixed4a:9", "p2", "p10",
    ]  # fmt: skip


def _seen(color, matrix):
    linear = to_rgb(color)
    return [sum(weight * channel for weight, channel in zip(row, linear, strict=True)) for row in matrix]
