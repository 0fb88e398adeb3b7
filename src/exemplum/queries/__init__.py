"""Queries: the images that test a unit. They are chosen first, so that no explanation can show one."""
