"""What can be wrong with a design."""

from exemplum.errors import UserError


class DesignError(UserError):
    """A design cannot be made from these units and stimuli, or breaks one of its invariants."""
