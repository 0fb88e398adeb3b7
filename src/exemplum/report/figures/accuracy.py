"""Figures of accuracy: by condition, scheme, expertise, layer, branch, selection and observer; and of power."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exemplum.report import style
from exemplum.report.formatting import pick

NO_TRIALS = "No main trials: nothing to show"
NAMED = 40  # participants whose names still fit
SELECTIONS = {"random": "random", "hand_picked": "hand-picked"}


def by_condition(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy of one observer by condition: the mean with its interval, participants as dots, the chance line."""
    ax = ax or style.new()
    rows = pick(estimates, "accuracy", observer=observer).dropna(subset=["estimate"])
    if rows.empty:
        return style.empty(ax, NO_TRIALS)
    people = pick(estimates, "accuracy", by="participant", observer=observer).dropna(subset=["estimate"])
    order = style.ordered(rows["condition"])
    looks = style.looks(order)
    names = []
    for x, condition in enumerate(order):
        dots = people.loc[people["condition"] == condition, "estimate"].to_numpy()
        ax.scatter(x + 0.2 + style.spread(dots, 0.16), dots, s=13, color=looks[condition].color, alpha=0.45, lw=0)
        row = rows[rows["condition"] == condition].iloc[0]
        style.point(ax, x - 0.1, row, looks[condition], size=7)
        between = "\n" if len(order) <= style.MANY else " "
        names.append(f"{style.short(style.label(condition))}{between}{100 * row['estimate']:.0f} %")
    style.shares(ax)
    style.categories(ax, names, slant=len(order) > style.MANY)
    return ax


