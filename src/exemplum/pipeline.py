"""The line: which stage does what, in which order, and which are stale."""

from __future__ import annotations

import time
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from exemplum import forcing
from exemplum.progress import console, styled
from exemplum.study import STAGES, Study

# Each module has `fingerprint(study) -> str`, a hash of all that its result depends on, and
# `run(study) -> dict`, which does the work and returns a summary; some have `check(study)`, which tells a wrong name in
# study.toml before any work is done, and `forget(study)`, after which a run takes nothing on disk for made. Imported
# late: design and analysis need no torch.
MODULES = {
    "index": "exemplum.activations.stage",
    "explanations": "exemplum.explanations.stage",
    "design": "exemplum.design.stage",
    "responses": "exemplum.observers.stage",
    "analysis": "exemplum.analysis.stage",
    "report": "exemplum.report.stage",
}


def stages(study: Study) -> tuple[str, ...]:
    """The stages of this study: one made from finished stimuli has no index."""
    return STAGES[1:] if study.config.stimuli else STAGES


def run(study: Study, only: Iterable[str] | None = None, force: bool = False) -> None:
    """Do every stale stage in order, or just those of `only`; with `force` also those that are current, anew.

    A forced run that was stopped goes on in the next run, forced or not.
    """
    chosen = list(stages(study) if only is None else only)
    check(study, chosen)
    if force:
        forcing.ask(study, chosen)
    for name in chosen:
        _run_stage(study, name)


def check(study: Study, names: Iterable[str] | None = None) -> None:
    """Raise UserError, before any work, for what these stages (all if not given) would refuse in study.toml.

    What the server would refuse is told as well, since people come last.
    """
    for name in stages(study) if names is None else names:
        if of_stage := getattr(import_module(MODULES[name]), "check", None):
            of_stage(study)
    if "server" in study.config.model_fields_set or (study.folder / "texts").exists():
        import_module("exemplum.server.configuration").check(study)


def _run_stage(study: Study, name: str) -> None:
    module: ModuleType = import_module(MODULES[name])
    fingerprint = module.fingerprint(study)
    if not forcing.begin(study, name, getattr(module, "forget", None)) and study.is_current(name, fingerprint):
        console.print(styled((f"{name}: up to date", "dim")))
        return
    began = time.monotonic()
    summary = module.run(study)
    seconds = time.monotonic() - began
    study.finish(name, fingerprint, seconds, summary)
    forcing.done(study, name)
    said = ", ".join(f"{key} {value}" for key, value in summary.items())
    console.print(styled((name, "bold green"), f": {said} ", (f"({seconds:.1f} s)", "dim")))


def point_to_report(study: Study) -> None:
    console.print(f"report: {study.stage('report') / 'index.html'}")
