"""Run the server until it is stopped: one process, or several on one socket."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from exemplum.errors import STOPPED, UserError
from exemplum.server.experiment import Experiment, Settings
from exemplum.server.http.middleware import configure
from exemplum.server.http.studies import (
    ENVIRONMENT,
    RESERVED,
    create_server,
    in_environment,
    opened,
    overview_token,
    settings_of,
)
from exemplum.server.panels.links import base_of
from exemplum.server.sessions.entry import link_codes

# for running requests when the server is stopped; the tables are written after them, and `docker stop` kills after 10 s
GRACE_S = 5
STOPPING = "stopping already: what was acknowledged is saved, and the tables in responses/ are being completed"


def run(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    others: Sequence[Path] = (),
    address: str = "",
    workers: int = 1,
    behind_proxy: bool = False,
) -> None:
    """Serve a study; returns when stopped (Ctrl-C, SIGTERM), with every acknowledged answer stored.

    `address` is the server's public address, if not http://host:port. Several `workers` need PostgreSQL. `others` are
    the folders of further studies, served with the same settings: then each is below a path of its own.
    Raises UserError for a port in use, a study without a design, a database that cannot be opened, another address.
    """
    if workers > 1 and not settings.database.startswith("postgres"):
        raise UserError("several workers need a PostgreSQL database, postgresql://USER:PASSWORD@HOST/NAME")
    public = base_of(address) if address else ""
    bound = bind(host, port)
    settings = replace(settings, address=public or f"http://{_spoken(host)}:{bound.getsockname()[1]}")
    by_name = settings_of(settings, [settings.folder, *others])
    with opened(by_name) as experiments:
        print("\n".join(_said(experiments, settings.address)), flush=True)
        configure(settings.log_level)
        common: dict[str, Any] = {
            "http": "exemplum.server.http.middleware:TimedHttpProtocol", "ws": "none",
            "log_config": None, "access_log": False, "server_header": False, "timeout_keep_alive": 30,
            "timeout_graceful_shutdown": GRACE_S, "forwarded_allow_ips": "*" if behind_proxy else "127.0.0.1",
        }  # fmt: skip
        if workers == 1:
            PatientServer(uvicorn.Config(create_server(experiments), **common)).run(sockets=[bound])
            return
    for experiment in experiments.values():
        experiment.close()
    port = bound.getsockname()[1]
    bound.close()
    os.environ[ENVIRONMENT] = in_environment(by_name)
    uvicorn.run(
        "exemplum.server.http.studies:from_environment", factory=True, workers=workers, host=host, port=port, **common
    )
    _say(STOPPED)


class PatientServer(uvicorn.Server):
    """uvicorn's server, which a second Ctrl-C or SIGTERM makes stop waiting for running requests, and nothing else.

    uvicorn itself would then leave out the end of the application, and print a stack trace.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
            _say(STOPPING)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # where it has ended already this returns at once
            await self.lifespan.shutdown()
        if signal.SIGTERM in self._captured_signals:  # it ends the process in a moment; of Ctrl-C the command says so
            _say(STOPPED)


def _say(line: str) -> None:
    """Print to standard error, also from a handler of signals that interrupts another line."""
    os.write(2, f"{line}\n".encode())


def _said(experiments: Mapping[str, Experiment], base: str) -> list[str]:
    """What `exemplum serve` prints, one line each."""
    if len(experiments) == 1:
        ((name, experiment),) = experiments.items()
        also = [] if name.lower() in RESERVED else [f"also at        {base}/{name}/   (where it stays beside others)"]
        return [*links(experiment, base), *also]
    lines = [f"all studies    {base}/experimenter?token={overview_token(experiments)}   (keep this one secret)"]
    for name, experiment in experiments.items():
        lines += ["", name, *links(experiment, experiment.settings.address)]
    return lines


def links(experiment: Experiment, base: str) -> list[str]:
    """The links and places of one study that `exemplum serve` prints, one per line."""
    lines = [f"participants   {base}/"] if experiment.config.groups != "link" or experiment.settings.lab else []
    lines += [f"{name:<14} {base}/?link={code}" for name, code in link_codes(experiment).items()]
    where = experiment.database.shown
    return [
        *([f"rehearsal      {experiment.stamp}"] if experiment.stamp else []),
        *lines,
        f"experimenter   {base}/experimenter?token={experiment.token}   (keep this one secret)",
        f"data           {where}, and responses of finished sessions in {experiment.study.stage('responses')}",
        *([f"lab mode       type participant numbers; schedules 1 to {len(experiment.design.sessions)}"]
          if experiment.settings.lab else []),
        *(["pilot          everything is marked as pilot data"] if experiment.settings.pilot else []),
    ]  # fmt: skip


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UserError if the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UserError(f"cannot listen on {host}:{port} ({error.strerror}); choose another port or host") from error
    bound.listen(1024)
    bound.set_inheritable(True)
    return bound


def _spoken(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
