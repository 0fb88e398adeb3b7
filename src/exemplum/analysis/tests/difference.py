"""The difference between two methods' accuracies over new participants and new units, by moments.

A participant's answers to a unit share the participant, the unit and chance. The variance of the mean difference has a
part of each, estimated from the sums of participants, of units, and of what remains after both (Satterthwaite 1946,
Biometrics Bull. 2; Clark 1973, J. Verb. Learn. Verb. Behav. 12). Nothing is fitted, so nothing can fail to converge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from exemplum.analysis.estimates.intervals import quantile

Array = np.ndarray
SMALL = 1e-12  # a variance below this share of the largest possible is rounding


@dataclass(frozen=True)
class Difference:
    """The mean difference in accuracy, −1 to 1, with its standard error and degrees of freedom, NaN if undefined."""

    estimate: float
    std_error: float
    df: float
    n_participants: int
    n_units: int
    # variances of the estimate that come from participants, from units, and from what is left; NaN if not told apart
    parts: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    skewness: float = 0.0  # of the estimate

    @property
    def p(self) -> float:
        """Two-sided p that the difference is 0."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.std_error, self.df))

    def interval(self) -> tuple[float, float]:
        """The 95 % interval, within −1 to 1."""
        reach = quantile(self.df) * self.std_error
        return max(self.estimate - reach, -1.0), min(self.estimate + reach, 1.0)

    def p_equivalence(self, margin: float) -> float:
        """The larger p of two one-sided t tests: that the difference is at most −margin, and at least margin.

        Each with Johnson's (1978, J. Am. Stat. Assoc. 73) correction for skewness: near 100 % right a few units lose
        much and most lose nothing, and a sample without such a unit would look equivalent too often.
        """
        above, below = ((self.estimate + side * margin) / self.std_error for side in (1, -1))
        return float(max(stats.t.sf(self._johnson(above), self.df), stats.t.cdf(self._johnson(below), self.df)))

    def _johnson(self, t: float) -> float:
        return t + self.skewness / 6 + self.skewness * t**2 / 3


@dataclass(frozen=True)
class Spread:
    """What an estimate that was fitted to the units needs besides its shares."""

    inflation: Array  # (units,) of each unit's share: what is left after a fit is too small
    fitted: float  # parameters besides the mean
    added: float  # variance from other units, which nobody judged
    added_df: float


def undefined(estimate: float, participants: int, units: int) -> Difference:
    """Of too few participants or units: without a standard error nothing is decided."""
    return Difference(estimate, np.nan, np.nan, participants, units)


def crossed(
    values: Array, participant: Array, unit: Array, method: Array, difficulty: Array | None = None
) -> Difference:
    """The difference for new participants and new units, from single answers.

    `values` (n,): 1 for right, 0 for wrong. `participant`, `unit` (n,): codes. `method` (n,): whether the answer was
    given with the method, else with the baseline. Any participant may have seen any of the units, in one condition or
    both; used are the participants who answered both. The estimate is the mean over participants of the difference
    between their accuracies, as in paired tests. NaN for fewer than two participants or units.

    With codes of a `difficulty` (n,) the estimate is the mean over difficulties of that mean, each over the
    participants who answered both conditions at that difficulty. So a condition does not gain from having been shown
    at the easier one more often, and nobody needs to have seen a unit at every difficulty.

    Each answer's share of the estimate is its weight times its distance from its condition's mean. Summed over
    participants and over units, the squares of these shares estimate the variances over new participants and new
    units; both hold the variance of what is left, which is subtracted once. No part is taken to be below 0. Degrees
    of freedom are Satterthwaite's over the parts above 0, between 1 and participants + units − 2. Where every
    participant saw every unit in both conditions, this is the analysis of variance of participants × units.

    >>> rng = np.random.default_rng(0)
    >>> who, what, which = (index.ravel() for index in np.indices((20, 30, 2)))
    >>> right = (rng.random(1200) < np.where(which == 1, 0.7, 0.9)).astype(float)
    >>> found = crossed(right, who, what, which == 1)
    >>> round(found.estimate, 2), round(found.std_error, 3)
    (-0.21, 0.032)
    """
    stratum = np.zeros(len(values), dtype=int) if difficulty is None else difficulty
    pair = participant * (int(stratum.max(initial=0)) + 1) + stratum
    used = np.isin(pair, np.intersect1d(pair[method], pair[~method]))
    if not used.any():
        return undefined(np.nan, 0, 0)
    values, method = values[used].astype(float), method[used]
    participant, unit, stratum, pair = (_recoded(codes[used]) for codes in (participant, unit, stratum, pair))
    people, units = int(participant.max()) + 1, int(unit.max()) + 1
    weight = _weights(pair, stratum, method)
    estimate = float(weight @ values)
    if min(people, units) < 2:
        return undefined(estimate, people, units)
    place = 2 * stratum + method
    levels = (stratum.max() + 1) * np.bincount(place, np.abs(weight) * values)
    share = weight * (values - levels[place])
    return of_shares(estimate, share, participant, unit)


