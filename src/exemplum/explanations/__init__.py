"""Explanation methods: what gives a unit its reference pictures."""

from exemplum.explanations.request import Exemplar, ExplanationMethod, Picture, Request
from exemplum.records import Pole, Unit

__all__ = ["Exemplar", "ExplanationMethod", "Picture", "Pole", "Request", "Unit"]
