"""What a test says, in the columns of the table of comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exemplum.analysis.effects import Effect

NO_EFFECT = Effect("", np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Outcome:
    """One test of two conditions or of one term; NaN where the data do not determine a value."""

    test: str
    a: str
    b: str
    n: int
    difference: float = np.nan  # mean of a minus mean of b
    effect: Effect = NO_EFFECT
    statistic: float = np.nan
    df: str = ""
    p: float = np.nan
    p_adjusted: float = np.nan

    def between(self, a: str, b: str) -> Outcome:
        """The same outcome with the names of what was compared."""
        return replace(self, a=a, b=b)

    def row(self) -> dict[str, object]:
        """The columns of COMPARISONS that a test fills."""
        return {
            "a": self.a, "b": self.b, "test": self.test, "difference": self.difference, "effect": self.effect.value,
            "effect_name": self.effect.name, "effect_low": self.effect.low, "effect_high": self.effect.high,
            "statistic": self.statistic, "df": self.df, "p": self.p, "p_adjusted": self.p_adjusted, "n": self.n,
        }  # fmt: skip


def number(df: float) -> str:
    """Degrees of freedom as text: 18, 2.5."""
    return f"{df:.10g}"
