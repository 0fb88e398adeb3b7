"""Statistical tests of conditions and groups."""
