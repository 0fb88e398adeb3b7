"""Queries: which images test a unit. They are chosen first, so that no explanation may show one."""
