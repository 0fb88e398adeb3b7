"""The study: its folder and configuration, what is stale, frozen or hidden, and the line of stages."""

from exemplum.study.folder import STAGES, Config, Study, StudyError

__all__ = ["STAGES", "Config", "Study", "StudyError"]
