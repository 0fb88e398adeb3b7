"""Who comes to a rehearsal: how many people, how well they answer, and how many of them disappoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from exemplum.design import generator, shuffled
from exemplum.errors import UserError, did_you_mean
from exemplum.records import NONE, TrialKind
from exemplum.study import Study

ORDER, SEED = 1, 2  # spawn keys of a rehearsal's draws
CATCH = TrialKind.CATCH.value
OF_METHODS = {"natural": 0.92, "synthetic": 0.82, NONE: 0.5}  # of Borowski, Zimmermann et al. (2021), and chance
OTHERWISE, OF_RANDOM, OF_CATCH = 0.85, 0.5, 0.98


class Manner(StrEnum):
    """How a simulated person takes part."""

    ATTENTIVE = "attentive"
    CARELESS = "careless"  # presses at random, at once, and reads nothing
    DROPOUT = "dropout"  # attentive, but closes the window somewhere in between
    REFUSAL = "refusal"  # does not consent


@dataclass(frozen=True)
class Crowd:
    """The simulated people of a rehearsal. Shares are of the people who come, from 0 to 1."""

    people: int
    seed: int
    accuracy: Mapping[str, float] = field(default_factory=dict)  # by condition, and `catch`; before lapses
    lapse: float = 0.02  # share of trials that an attentive person answers at random
    dropouts: float = 0.05
    careless: float = 0.05
    refusals: float = 0.02

    def manners(self) -> list[Manner]:
        """How each person takes part, in the order in which they come; the numbers of each kind are exact.

        >>> sorted(Crowd(people=40, seed=1).manners()).count(Manner.ATTENTIVE)
        35
        """
        shares = {Manner.CARELESS: self.careless, Manner.DROPOUT: self.dropouts, Manner.REFUSAL: self.refusals}
        others = [manner for manner, share in shares.items() for _ in range(round(share * self.people))]
        found = [Manner.ATTENTIVE] * (self.people - len(others)) + others
        return shuffled(found[-self.people :], generator(self.seed, 0, ORDER))

    def seed_of(self, number: int) -> int:
        """The seed of one person's draws; `number` counts from 1."""
        return int(generator(self.seed, number, SEED).integers(2**62))

    def expected(self, condition: str) -> float:
        """The share of right answers of attentive people, lapses included.

        >>> Crowd(people=1, seed=1, accuracy={"natural": 0.9}, lapse=0.1).expected("natural")
        0.86
        """
        return round((1 - self.lapse) * self.accuracy[condition] + self.lapse / 2, 12)


def accuracies(study: Study, conditions: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Accuracy by condition, and on catch trials: `given` as NAME=SHARE, else study.toml, else usual ones.

    study.toml: [observers.simulated] accuracy. Raises UserError for a name that is no condition, or a share that is not
    above 0 and below 1.
    """
    said = study.config.observers.simulated
    declared = dict(said.accuracy) if "accuracy" in said.model_fields_set else {}
    nulls = {use.name: OF_RANDOM for use in study.config.explanations.uses if use.method == "random"}
    usual = {name: (OF_METHODS | nulls).get(name, OTHERWISE) for name in conditions} | {CATCH: OF_CATCH}
    found = usual | {name: share for name, share in declared.items() if name in usual}
    for text in given:
        name, _, share = text.rpartition("=")
        if "=" not in text:
            raise UserError(f"--accuracy {text!r} is not NAME=SHARE, as in --accuracy {text}=0.9")
        if name not in usual:
            raise UserError(f"--accuracy {text!r}: {name!r} is not a condition of the study{did_you_mean(name, usual)}")
        try:
            found[name] = float(share)
        except ValueError as error:
            raise UserError(f"--accuracy {text!r} is not NAME=SHARE, as in --accuracy {name}=0.9") from error
        if not 0 < found[name] < 1:
            raise UserError(f"--accuracy {text!r}: the share must be above 0 and below 1")
    return found
