"""How long a session takes at the reaction times of Borowski, Zimmermann et al. (2021).

The times are means over the published trials, in seconds: of Experiment II, whose 23 participants were slower than the
10 of Experiment I, and of Experiment I for trials without references. Pictures of all methods but `natural` count as
synthetic ones. Not counted are instructions, ratings and breaks.
"""

from __future__ import annotations

from exemplum.records import NONE, Session, Trial, TrialKind

FEEDBACK_S = 2.0  # 0.5 s until the right query is framed, 1.5 s until the next trial
WITHOUT_S = {TrialKind.PRACTICE: 6.53, TrialKind.MAIN: 3.18}
SECONDS: dict[str, dict[TrialKind, tuple[float, float]]] = {  # scheme → kind → with natural, with synthetic images
    "Max-1": {TrialKind.PRACTICE: (7.23, 8.81), TrialKind.MAIN: (5.57, 5.67), TrialKind.CATCH: (1.38, 1.78)},
    "Min-Max-1": {TrialKind.PRACTICE: (7.31, 9.03), TrialKind.MAIN: (5.95, 8.37), TrialKind.CATCH: (1.50, 1.98)},
    "Max-9": {TrialKind.PRACTICE: (8.65, 10.16), TrialKind.MAIN: (7.82, 8.13), TrialKind.CATCH: (3.85, 3.98)},
    "Min-Max-9": {TrialKind.PRACTICE: (10.93, 18.62), TrialKind.MAIN: (8.23, 13.08), TrialKind.CATCH: (4.03, 5.12)},
}


def minutes(session: Session) -> float:
    """The time of a session's trials; repeated trials, chosen later, count as an average main trial."""
    main = [seconds(trial) for trial in session.trials if trial.kind is TrialKind.MAIN]
    repeats = sum(block.repeats for block in session.blocks)
    rest = sum(seconds(trial) for trial in session.trials if trial.kind is not TrialKind.MAIN)
    return (rest + sum(main) * (1 + repeats / max(len(main), 1))) / 60


def seconds(trial: Trial) -> float:
    """The time of one trial, from its first picture to the next trial."""
    if trial.condition == NONE:
        return WITHOUT_S[trial.kind] + FEEDBACK_S
    poles, _, number = trial.scheme.rpartition("-")
    natural, synthetic = SECONDS[f"{poles}-{1 if int(number) < 5 else 9}"][trial.kind]
    return (natural if trial.condition == "natural" else synthetic) + FEEDBACK_S
