"""Studies: the folder and its settings, what is stale, frozen or hidden, and the pipeline of stages."""

from exemplum.study.config import StudyError
from exemplum.study.folder import STAGES, Study

__all__ = ["STAGES", "Study", "StudyError"]
