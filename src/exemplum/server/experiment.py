"""A running experiment: one version of a study with its database, images and secrets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exemplum import design as designs, store
from exemplum.design import texts
from exemplum.errors import UserError, did_you_mean, shown
from exemplum.protocols import protocol
from exemplum.records import Design
from exemplum.runtime import console
from exemplum.server import EXPERTISE, ServerSection
from exemplum.server.pages.images import Pictures, encode_all
from exemplum.server.sessions.forms import form_fields
from exemplum.server.sessions.schedule import Rehearsal, rehearsal
from exemplum.server.sessions.worked_examples import worked_examples
from exemplum.server.storage.database import Database, sqlite_file, sqlite_url
from exemplum.server.storage.registration import NAME, AmbiguousStudyError, real_answers, register, secret_keys
from exemplum.server.storage.schema import StudyRow, StudyVersion
from exemplum.study import ServerLock, Study, freezing, stamped, taken_back

Entering = Callable[[Session, Study, str, str, bool], StudyRow]  # gives a study's row of the database
UNSHOWN = {"recruit", "codes", "redirects", "backup", "quotas", "stalled_hours"}  # of [server]: shown to nobody
FREEZE = 1  # raise when the same study is shown in another way


@dataclass(frozen=True)
class Settings:
    """How the server is run; what the study asks is in study.toml."""

    folder: Path
    database: str = ""  # URL; SQLite in the study folder if empty
    lab: bool = False  # the experimenter types participant numbers; for this machine alone
    pilot: bool = False  # everything is marked as pilot
    limits: bool = True  # rate limits; off for load tests alone
    simulated: bool = False  # the people are simulated, in a rehearsal: they count, and are no pilots
    log_level: str = "info"
    # The server's public address. Links are made from it, never from a request's Host header, which the sender chooses.
    address: str = "http://127.0.0.1:8000"


@dataclass
class Experiment:
    """The state that all routes share. Made by `Experiment.open`, ended by `close`."""

    settings: Settings
    study: Study
    design: Design
    rehearsal: Rehearsal  # worked examples and intuitiveness items
    pictures: Pictures
    database: Database
    secret: bytes
    token: str  # of the experimenter's pages
    study_id: int
    version_id: int
    design_hash: str
    texts: dict[str, dict[str, str]]
    lock: ServerLock
    is_frozen: bool  # a participant who is not a pilot has answered
    ended: threading.Event = field(default_factory=threading.Event)  # a session ended, so responses must be published
    withdrew: threading.Event = field(
        default_factory=threading.Event
    )  # a participant withdrew, so files must be cleaned
    rewritten_to: int = 0  # audit id of the last withdrawal before SQLite's file was rewritten
    trouble: str = ""  # why responses/ is not up to date, for the experimenter; "" if it is

    @classmethod
    def open(cls, settings: Settings, design: Design | None = None) -> Experiment:
        """Read the study and open its database.

        Raises UserError: no design yet, a broken image, a database that cannot be opened or belongs to another study,
        a change in the frozen parts, another server on the same SQLite database.
        """
        study = Study.open(settings.folder)
        check(study)
        _refuse_mixture(study, settings.database)
        if stamped.kind_of(study.folder) and not settings.simulated:
            settings = replace(settings, pilot=True)  # who tries the pages of a rehearsal is no simulated person
        url = settings.database or sqlite_url(folder(study) / "experiment.sqlite")
        lock = ServerLock(folder(study), sqlite_file(url))
        try:
            with taken_back(study.folder, unless=AmbiguousStudyError):
                return cls._opened(settings, study, design or _design(study), url, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open_for_preview(cls, settings: Settings, scratch: Path) -> Experiment:
        """The study to look at, with an empty database in the folder `scratch`, beside any server of the study.

        Raises UserError: no design yet, a broken image.
        """
        study = Study.open(settings.folder)
        check(study)
        url, lock = sqlite_url(scratch / "preview.sqlite"), ServerLock(scratch, None)
        try:
            return cls._opened(settings, study, _design(study), url, lock, enter=_enter_unchecked)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(
        cls, settings: Settings, study: Study, design: Design, url: str, lock: ServerLock, enter: Entering = register
    ) -> Experiment:
        database, hashed = Database(url), design_hash(design)
        try:
            if database.migrated_from:
                console.print(f"{database.shown}: updated to this version's schema", highlight=False, soft_wrap=True)
            own = database.file is not None and database.file.resolve().is_relative_to(study.folder.resolve())
            study_id, keys = database.writer.submit_sync(
                lambda orm: (enter(orm, study, hashed, database.shown, own).id, secret_keys(orm))
            )
            said = study.config.server
            rated = said.intuitiveness_units if intuitiveness_phases(study) else 0
            with database.read() as orm:
                is_frozen = real_answers(orm, study_id) > 0
                frozen = _frozen_examples(orm, study_id, hashed) if is_frozen else None
            examples = worked_examples(study, design.trials, frozen)
            items = rehearsal(design, examples, rated, study.config.explanations.baseline)
            shown = {path for trial in design.trials for path in (*trial.references, trial.query_max, trial.query_min)}
            images = encode_all(
                study.folder, shown | items.paths, folder(study) / "images", said.image_format, said.image_quality
            )
            words = texts.load(study.folder, said.languages)
            manifest = _manifest(study, design, hashed, images, words) | {"examples": examples.as_json()}
            version_id = database.writer.submit_sync(lambda orm: _version(orm, study_id, manifest))
            # Sessions begun under an earlier version keep its images, and everything that is sent must have one length.
            with database.read() as orm:
                images = replace(images, length=_longest(orm, study_id))
        except BaseException:
            database.close()
            raise
        return cls(
            settings=settings, study=study, design=design, rehearsal=items, pictures=images, database=database,
            secret=bytes.fromhex(keys["secret"]), token=keys["experimenter"], study_id=study_id,
            version_id=version_id, design_hash=hashed, texts=words, lock=lock, is_frozen=is_frozen,
        )  # fmt: skip

    @property
    def config(self) -> ServerSection:
        return self.study.config.server

    @property
    def stamp(self) -> str:
        """What the pages say if the study is a rehearsal; "" for any other study."""
        return stamped.notice(self.study)

    def form_fields(self) -> list[dict[str, Any]]:
        return form_fields(self.config)

    def close(self) -> None:
        self.database.close()
        self.lock.release()


def _refuse_mixture(study: Study, database: str) -> None:
    """Keep the answers of a rehearsal in its own database, and all others out of it."""
    kind, file = stamped.kind_of(study.folder), sqlite_file(database) if database else None
    if kind == stamped.PILOTS:
        raise UserError(f"{study.folder} holds the report of pilots, nothing to serve; serve the study's own folder")
    if kind and database:
        raise UserError(
            f"{study.folder} is a rehearsal, which has a database of its own; leave --database out, and unset "
            "EXEMPLUM_DATABASE"
        )
    if file and not kind and stamped.kind_of(file.resolve().parent.parent):
        raise UserError(f"{file} is the database of a rehearsal; give the study's own, or leave --database out")


def _enter_unchecked(orm: Session, study: Study, _design: str, _where: str, _own: bool) -> StudyRow:
    """The study's row in a database of its own that holds nobody."""
    row = StudyRow(uid=study.id, name=study.folder.resolve().name[:NAME])
    orm.add(row)
    orm.flush()
    return row


