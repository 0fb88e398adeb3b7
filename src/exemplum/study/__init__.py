"""The study: its folder and configuration, what is stale, frozen or hidden, and the line of stages."""

from exemplum.study.config import StudyError
from exemplum.study.folder import STAGES, Study

__all__ = ["STAGES", "Study", "StudyError"]
