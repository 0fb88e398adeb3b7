"""Estimates of every measure, with intervals."""