def folder(study: Study) -> Path:
    """Where the server keeps its database, encoded images and log in the study folder."""
    made = study.folder / "server"
    made.mkdir(parents=True, exist_ok=True)
    return made


def _design(study: Study) -> Design:
    try:
        return designs.load(study)
    except designs.DesignError:
        freezing.refuse_without_design(study)
        raise


def intuitiveness_phases(study: Study) -> tuple[str, ...]:
    said = study.config.server.intuitiveness
    return said if said is not None else protocol(study.config.design.protocol).intuitiveness


def design_hash(design: Design) -> str:
    """A hash of everything that a design shows. Measures of the queries, which earlier designs lack, show nothing."""
    as_json = asdict(design)
    for session in as_json["sessions"]:
        for block in session["blocks"]:
            for trial in block["trials"]:
                del trial["difficulty"], trial["margin"]
    return store.digest(as_json)


def _manifest(
    study: Study, design: Design, hashed: str, images: Pictures, words: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Everything that defines a study version; its digest is the version's hash."""
    return {
        "freeze": FREEZE,
        "protocol": design.protocol,
        "seed": design.seed,
        "participants": len(design.sessions),
        "design": hashed,
        "images": {
            "count": len(images.names), "side": images.side, "bytes": images.length,
            "digest": store.digest(dict(images.names)),
        },
        "server": study.config.server.model_dump(exclude=UNSHOWN),
        "exclusions": study.config.exclusions.model_dump(),
        "texts": store.digest(words),
    } | ({"stamp": kind} if (kind := stamped.kind_of(study.folder)) else {})  # fmt: skip


def _longest(orm: Session, study_id: int) -> int:
    """The longest images, in bytes, of any version of the study."""
    manifests = orm.scalars(select(StudyVersion.manifest).where(StudyVersion.study_id == study_id))
    return max(manifest["images"]["bytes"] for manifest in manifests)


def _frozen_examples(orm: Session, study_id: int, design_hash: str) -> dict[str, Any]:
    """How easy the worked examples are once people have answered: machines may answer again, people's examples stay.

    Empty for a study that was frozen before ease was kept: its examples stay those of then, too.
    """
    versions = select(StudyVersion.manifest).where(
        StudyVersion.study_id == study_id, StudyVersion.design_hash == design_hash
    )
    last = orm.scalars(versions.order_by(StudyVersion.id.desc())).first()
    return dict((last or {}).get("examples", {}))


def _version(orm: Session, study_id: int, manifest: dict[str, Any]) -> int:
    """Id of the study version of this manifest; its row is made once."""
    hashed = store.digest(manifest)
    version = orm.scalar(select(StudyVersion).where(StudyVersion.study_id == study_id, StudyVersion.hash == hashed))
    if version is None:
        version = StudyVersion(study_id=study_id, hash=hashed, design_hash=manifest["design"], manifest=manifest)
        orm.add(version)
        orm.flush()
    return version.id


FREE = ("language.", "condition.", f"field.{EXPERTISE}.option.")  # texts that studies add: languages, methods, groups

# texts of earlier versions, which a study's files may still have; no page shows them
RETIRED = ("instructions.example.solution_top", "instructions.example.solution_bottom")


def check(study: Study) -> None:
    """Raise UserError for a language without texts, a broken file of texts, and texts that no page shows."""
    said = study.config.server
    with study.setting("[server] languages"):
        texts.check_languages(study.folder, said.languages)
    shipped = texts.shipped()["en"]
    own = tuple(f"field.{field.name}." for field in said.fields)
    for path in sorted((study.folder / "texts").glob("*.toml")):
        for key in texts.read(path):
            if key not in shipped and key not in RETIRED and not key.startswith((*FREE, *own)):
                raise texts.TextsError(f"{path}: no page has a text {shown(key)}{did_you_mean(key, shipped)}")
