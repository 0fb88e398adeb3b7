"""What can go wrong with a model, for users: one line that names what, where and what to do."""

from exemplum.errors import UserError


class ModelError(UserError):
    """A model, a layer or a unit is not there, or does not fit."""


class WeightsError(ModelError):
    """Weights cannot be had: a file is absent, unreadable or of another network, or a download failed."""


class ShapeError(ModelError):
    """A layer's output has a shape whose axes are not known."""
