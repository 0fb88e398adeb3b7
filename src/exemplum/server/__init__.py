"""The web experiment: people answer the trials of a study in a browser, blind, and no answer is ever lost."""

from exemplum.server.app import create_app
from exemplum.server.experiment import Experiment, Settings

__all__ = ["Experiment", "Settings", "create_app"]
