"""The responses of people and machines: one table, its reader, and exclusion rules. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader
from pydantic import Field, model_validator

from exemplum.study import Seconds, Section, Share, check_order

if TYPE_CHECKING:
    from exemplum.responses.calibration import (
        Calibration as Calibration,
        calibrated_observers as calibrated_observers,
        read_calibration as read_calibration,
        read_encoders as read_encoders,
        write_calibrations as write_calibrations,
        write_encoders as write_encoders,
    )
    from exemplum.responses.flow import (
        FINISHED as FINISHED,
        UNFINISHED as UNFINISHED,
        Entered as Entered,
        read_entered as read_entered,
        write_entered as write_entered,
    )
    from exemplum.responses.table import (
        ResponseTables as ResponseTables,
        check as check,
        files as files,
        read as read,
        read_all as read_all,
        rows as rows,
        rows_of as rows_of,
    )


class ExclusionsSection(Section):
    """Rules by which participants are left out of the main result. A rule that is not declared excludes nobody."""

    catch_accuracy: Share | None = None
    """At least this share of catch trials is right."""
    answers_each_side: int | None = Field(None, ge=0, le=10_000)
    """At least this many main trials were answered top, and at least this many bottom."""
    instruction_time_s: Seconds | None = None
    """At least this long, in s, was spent on the instructions."""
    practice_attempts: int | None = Field(None, ge=1, le=1000)
    """At most this many rounds of practice."""
    total_time_s_min: Seconds | None = None
    """At least this long, in s, from the first to the last trial."""
    total_time_s_max: float | None = Field(None, gt=0, le=1_000_000)
    """At most this long, in s, from the first to the last trial."""
    image_px_min: float | None = Field(None, ge=0, le=10_000)
    """No reference or query of a main trial was smaller than this, in CSS pixels."""
    pixel_ratio_min: float | None = Field(None, ge=0, le=100)
    """In main trials never fewer device pixels per CSS pixel than this (less than 1: the page was zoomed out)."""
    frame_ms_max: float | None = Field(None, gt=0, le=10_000)
    """The median over main trials of the frame interval is at most this, in ms."""
    blurs_max: int | None = Field(None, ge=0, le=100_000)
    """The window lost the focus at most this many times in main trials."""
    hidden_s_max: Seconds | None = None
    """Main trials were hidden for at most this long in all, in s."""

    @model_validator(mode="after")
    def _in_order(self) -> ExclusionsSection:
        check_order("total_time_s_min", self.total_time_s_min, "total_time_s_max", self.total_time_s_max)
        return self


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": [
            "calibrated_observers",
            "Calibration",
            "read_calibration",
            "read_encoders",
            "write_calibrations",
            "write_encoders",
        ],
        "flow": ["FINISHED", "UNFINISHED", "Entered", "read_entered", "write_entered"],
        "table": ["ResponseTables", "check", "files", "read", "read_all", "rows", "rows_of"],
    },
)
__all__ += ["ExclusionsSection"]
