"""The tables of people are those that writing all sessions would give, whatever was written before and however."""

import logging
import shutil
import threading
import time

from sqlalchemy import select, update

from exemplum.server.sessions import steps
from exemplum.server.storage.publication import FILE, publish
from exemplum.server.storage.schema import Participant, SessionRow
from exemplum.server.storage.tables import FILES
from server.conftest import ON_SQLITE, stop
from server.test_experimenter import let_in, press, session_page
from server.walk import Walker

NAMES = list(FILES)


def tables(folder):
    return {name: (folder / "responses" / name).read_bytes() for name in NAMES}


def labels(experiment):
    return [FILES[name][0].read(experiment.study.stage("responses") / name)["participant"].unique().tolist()
            for name in ("people.parquet", "sessions/people.parquet")]  # fmt: skip


def in_full(experiment):
    """The tables as a server writes them that has written none before."""
    folder = experiment.study.folder
    (folder / FILE).unlink()
    shutil.rmtree(folder / "responses")
    publish(experiment)
    return tables(folder)


def published(experiment):
    publish(experiment)
    return tables(experiment.study.folder)


def entered(client, people):
    walkers = [Walker(client, PROLIFIC_PID=f"person-{number}") for number in range(people)]
    for walker in walkers:
        walker.start()
    return walkers


def test_tables_that_grow_are_those_written_in_full(serve, tmp_path):
    """Sessions that end in another order than they began, one that withdraws, and a group that is corrected."""
    client = let_in(serve('[server]\ngroups = "question"\nintuitiveness = ["before"]\n'))
    experiment = client.experiment
    first, second, third = entered(client, 3)
    for walker in (second, first, third):
        walker.walk()
        made, folder = published(experiment), tmp_path / walker.key
        shutil.copytree(experiment.study.folder / "responses", folder)
        stamp = (experiment.study.folder / FILE).read_bytes()
        assert made == in_full(experiment)
        shutil.rmtree(experiment.study.folder / "responses")  # go on from what grew
        folder.rename(experiment.study.folder / "responses")
        (experiment.study.folder / FILE).write_bytes(stamp)
    assert labels(experiment) == [["P0001", "P0002", "P0003"]] * 2
    assert press(client, f"{session_page(client, 'P0002')}/withdraw", sure="yes").status_code == 200
    experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(Participant).where(Participant.id == 3).values(group="corrected"))
    )
    made = published(experiment)
    assert labels(experiment) == [["P0001", "P0003"]] * 2
    assert made == in_full(experiment)


@ON_SQLITE
def test_each_session_is_made_once_and_all_again_where_files_are_not_as_written(serve, study_folder, caplog):
    """After `kill -9` some files are new, some old, and the record of what they hold is old."""
    caplog.set_level(logging.INFO, "exemplum.server")
    client = serve(folder=study_folder(""))
    experiment, folder = client.experiment, client.experiment.study.folder / "responses"
    made = lambda: [record.made for record in caplog.records if hasattr(record, "made")]  # noqa: E731
    record, first, second = experiment.study.folder / FILE, *entered(client, 2)
    first.walk()
    old, earlier = published(experiment), record.read_bytes()
    second.walk()
    new, stamp = published(experiment), record.read_bytes()
    assert made() == [1, 1]
    stop(client)
    client = serve(folder=experiment.study.folder)
    experiment = client.experiment
    written = [(folder / name).stat().st_mtime_ns for name in NAMES]
    assert publish(experiment) == 2
    assert [(folder / name).stat().st_mtime_ns for name in NAMES] == written
    states = [({name: (new if n <= last else old)[name] for n, name in enumerate(NAMES)}, earlier) for last in range(3)]
    states += [(new | {"people.parquet": old["people.parquet"]}, stamp), (new, b"{")]
    for files, said in states:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        record.write_bytes(said)
        assert published(experiment) == new
    (folder / NAMES[1]).unlink()
    assert published(experiment) == new
    assert made() == [1, 1] + [2] * 6


@ON_SQLITE
def test_a_session_that_is_being_committed_is_waited_for(serve):
    """Its job says that it ended, and is committed later: who asks in between must not miss it until the next one."""
    client = serve()
    experiment = client.experiment
    (walker,) = entered(client, 1)
    walker.walk(until=lambda step: step["kind"] == "debrief")
    said = threading.Event()

    def end(orm):
        steps.finish(orm, experiment, orm.scalar(select(SessionRow)))
        said.set()
        time.sleep(0.1)

    ending = threading.Thread(target=experiment.database.writer.submit_sync, args=(end,))
    ending.start()
    said.wait()
    assert publish(experiment) == 1
    ending.join()
