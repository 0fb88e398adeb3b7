"""Every measure with its interval."""
