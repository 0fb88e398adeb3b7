"""The pipeline: run stages in order, decide which are stale, and continue forced runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from exemplum import store
from exemplum.errors import UserError, did_you_mean
from exemplum.runtime import console, styled
from exemplum.study import blinding, freezing, locks, stamped
from exemplum.study.blinding import Status
from exemplum.study.folder import STAGES, Study, read_identity


def _nothing(_study: Study) -> None:
    """The default of `check`, `check_names` and `forget` of a stage."""


def _no_estimate(_study: Study) -> str:
    """The default of a stage that takes no long time."""
    return ""


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline. Its package defines it as STAGE in the module `stage`."""

    name: str  # also the name of its folder in the study
    fingerprint: Callable[[Study], str]  # a hash of everything that the result depends on
    run: Callable[[Study], dict[str, Any]]  # does the work, and returns a summary
    check_names: Callable[[Study], None] = _nothing  # the part of `check` that needs no network
    check: Callable[[Study], None] = _nothing  # raises UserError if study.toml is wrong, before any work
    forget: Callable[[Study], None] = _nothing  # discards what a forced run must not reuse
    version: int | None = None  # of the code; a new version makes earlier results stale
    estimate: Callable[[Study], str] = _no_estimate  # how long it will take, in words; empty: not long
    needs: Callable[[Study], Sequence[str]] | None = None  # the stages that it rests on; None: all before it


# Imported late and by name: these packages import `study`, never the reverse, and design and analysis need no torch.
MODULES = {
    "index": "exemplum.index.stage",
    "queries": "exemplum.queries.stage",
    "explanations": "exemplum.explanations.stage",
    "design": "exemplum.design.stage",
    "responses": "exemplum.observers.stage",
    "scores": "exemplum.scores.stage",
    "analysis": "exemplum.analysis.stage",
    "report": "exemplum.report.stage",
}
WITHOUT_TORCH = ("design",)  # their `check` needs no network, and imports nothing slow
NEED_TORCH = (
    "index",
    "queries",
    "explanations",
    "responses",
    "scores",
)  # their fingerprints do (of observers only that of `similarity`)


ESTIMATED = ("index", "explanations")  # the stages that may take hours


def stage(name: str) -> Stage:
    """The stage of this name; imports its package."""
    found: Stage = import_module(MODULES[name]).STAGE
    return found


def stages(study: Study) -> tuple[str, ...]:
    """The stages of this study: one made from finished stimuli has no index, and its queries are among the stimuli.

    Scores are made only if study.toml has a section [scores], or by their own command. A stamped copy of a study has
    only its analysis and report.
    """
    if stamped.kind_of(study.folder):
        return stamped.STAGES
    found = STAGES[2:] if study.config.stimuli else STAGES
    has_scores = "scores" in study.config.model_fields_set
    return found if has_scores else tuple(name for name in found if name != "scores")


def run(study: Study, only: Iterable[str] | None = None, force: bool = False) -> None:
    """Run all stale stages in order, or only those of `only`; with `force` also those that are up to date.

    A forced run that was stopped continues in the next run, forced or not. Raises FrozenError if people have answered
    and something frozen has changed (exemplum.study.freezing), UserError if another command is running on the study.
    """
    chosen = list(stages(study) if only is None else only)
    frozen = refuse(study, chosen, force)
    with locks.alone(study.folder):
        store.remove_leftovers(study.folder, below=False)
        read_identity(study.folder)  # gives an older folder an id
        if force:
            ask_for_force(study, chosen)
        _say_estimates(study, [name for name in ESTIMATED if name in chosen and not frozen])
        for name in chosen:
            if frozen and name in freezing.STAGES:
                _keep_stage(study, name, frozen)
            else:
                _run_stage(study, name)


def run_by_name(study: Study, stage: str | None, force: bool, unblind: str | None, database: str) -> Study:
    """Run a stage and those that it needs, or all stages; return the study, unblinded if that was asked for.

    Raises UserError if there is no such stage.
    """
    if stage is not None and stage not in stages(study):
        raise UserError(f"there is no stage {stage!r}{did_you_mean(stage, stages(study))}")
    chosen = None if stage is None else [stage]
    if stage in (None, "analysis", "report"):
        study = blinding.look(study, unblind, database, before=lambda looked: refuse(looked, chosen, force))
    if stage is None:
        run(study, force=force)
    else:
        run_stage(study, stage, force)
    return study