def of_shares(
    estimate: float, share: Array, participant: Array, unit: Array, *, of_units: Spread | None = None
) -> Difference:
    """Any estimate for new participants and new units, from the shares (n,) that the answers have in it.

    A share is what an answer moves the estimate by, so that shares sum to 0; `participant` and `unit` (n,) are codes.
    """
    people = int(participant.max()) + 1
    by_person = np.bincount(participant, share)
    over_people = people / (people - 1) * float(by_person @ by_person)
    return _of_parts(estimate, share, participant, unit, by_person, over_people, people - 1.0, of_units)


def apart(
    values: Array, participant: Array, unit: Array, method: Array, difficulty: Array | None = None, *, new_units: bool
) -> Difference:
    """The same difference where participants saw either the method or the baseline, never both at one difficulty.

    The estimate is the mean over difficulties of the difference between the mean accuracies of those who saw the method
    and of those who saw the baseline. Its variance over new participants has a part of each group, with Welch's degrees
    of freedom; that over `new_units` is as in `crossed`, and 0 without them: R's t.test(a, b) of participants' means.
    NaN for fewer than two participants in a group, or two new units.
    """
    stratum = np.zeros(len(values), dtype=int) if difficulty is None else difficulty
    used = np.isin(stratum, np.intersect1d(stratum[method], stratum[~method]))
    if not used.any():
        return undefined(np.nan, 0, 0)
    values, method = values[used].astype(float), method[used]
    participant, unit, stratum = (_recoded(codes[used]) for codes in (participant, unit, stratum))
    people, units = int(participant.max()) + 1, int(unit.max()) + 1
    place, strata = 2 * stratum + method, int(stratum.max()) + 1
    _, first, cell = np.unique(participant * 2 * strata + place, return_index=True, return_inverse=True)
    weight = 1 / (strata * np.bincount(place[first])[place] * np.bincount(cell)[cell])
    weight = np.where(method, weight, -weight)
    estimate = float(weight @ values)
    sizes = np.array([len(np.unique(participant[method == which])) for which in (False, True)])
    if sizes.min() < 2 or (new_units and units < 2):
        return undefined(estimate, people, units)
    levels = strata * np.bincount(place, np.abs(weight) * values)
    share = weight * (values - levels[place])
    scaled = share * np.sqrt(sizes / (sizes - 1))[method.astype(int)]
    group = np.array([(np.bincount(participant, scaled * (method == which)) ** 2).sum() for which in (False, True)])
    by_person = np.bincount(participant, scaled)
    over_people = float(by_person @ by_person)
    df = float(group.sum() ** 2 / (group**2 / (sizes - 1)).sum()) if group.any() else float(sizes.sum() - 2)
    if new_units:
        return _of_parts(estimate, share, participant, unit, by_person, over_people, df)
    if over_people < SMALL / people:
        return _of_equal(estimate, people, people, units)
    error = float(np.sqrt(over_people))
    return Difference(
        estimate, error, df, people, units, (over_people, 0.0, 0.0), _third_cumulant(by_person) / error**3
    )


def _of_parts(
    estimate: float, share: Array, participant: Array, unit: Array, by_person: Array, over_people: float, df: float,
    spread: Spread | None = None,
) -> Difference:  # fmt: skip
    """The difference from its answers' shares, and the variance over new participants with its degrees of freedom."""
    people, units = int(participant.max()) + 1, int(unit.max()) + 1
    spread = spread or Spread(np.ones(units), 0.0, 0.0, 1.0)
    by_unit = np.bincount(unit, share) * spread.inflation
    over_units = units / (units - 1) * float(by_unit @ by_unit)
    left, df_left = _left(share, participant, unit)
    if max(over_people, over_units, left) < SMALL / min(people, units):
        return _of_equal(estimate, min(people, units), people, units)
    parts = _part(over_people, left), _part(over_units, left), left
    # the variance is the sum of those that stay, less what is left if both do; it is that alone if neither does
    found = zip((over_people, over_units), parts, (df, units - 1.0 - spread.fitted), strict=False)
    of_df = [(over, its_df) for over, part, its_df in found if part]
    if len(of_df) != 1:
        of_df.append((left, df_left))
    total = sum(parts) + spread.added
    whole = total**2 / sum(term**2 / its_df for term, its_df in [*of_df, (spread.added, spread.added_df)])
    error = float(np.sqrt(total))
    skewness = (_third_cumulant(by_person) + _third_cumulant(by_unit)) / error**3
    return Difference(estimate, error, float(np.clip(whole, 1, people + units - 2)), people, units, parts, skewness)


