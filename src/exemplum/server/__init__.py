"""The web experiment: people answer the trials of a study in a browser, blind, and no answer is ever lost."""

from exemplum.server.experiment import Experiment, Settings
from exemplum.server.http.app import create_app

__all__ = ["Experiment", "Settings", "create_app"]