def run_stage(study: Study, stage: str, force: bool) -> None:
    """Run the stages that a stage needs, if they are stale, and then the stage."""
    needed = before(study, stage)
    check(study, [*needed, stage])
    with locks.alone(study.folder):  # for both runs, so that no other command runs in between
        run(study, needed)
        run(study, [stage], force)


def refuse(study: Study, only: Iterable[str] | None = None, force: bool = False) -> Status | None:
    """Raise, before any work, what `run` would raise about study.toml and frozen parts; return the status if frozen."""
    chosen = list(stages(study) if only is None else only)
    frozen = freezing.frozen_by(study)
    if force:
        _refuse_force(study, frozen, chosen)
    check(study, chosen)
    return frozen


def before(study: Study, stage: str) -> list[str]:
    """The stages that must run before a stage, without those that are kept as they are.

    Kept are frozen stages, and where torch is not installed, finished stages that need it.
    """
    needed = [name for name in stages(study) if STAGES.index(name) < STAGES.index(stage)]
    if (rests_on := _stage_needs(study, stage)) is not None:
        needed = [name for name in needed if name in rests_on]
    if any(name in freezing.STAGES for name in needed) and stage not in freezing.STAGES and freezing.frozen_by(study):
        console.print(styled(("index, queries, explanations, design: kept, as people saw them", "dim")))
        needed = [name for name in needed if name not in freezing.STAGES]
    if kept := _uncheckable_without_torch(study, needed):
        told = f"{', '.join(kept)}: kept as they are; whether they are up to date cannot be checked without torch"
        console.print(styled((told, "dim")))
    return [name for name in needed if name not in kept]


def _stage_needs(study: Study, name: str) -> Sequence[str] | None:
    found = stage(name)
    return None if found.needs is None else found.needs(study)


def check(study: Study, names: Iterable[str] | None = None) -> None:
    """Raise UserError, before any work, if these stages (all if not given) would refuse study.toml.

    The server's settings are checked as well, although the server runs last.
    """
    chosen = list(stages(study) if names is None else names)
    stamped.refuse_stages(study, chosen)
    if "server" in study.config.model_fields_set or (study.folder / "texts").exists():
        import_module("exemplum.server.experiment").check(study)
    # fast checks first: names of methods need torch to be imported, and names of layers need a network to be run
    early = [name for name in chosen if name in WITHOUT_TORCH]
    for name in early:
        stage(name).check(study)
    late = [name for name in chosen if name not in early]
    for name in late:  # one after the other, since importing a stage may take seconds
        stage(name).check_names(study)
    for name in late:
        stage(name).check(study)


def _uncheckable_without_torch(study: Study, names: Iterable[str]) -> list[str]:
    """Finished stages that cannot be checked here, since their fingerprints need torch and it is not installed."""
    if find_spec("torch") is not None:
        return []
    # a study of an earlier version has its queries among the explanations
    finished = {name for name in STAGES if study.record("explanations" if name == "queries" else name)}
    return [name for name in names if name in NEED_TORCH and name in finished]


def _say_estimates(study: Study, names: Iterable[str]) -> None:
    """Say how long those of these stages that are stale will take."""
    for found in map(stage, names):
        stale = is_forced(study, found.name) or not study.is_current(found.name, found.fingerprint(study))
        if stale and (said := found.estimate(study)):
            console.print(styled((f"{found.name}: {said}", "dim")))


def _run_stage(study: Study, name: str) -> None:
    found = stage(name)
    fingerprint = found.fingerprint(study)
    forced = is_forced(study, name)
    if not forced and study.is_current(name, fingerprint):
        console.print(styled((f"{name}: up to date", "dim")))
        return
    freezing.refuse_without_status(study, name)
    _refuse_if_served(study, name)
    store.remove_leftovers(study.stage(name))
    if forced:
        begin_forced(study, found)
    began = time.monotonic()
    summary = found.run(study)
    seconds = time.monotonic() - began
    study.finish(name, fingerprint, seconds, summary, found.version)
    forced_done(study, name)
    said = ", ".join(f"{key} {value}" for key, value in summary.items())
    console.print(styled((name, "bold green"), f": {said} ", (f"({seconds:.1f} s)", "dim")))