def of_one_sample(differences: Array, participants: int, units: int) -> Difference:
    """The mean of independent differences (n,), one per participant or, of a machine, one per unit, with Student's t.

    R: t.test(differences). NaN for fewer than two. Differences at several difficulties, (n, difficulties) with NaN
    where there is none, give the mean over difficulties of the means of each; its variance is over the n rows, as that
    of a ratio (linearization; Binder 1983, Int. Stat. Rev. 51), and the same as of the rows' means if none is missing.

    >>> found = of_one_sample(np.array([-0.09, -0.07, -0.11, -0.05]), participants=4, units=45)
    >>> round(found.estimate, 3), round(found.p, 4), [round(end, 3) for end in found.interval()]
    (-0.08, 0.0085, [-0.121, -0.039])
    """
    n = len(differences)
    table = np.asarray(differences, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    known = ~np.isnan(table)
    table, known = table[:, known.any(axis=0)], known[:, known.any(axis=0)]
    means = np.array([np.mean(column[given]) for column, given in zip(table.T, known.T, strict=True)])
    estimate = float(np.mean(means)) if n else np.nan
    if n < 2:
        return undefined(estimate, participants, units)
    shares = np.where(known, table - means, 0.0) @ (1 / (known.sum(axis=0) * len(means)))
    variance = n / (n - 1) * float(shares @ shares)
    if variance < SMALL / n:
        return _of_equal(estimate, n, participants, units)
    parts = (variance, 0.0, 0.0) if participants == n else (0.0, variance, 0.0)
    error = float(np.sqrt(variance))
    return Difference(estimate, error, n - 1.0, participants, units, parts, _third_cumulant(shares) / error**3)


def _weights(pair: Array, stratum: Array, method: Array) -> Array:
    """The weight of each answer in the mean over difficulties of the mean over participants of their differences."""
    cell = 2 * pair + method
    first = np.unique(pair, return_index=True)[1]
    people = np.bincount(stratum[first])  # with both conditions, by difficulty
    weight: Array = np.where(method, 1.0, -1.0) / (len(people) * people[stratum] * np.bincount(cell)[cell])
    return weight


def _recoded(codes: Array) -> Array:
    recoded: Array = np.unique(codes, return_inverse=True)[1]
    return recoded


def _part(over: float, left: float) -> float:
    """What a variance over participants or units has beyond what is left; 0 if that is rounding or below 0."""
    return over - left if over > left * (1 + 1e-9) else 0.0


def _third_cumulant(shares: Array) -> float:
    """Of the sum of independent shares (n,) of an estimate, without bias (Fisher's k statistic); 0 for two."""
    n = len(shares)
    return n**2 / ((n - 1) * (n - 2)) * float((shares**3).sum()) if n > 2 else 0.0


def _of_equal(estimate: float, n: int, participants: int, units: int) -> Difference:
    """Of n differences that are all equal: they do not prove that there is no variance.

    One difference of 1 and one of −1 are added for the standard error, as Agresti and Caffo (2000, Am. Stat. 54) add a
    right and a wrong answer: after 45 equal units it is .03, near the 3 / n that 95 % of samples would have shown.
    """
    return Difference(estimate, float(np.sqrt(2) / (n + 2)), n - 1.0, participants, units)


def _left(share: Array, participant: Array, unit: Array) -> tuple[float, float]:
    """Variance of the estimate that neither participants nor units explain, and its degrees of freedom.

    From the squares of what is left of each participant's share in each unit, after what participants and units add.
    Where too few units were seen by several participants to tell them apart, all of it counts as left.
    """
    codes, place = np.unique(participant * (int(unit.max()) + 1) + unit, return_inverse=True)
    cells = np.bincount(place, share)
    rows, columns = np.divmod(codes, int(unit.max()) + 1)
    people, units = int(rows[-1]) + 1, int(columns.max()) + 1
    df = len(cells) - people - units + 1
    if df < 1:
        return float(cells @ cells), float(len(cells))
    if len(cells) == people * units:
        table = cells.reshape(people, units)
        left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    else:
        at = np.arange(len(cells))
        design = sparse.csr_matrix(
            (np.ones(2 * len(cells)), (np.r_[at, at], np.r_[rows, people + columns])), (len(cells), people + units)
        )
        left = cells - design @ sparse.linalg.lsqr(design, cells, atol=1e-10, btol=1e-10)[0]
    return len(cells) / df * float((left**2).sum()), float(df)
