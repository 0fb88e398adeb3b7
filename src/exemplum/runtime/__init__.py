"""Progress bars, Ray clusters, and the hardware.

`runtime.hardware` imports torch. Rooms name that module, so that the import linter sees which of them load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.runtime.cluster import Cluster as Cluster
    from exemplum.runtime.progress import (
        console as console,
        output as output,
        said_duration as said_duration,
        styled as styled,
        track as track,
    )

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cluster": ["Cluster"],
        "progress": ["console", "output", "said_duration", "styled", "track"],
    },
)
