"""Tests of conditions and groups."""
