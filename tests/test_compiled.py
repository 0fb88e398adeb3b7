"""Loops are compiled, kept on disk or not."""

import inspect

from exemplum.runtime.hardware import compiled


def test_a_function_is_compiled_though_it_cannot_be_kept():
    names: dict = {}
    exec("def double(x):\n    return 2 * x", names)  # of no file, so Numba finds no folder for it
    assert compiled(names["double"])(21) == 42


def test_a_compiled_function_still_says_what_it_does():
    @compiled
    def half(x):
        """Half of x."""
        return x / 2

    assert half(3) == 1.5
    assert inspect.getdoc(half) == "Half of x."
