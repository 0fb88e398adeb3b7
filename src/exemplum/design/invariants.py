"""Invariants of every design. Each is a function that yields a message for every violation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from scipy.special import bdtrc

from exemplum.design.balance import INTERLEAVED, by, mains
from exemplum.design.counterbalancing import STRATEGIES
from exemplum.design.plan import Plan, Sizes, plan
from exemplum.design.stimuli import DesignError, Pictures
from exemplum.protocols import protocol as protocol_named
from exemplum.queries import split_queries
from exemplum.records import NONE, Design, Pole, Trial, TrialKind

FALSE_ALARM = 1e-6  # largest share of fairly drawn designs that `sides_cannot_be_counted` refuses

Invariant = Callable[[Design, Plan, Pictures], Iterator[str]]


def check(
    design: Design,
    units: pd.DataFrame,
    stimuli: pd.DataFrame,
    *,
    queries: pd.DataFrame | None = None,
    baseline: str = "natural",
    methods: Sequence[str] | None = None,
    practice: int | None = None,
    blocks: int | None = None,
    catch: int | None = None,
    repeated: int | None = None,
    main: int | None = None,
    between: Sequence[str] | None = None,
) -> None:
    """Check a design against its protocol, units (STUDY_UNITS) and stimuli (STIMULI); all others as given to `make`.

    Raises DesignError naming every violated invariant with its first violation.
    """
    pictures = Pictures(*(split_queries(stimuli) if queries is None else (stimuli, queries)), baseline)
    asked = Sizes(practice, blocks, catch, repeated, main, between)
    planned = plan(protocol_named(design.protocol), units, pictures, len(design.sessions), methods, asked)
    check_plan(design, planned, pictures)


def check_plan(design: Design, plan: Plan, pictures: Pictures) -> None:
    """Check a design against its plan. Raises DesignError if an invariant is violated."""
    broken = []
    for invariant in COMMON + (BLOCKED if plan.interleaving is None else INTERLEAVED):
        if faults := list(invariant(design, plan, pictures)):
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            broken.append(f"{name(invariant)}: {faults[0]}{more}")
    if broken:
        raise DesignError(f"the design violates its invariants: {'; '.join(broken)}")


def name(invariant: Invariant) -> str:
    return getattr(invariant, "__name__", str(invariant)).replace("_", " ")


def trial_ids_are_unique(design: Design, _plan: Plan, _pictures: Pictures) -> Iterator[str]:
    for trial_id, count in Counter(trial.trial_id for trial in design.trials).items():
        if count > 1:
            yield f"{trial_id} names {count} trials"


def trials_are_numbered_consecutively(design: Design, _plan: Plan, _pictures: Pictures) -> Iterator[str]:
    for session in design.sessions:
        if [block.block for block in session.blocks] != list(range(len(session.blocks))):
            yield f"blocks of participant {session.participant} are not numbered from 0"
        if [trial.index for trial in session.trials] != list(range(len(session.trials))):
            yield f"trials of participant {session.participant} are not numbered from 0"
        for block in session.blocks:
            for trial in block.trials:
                if (trial.participant, trial.block) != (session.participant, block.block):
                    yield f"{trial.trial_id} names a participant or block other than its own"


def counts_are_those_of_the_protocol(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    if len(design.sessions) != plan.participants:
        yield f"{len(design.sessions)} sessions, expected {plan.participants}"
    for session in design.sessions:
        expected = _expected_counts(plan, session.participant)
        found = Counter((trial.kind.value, trial.condition) for trial in session.trials)
        for block in session.blocks:
            found[TrialKind.REPEATED.value, block.condition] += block.repeats
        for key in sorted(set(found) | set(expected)):
            if found[key] != expected[key]:
                kind, condition = key
                who = f"participant {session.participant}"
                yield f"{who} has {found[key]} {kind} trials of {condition}, expected {expected[key]}"


def _expected_counts(plan: Plan, participant: int) -> Counter[tuple[str, str]]:
    counts = Counter[tuple[str, str]]()
    sizes = [len(plan.units(scheme, participant)) for scheme in range(len(plan.schemes))]
    for condition in plan.conditions:
        without = condition == NONE
        counts["practice", condition] = plan.practice * (1 if without else len(sizes))
        counts["main", condition] = sizes[0] if without else sum(sizes)
        counts["catch", condition] = 0 if without else plan.catch * plan.blocks * len(sizes)
        counts["repeated", condition] = plan.repeated
    return counts


def sides_cannot_be_counted(design: Design, _plan: Plan, _pictures: Pictures) -> Iterator[str]:
    """No strategy does better or worse, over all participants, than chance with fair coin tosses allows."""
    sessions = [session.trials for session in design.sessions]
    trials = sum(map(len, sessions))
    for strategy in STRATEGIES:
        right = strategy.right(sessions)
        p = 2 * bdtrc(max(right, trials - right) - 1, trials, 0.5)
        if p < FALSE_ALARM / len(STRATEGIES):
            yield (
                f"the strategy {strategy.name!r} is right in {right} of {trials} trials without looking (p = {p:.0e} "
                f"for a fair coin); draw the sides of trials by fair coin tosses"
            )


def every_unit_appears_once_per_condition(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    places = {scheme.name: place for place, scheme in enumerate(plan.schemes)} | {"": 0}
    for session in design.sessions:
        for (condition, scheme), trials in by(mains(session), lambda t: (t.condition, t.scheme)).items():
            wanted = Counter(unit.unit for unit in plan.units(places.get(scheme, 0), session.participant))
            found = Counter(trial.unit.unit for trial in trials)
            for unit in sorted(set(wanted) | set(found)):
                if found[unit] != wanted[unit]:
                    where = f"{condition} {scheme}".strip()
                    who = f"participant {session.participant}"
                    yield f"{who} sees {unit} {found[unit]} times in {where}, expected {wanted[unit]}"


def queries_are_not_references(design: Design, _plan: Plan, _pictures: Pictures) -> Iterator[str]:
    for trial in design.trials:
        if trial.query_max == trial.query_min:
            yield f"{trial.trial_id} asks to choose between {trial.query_max} and itself"
        if trial.kind is TrialKind.CATCH:
            continue
        for query in (trial.query_max, trial.query_min):
            if query in set(trial.references):
                yield f"{trial.trial_id} shows {query} as query and reference"


def catch_queries_are_shown_references(design: Design, plan: Plan, pictures: Pictures) -> Iterator[str]:
    schemes = {scheme.name: scheme for scheme in plan.schemes}
    for trial in design.trials:
        if trial.kind is not TrialKind.CATCH or trial.scheme not in schemes:
            continue
        pairs = ((Pole.MAX, trial.query_max, trial.references.max), (Pole.MIN, trial.query_min, trial.references.min))
        for pole, query, shown in pairs:
            k = schemes[trial.scheme].references
            images = shown or pictures.explanations(trial.condition, trial.unit.unit, pole, k, trial.batch)
            if images and query not in images:
                yield f"{trial.trial_id} has the {pole} query {query}, which is not a {pole} reference"


def no_two_images_of_a_group_appear_together(design: Design, _plan: Plan, pictures: Pictures) -> Iterator[str]:
    for trial in design.trials:
        pair = (trial.query_max, trial.query_min)
        shown = dict.fromkeys((*(pair[:1] if pair in pictures.copies_of_one else pair), *trial.references))
        groups: dict[str, list[str]] = defaultdict(list)
        for path in shown:
            if group := pictures.groups.get(path):
                groups[group].append(path)
        for group, (first, *others) in groups.items():
            if others:
                yield (
                    f"{trial.trial_id} ({trial.unit.unit}, method {trial.condition}) shows {len(others) + 1} images of "
                    f"group {group}, of near-duplicates, {first} and {others[0]}; in your own method make each "
                    f"picture from another one of request.exemplars"
                )


def references_are_those_of_the_scheme(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    schemes = {scheme.name: scheme for scheme in plan.schemes}
    for trial in design.trials:
        scheme = schemes.get(trial.scheme)
        if (trial.condition == NONE) != (scheme is None) or (scheme is None and set(trial.references)):
            yield f"{trial.trial_id} of {trial.condition} has scheme {trial.scheme!r}"
        elif scheme is not None:
            for pole, shown in ((Pole.MAX, trial.references.max), (Pole.MIN, trial.references.min)):
                owed = scheme.references if pole in scheme.poles else 0
                if len(set(shown)) != len(shown) or len(shown) != owed:
                    found = f"{trial.trial_id} shows {len(shown)} {pole} references"
                    yield f"{found}; {scheme.name} shows {owed} different ones"


def images_are_stimuli_of_their_pole(design: Design, _plan: Plan, pictures: Pictures) -> Iterator[str]:
    for trial in design.trials:
        unit, method = str(trial.unit.unit), trial.condition
        for path, pole in ((trial.query_max, Pole.MAX), (trial.query_min, Pole.MIN)):
            shown = trial.kind is TrialKind.CATCH and (unit, path, pole.value, method) in pictures.known
            if not shown and (unit, path, pole.value) not in pictures.asked:
                yield f"{trial.trial_id}: {path} is not a {pole} query of {unit}"
        images = [(path, Pole.MAX) for path in trial.references.max]
        images += [(path, Pole.MIN) for path in trial.references.min]
        for path, pole in images:
            if (unit, path, pole.value, method) not in pictures.known:
                yield f"{trial.trial_id}: {path} is not a {pole} stimulus of {unit} for {method}"


def no_batch_appears_in_two_conditions(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    if len(plan.batches) < len(plan.conditions):
        return  # the notes say so
    for session in design.sessions:
        for batch, trials in by(mains(session), lambda t: t.batch).items():
            if len(conditions := sorted({trial.condition for trial in trials})) > 1:
                yield f"participant {session.participant} sees batch {batch} in {' and '.join(conditions)}"


def batches_are_used_evenly(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    """No two participants have a batch in the same condition, scheme and set of units while another is free."""
    used: dict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
    for session in design.sessions:
        for key in sorted({(t.condition, t.scheme, _set(t, plan), t.batch) for t in mains(session)}):
            used[key[:3]][key[3]] += 1
    for (condition, scheme, _), counts in used.items():
        times = {batch: counts[batch] for batch in plan.batches}
        if foreign := sorted(set(counts) - set(times)):
            yield f"main trials of {condition} show batch {foreign[0]}, which is reserved for practice and catch trials"
        elif max(times.values()) - min(times.values()) > 1:
            often, free = max(times, key=times.__getitem__), min(times, key=times.__getitem__)
            where = f"{condition} {scheme}".strip()
            yield f"{times[often]} participants have batch {often} in {where} while {times[free]} have batch {free}"


def orders_are_counterbalanced(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    first = Counter(dict.fromkeys(plan.methods, 0))
    schemes = Counter({tuple(plan.schemes[place].name for place in order): 0 for order in plan.scheme_orders})
    for session in design.sessions:
        explained = [trial for trial in mains(session) if trial.condition != NONE]
        first.update(trial.condition for trial in explained[:1])
        schemes[tuple(dict.fromkeys(trial.scheme for trial in explained))] += 1
    if first and max(first.values()) - min(first.values()) > plan.protocol.order_every:
        yield f"participants who begin with each condition: {dict(first)}"
    most = Counter(tuple(plan.schemes[place].name for place in order) for order in plan.scheme_orders)
    each = {order: count / most[order] for order, count in schemes.items() if order in most}
    if plan.methods and (set(schemes) != set(most) or max(each.values()) - min(each.values()) > 1):
        yield f"participants by order of schemes: { {', '.join(order): count for order, count in schemes.items()} }"


COMMON: tuple[Invariant, ...] = (
    trial_ids_are_unique,
    trials_are_numbered_consecutively,
    sides_cannot_be_counted,
    queries_are_not_references,
    catch_queries_are_shown_references,
    no_two_images_of_a_group_appear_together,
    references_are_those_of_the_scheme,
    images_are_stimuli_of_their_pole,
)
BLOCKED: tuple[Invariant, ...] = (
    counts_are_those_of_the_protocol,
    every_unit_appears_once_per_condition,
    no_batch_appears_in_two_conditions,
    batches_are_used_evenly,
    orders_are_counterbalanced,
)
INVARIANTS = COMMON + BLOCKED + INTERLEAVED


def _set(trial: Trial, plan: Plan) -> str:
    return trial.unit.stimulus_set if len(plan.sets) > 1 else ""