def of_none(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy without references: overall, before and after the trials with references."""
    ax = ax or style.new()
    rows = pick(estimates, "accuracy", observer=observer, phases=True).dropna(subset=["estimate"])
    rows = rows[rows["condition"].isin(style.LAST)]
    if rows.empty:
        return style.empty(ax, "No trials without references: nothing to show")
    order = style.ordered(rows["condition"])
    looks = style.looks(order)
    for x, condition in enumerate(order):
        style.point(ax, x, rows[rows["condition"] == condition].iloc[0], looks[condition], size=7)
    style.shares(ax)
    style.categories(ax, [style.label(c).replace(" ", "\n") for c in order], slant=False)
    return ax


def by_layer(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by layer, one line per condition."""
    return by_group(estimates, "layer", observer, ax, joined=True)


def by_branch(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by branch of the Inception layers."""
    return by_group(estimates, "branch", observer, ax)


def by_selection(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy for hand-picked against randomly picked units."""
    return by_group(estimates, "selection", observer, ax, names=SELECTIONS)


def by_group(
    estimates: pd.DataFrame,
    by: str,
    observer: str,
    ax: Axes | None = None,
    joined: bool = False,
    names: dict[str, str] | None = None,
    order: Sequence[str] | None = None,
) -> Axes:
    """Accuracy of one observer by the variable `by`, conditions side by side; `joined` draws one line per condition."""
    ax = ax or style.new()
    rows = pick(estimates, "accuracy", by=by, observer=observer).dropna(subset=["estimate"])
    if rows.empty:
        return style.empty(ax, f"No main trials by {by}: nothing to show")
    groups = (
        [g for g in order if g in set(rows["group"])] if order else sorted(set(rows["group"]), key=style.natural_key)
    )
    conditions = style.ordered(rows["condition"])
    looks = style.looks(conditions)
    for offset, condition in zip(style.dodge(len(conditions), 0.36), conditions, strict=True):
        own = rows[rows["condition"] == condition].set_index("group")
        at = [(x + offset, own.loc[group]) for x, group in enumerate(groups) if group in own.index]
        if joined:
            ax.plot(
                [x for x, _ in at], [row["estimate"] for _, row in at], color=looks[condition].color, lw=1, alpha=0.6
            )
        for x, row in at:
            style.point(ax, x, row, looks[condition], size=5)
    style.shares(ax)
    style.categories(ax, [(names or {}).get(g, style.short(g) or "—") for g in groups])
    style.legend(ax, conditions, looks)
    return ax


GAP = 0.8  # between people and machines, in places of an observer


def by_observer(estimates: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Accuracy of every observer, conditions side by side; people on the left, apart from machines."""
    ax = ax or style.new(7.0)
    rows = pick(estimates, "accuracy").dropna(subset=["estimate"])
    if rows.empty:
        return style.empty(ax, NO_TRIALS)
    kinds = style.apart(rows["observer"])
    place: dict[str, float] = {}
    for number, names in enumerate(kinds.values()):
        place |= {name: x + GAP * number for x, name in enumerate(names, len(place))}
    conditions = style.ordered(rows["condition"])
    looks = style.looks(conditions)
    for offset, condition in zip(style.dodge(len(conditions), 0.4), conditions, strict=True):
        own = rows[rows["condition"] == condition].drop_duplicates("observer").set_index("observer")
        for observer, x in place.items():
            if observer in own.index:
                style.point(ax, x + offset, own.loc[observer], looks[condition])
    style.shares(ax)
    style.categories(ax, list(place), at=list(place.values()))
    ax.set_xlim(-0.6, max(place.values()) + 0.6)
    if len(kinds) > 1:
        ax.axvline(len(kinds["People"]) + (GAP - 1) / 2, color=style.SOFT, lw=0.8, zorder=0)
    style.legend(ax, conditions, looks)
    return ax


def by_participant(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """One row per participant, from the least to the most accurate, with one marker per condition."""
    rows = pick(estimates, "accuracy", by="participant", observer=observer).dropna(subset=["estimate"])
    if rows.empty:
        return style.empty(ax or style.new(), NO_TRIALS)
    order = rows.groupby("group")["estimate"].mean().sort_values(kind="stable").index.tolist()
    ax = ax or style.new(height=max(2.0, 0.6 + 0.17 * min(len(order), NAMED)))
    place = {participant: y for y, participant in enumerate(order)}
    conditions = style.ordered(rows["condition"])
    looks = style.looks(conditions)
    ends = rows.groupby("group")["estimate"].agg(["min", "max"])
    for participant, y in place.items():
        ax.plot(ends.loc[participant].to_numpy(), [y, y], color=style.FAINT, lw=1, zorder=1)
    for offset, condition in zip(style.dodge(len(conditions), 0.3), conditions, strict=True):
        own = rows[rows["condition"] == condition]
        ax.plot(own["estimate"], [place[p] - offset for p in own["group"]], ls="", marker=looks[condition].marker,
                ms=5 if len(order) <= NAMED else 2.5, color=looks[condition].color, mec="white", mew=0.5)  # fmt: skip
    style.shares(ax, horizontal=True)
    many = len(order) > NAMED
    ax.set_yticks([] if many else range(len(order)), [] if many else [style.short(name) for name in order])
    ax.set_ylim(-0.7, len(order) - 0.3)
    ax.set_ylabel(f"{len(order):,} participants" if many else "")
    ax.tick_params(axis="y", length=0)
    style.legend(ax, conditions, looks)
    return ax


ORDER = ("Max-1", "Min-Max-1", "Max-9", "Min-Max-9")


def by_scheme(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by scheme, conditions side by side."""
    return by_group(estimates, "scheme", observer, ax, order=ORDER)


def by_expertise(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by scheme and expertise: filled markers for experts, open ones for lay participants."""
    ax = ax or style.new()
    rows = pick(estimates, "accuracy", by="scheme+expertise", observer=observer).dropna(subset=["estimate"])
    if rows.empty:
        return style.empty(ax, "Expertise was not asked, or there is one scheme only: nothing to show")
    parts = rows["group"].str.split("|", n=1, expand=True).reindex(columns=[0, 1]).fillna("")
    rows = rows.assign(scheme=parts[0], expertise=parts[1])
    schemes = [s for s in ORDER if s in set(rows["scheme"])] + sorted(set(rows["scheme"]) - set(ORDER))
    series = [(c, e) for c in style.ordered(rows["condition"]) for e in sorted(set(rows["expertise"]))]
    looks = style.looks(rows["condition"])
    for offset, (condition, expertise) in zip(style.dodge(len(series), 0.5), series, strict=True):
        own = rows[(rows["condition"] == condition) & (rows["expertise"] == expertise)]
        for _, row in own.iterrows():
            x = schemes.index(row["scheme"]) + offset
            style.point(ax, x, row, looks[condition], size=6)
            if expertise != "expert":
                ax.plot(x, row["estimate"], marker=looks[condition].marker, ms=3, color="white", zorder=5)
    style.shares(ax)
    style.categories(ax, schemes)
    style.legend(ax, rows["condition"], looks)
    ax.text(0.01, 0.02, "filled: expert   open: lay", transform=ax.transAxes, fontsize=7.5, color=style.SOFT)
    return ax


def by_unit(effects: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Shrunken accuracy of every unit from EFFECTS, by layer from early to late, the most difficult units first.

    Open markers are hand-picked units, horizontal lines the means of a layer. Intervals are drawn for up to 120 units.
    """
    ax = ax or style.new(*UNITS_SIZE)
    rows = effects[(effects["observer"] == observer) & (effects["grouping"] == "unit")]
    if rows.empty:
        return style.empty(ax, "No model of units could be fitted: nothing to show")
    conditions = style.ordered(rows["condition"])
    looks = style.looks(conditions)
    wide = rows.pivot_table(index=["layer", "name"], columns="condition", values="accuracy")
    difficult = wide[conditions[0]].fillna(wide.mean(axis=1)).sort_values(kind="stable")
    units = sorted(difficult.index, key=lambda unit: style.natural_key(unit[0]))  # by layer; stable within it
    place = {name: x for x, (_, name) in enumerate(units)}
    few = len(units) <= 120
    for offset, condition in zip(style.dodge(len(conditions), 0.4), conditions, strict=True):
        own = rows[rows["condition"] == condition]
        x = own["name"].map(place).to_numpy(dtype=float) + offset
        color, marker = looks[condition].color, looks[condition].marker
        if few:
            ax.vlines(x, own["accuracy_low"], own["accuracy_high"], color=color, lw=0.9, alpha=0.45, zorder=2)
        picked = (own["selection"] == "hand_picked").to_numpy()
        for open_, chosen in ((False, ~picked), (True, picked)):
            ax.scatter(x[chosen], own["accuracy"][chosen], s=16 if few else 6, marker=marker, zorder=3, lw=0.9,
                       ec=color, color="white" if open_ else color)  # fmt: skip
        for _, of_layer in own.assign(x=x).groupby("layer"):
            mean = of_layer["accuracy"].mean()
            ends = of_layer["name"].map(place).agg(["min", "max"]) + np.array([-0.4, 0.4])
            ax.plot(ends, [mean, mean], color=color, lw=1, zorder=1)
    _name_layers(ax, [layer for layer, _ in units])
    style.shares(ax)
    style.legend(ax, conditions, looks)
    return ax


def _name_layers(ax: Axes, layers: list[str]) -> None:
    """Name the layers below their units, with lines between them."""
    names = list(dict.fromkeys(layers))
    first = [layers.index(name) for name in names]
    for x in first[1:]:
        ax.axvline(x - 0.5, color=style.FAINT, lw=0.8, zorder=0)
    middle = [x + (layers.count(name) - 1) / 2 for x, name in zip(first, names, strict=True)]
    style.categories(ax, [style.short(name) or "—" for name in names], at=middle)
    ax.set_xlim(-1, len(layers))
    ax.set_xlabel(f"{len(layers)} units, by layer")


UNITS_SIZE = (7.6, 3.2)  # inches

COLORS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.SKY, style.ORANGE)
MARKERS = "os^vPX"
WANTED = 0.8


def power(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the table of `exemplum.analysis.power.table`: simulated power with its interval; dashed: 80 %."""
    ax = ax or style.new()
    ax.axhline(WANTED, color=style.SOFT, lw=0.8, ls="--", zorder=0)
    for place, (units, rows) in enumerate(table.groupby("units", sort=True)):
        rows = rows.sort_values("participants")
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        ax.fill_between(rows["participants"], rows["low"], rows["high"], color=color, alpha=0.15, lw=0)
        ax.plot(rows["participants"], rows["power"], color=color, marker=marker, ms=4, label=f"{units} units")
    ax.set(xlabel="participants", ylabel="power", ylim=(0, 1.02))
    ax.legend()
    if len(table):
        ax.set_title(f"A difference of {100 * table['difference'].iloc[0]:+g} points, test: {table['test'].iloc[0]}")
    return ax


def save_power(table: pd.DataFrame, folder: Path) -> None:
    """Write the figure of `power` as FOLDER/power.png and FOLDER/power.svg."""
    with style.typography():
        figure = Figure(figsize=(4.5, 3.2), layout="constrained")
        power(table, figure.add_subplot())
    style.save(figure, folder, "power")