def _refuse_force(study: Study, frozen: Status | None, chosen: Iterable[str]) -> None:
    """Refuse to remake frozen stages, or these stages while a server runs, before anything is deleted or recorded."""
    for name in (name for name in chosen if name in freezing.STAGES):
        if frozen:
            raise freezing.FrozenError(
                f"the {name} of {study.folder} cannot be remade even with --force, since people have given "
                f"{frozen.answers} answers; leave --force out, or {freezing.way_on(study)}"
            )
        freezing.refuse_without_status(study, name)
        _refuse_if_served(study, name)


def _refuse_if_served(study: Study, name: str) -> None:
    if name in freezing.STAGES and locks.is_served(study.folder / "server"):
        raise UserError(
            f"the {name} of {study.folder} must be remade, but the study is being served; stop exemplum serve, then "
            "run this command again"
        )


def _keep_stage(study: Study, name: str, frozen: Status) -> None:
    """Keep a stage that people have answered. Raises FrozenError if it would have to be remade."""
    held = frozen.frozen["stages"].get(name)
    if held and study.record(name) is None:
        raise freezing.FrozenError(
            f"{study.stage(name) / 'record.json'} is missing, and people have given {frozen.answers} answers to this "
            f"stage; restore {study.stage(name)} from a backup"
        )
    if held is None:
        console.print(styled((f"{name}: missing, and not remade, since people have answered", "dim")))
    elif stage(name).fingerprint(study) == held["fingerprint"]:
        console.print(styled((f"{name}: up to date", "dim")))
    elif freezing.is_of_this_code(frozen.frozen, {n: stage(n).version for n in freezing.UPSTREAM[name]}):
        raise freezing.FrozenError(
            f"{name} of {study.folder}: {freezing.SOURCES[name]} changed since people answered ({frozen.answers} "
            f"answers); change it back, or {freezing.way_on(study)}"
        )
    else:
        console.print(styled((f"{name}: kept as people saw it; this version of Exemplum would remake it", "dim")))


def point_to_report(study: Study) -> None:
    console.print(f"report: {study.stage('report') / 'index.html'}", soft_wrap=True)


FORCED_FILE = "forced.json"  # asked: the stages of the command; left: stage → its state before, null if not begun
RECORD = "record.json"


def ask_for_force(study: Study, stages: Sequence[str]) -> None:
    """Mark stages to be remade. If the same stages are forced again before they are done, they continue."""
    held = _read_forced(study)
    if held["asked"] != list(stages):
        store.write_json(study.folder / FORCED_FILE, {
            "asked": list(stages), "left": dict.fromkeys(stages) | held["left"],
        })  # fmt: skip


def is_forced(study: Study, stage: str) -> bool:
    """Whether a stage must still be remade."""
    return stage in _read_forced(study)["left"]


def begin_forced(study: Study, found: Stage) -> None:
    """Delete everything that a forced stage would reuse, when it begins, but not when it continues."""
    held, name = _read_forced(study), found.name
    if held["left"][name] is None:
        remade = (study.record(name) or {}).get("remade")
        held["left"][name] = {"files": _content_hash(study.stage(name)), "remade": remade}
        found.forget(study)
        store.write_json(study.folder / FORCED_FILE, held)


def forced_done(study: Study, stage: str) -> None:
    """Finish a forced stage: if its files have changed, later stages become stale."""
    held = _read_forced(study)
    if stage not in held["left"]:
        return
    content, before = _content_hash(study.stage(stage)), held["left"].pop(stage)
    if remade := before["remade"] if content == before["files"] else content:
        store.write_json(study.stage(stage) / RECORD, (study.record(stage) or {}) | {"remade": remade})
    if held["left"]:
        store.write_json(study.folder / FORCED_FILE, held)
    else:
        (study.folder / FORCED_FILE).unlink(missing_ok=True)


def _read_forced(study: Study) -> dict[str, Any]:
    path = study.folder / FORCED_FILE
    return store.read_json(path) if path.exists() else {"asked": None, "left": {}}


def _content_hash(folder: Path) -> str:
    """A hash of a stage's files, without its record and hidden files."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.as_posix() != RECORD and not any(part.startswith(".") for part in name.parts):
            found.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
