"""Run many real builds fast: parse the project once, then fork a process for each.

    python build_server.py SOCKET PROJECT SETTINGS

Whoever connects to the socket sends one line of JSON, a `Request`, and gets a build in
a process and session of its own: what ``dbt build`` does once it has imported and
parsed. That process answers with lines of JSON: its id first, last whether it
succeeded and, if asked to pause, in between where it stands, waiting each time for a
line before it goes on: before each node, before each statement that dbt executes, and
after each node. A build that was killed just ends.

The process that forks opens no database, which forks would share.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

# What dbt and the models import when they run, imported once for all builds.
import babel.dates
import dbt.adapters.duckdb.environments.local
import dbt.task.build
import dbt.task.docs
import dbt.task.runnable
import faster_dbt
import kneed
import pyarrow.pandas_compat
import scipy.cluster.hierarchy
import scipy.stats
import sklearn.cluster
import sklearn.mixture
import sklearn.tree
import vl_convert
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_common.invocation import get_invocation_id

import mall_segments.clustering.algorithms
import mall_segments.clustering.components
import mall_segments.clustering.rules
import mall_segments.intake.dbt_plugin
import mall_segments.clustering.exploration
import mall_segments.intake.preflight
import mall_segments.publishing.previous
import mall_segments.publishing.publish
import mall_segments.report.page
import mall_segments.report.pictures
import mall_segments.report.reading
import mall_segments.clustering.segments

IMPORTED: tuple[ModuleType, ...] = (
    *(babel.dates, dbt.adapters.duckdb.environments.local, dbt.task.build),
    *(dbt.task.docs, dbt.task.runnable, kneed, pyarrow.pandas_compat),
    *(scipy.cluster.hierarchy, scipy.stats, sklearn.cluster, sklearn.mixture),
    *(sklearn.tree, vl_convert),
    *(mall_segments.clustering.algorithms, mall_segments.clustering.components),
    *(mall_segments.clustering.rules, mall_segments.intake.dbt_plugin),
    *(mall_segments.clustering.exploration, mall_segments.intake.preflight, mall_segments.publishing.previous),
    *(mall_segments.publishing.publish, mall_segments.report.page),
    *(mall_segments.report.pictures, mall_segments.report.reading),
    mall_segments.clustering.segments,
)

MOMENTS = {"NodeStart": "before", "SQLQuery": "during", "NodeFinished": "after"}


class Request(TypedDict):
    """What to build.

    ``arguments`` are added to ``dbt build``. ``changes`` maps the unique id of a node
    to what is different in it, for this build only: attributes, by name. ``without``
    lists the unique ids of tests that this project has not, so that publishing does
    not ask for them. ``customers`` is another customer file than that of the settings,
    or null.
    """

    home: str
    customers: str | None
    artefacts: str
    arguments: list[str]
    output: str
    pauses: bool
    changes: dict[str, dict[str, Any]]
    without: list[str]


def parse(project: Path, settings: str) -> tuple[Manifest, str]:
    """Parse the project, once for all builds; answer what dbt wrote about it, too."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MALL_SEGMENTS_HOME"] = folder
        result = dbtRunner().invoke(
            [
                *("--quiet", "--log-path", folder),
                *("parse", "--target-path", folder, "--vars", settings),
                *("--project-dir", str(project), "--profiles-dir", str(project)),
            ]
        )
        if Path(folder, "warehouse").exists():
            raise AssertionError("parsing opened the database, so forks would share it")
        if not isinstance(result.result, Manifest):
            raise TypeError(f"dbt could not parse the project: {result.exception}")
        return result.result, Path(folder, "manifest.json").read_text("utf-8")


def adapt(manifest: Manifest, request: Request) -> None:
    """Move the parsed project to another home, and change what is to be changed."""
    for node in manifest.nodes.values():
        if "home" in node.config.meta:
            node.config.meta["home"] = request["home"]
            if request["customers"]:
                node.config.meta["customers_path"] = request["customers"]
    for unique_id, attributes in request["changes"].items():
        for name, value in attributes.items():
            setattr(manifest.nodes[unique_id], name, value)
    for unique_id in request["without"]:
        del manifest.nodes[unique_id]
        del manifest.flat_graph["nodes"][unique_id]


def writing(
    written: str, manifest: Manifest, target: Path
) -> Callable[[EventMsg], None]:
    """Make the callback that writes the manifest, as dbt does after it has parsed."""

    def write(event: EventMsg) -> None:
        if event.info.name == "MainReportVersion":
            target.mkdir(exist_ok=True)
            text = written.replace(
                manifest.metadata.invocation_id or "", get_invocation_id()
            )
            (target / "manifest.json").write_text(text, "utf-8")

    return write


def pausing(
    say: Callable[[object], None], wait: Callable[[], object]
) -> Callable[[EventMsg], None]:
    """Make the callback that reports where the build stands, and waits there."""

    def pause(event: EventMsg) -> None:
        moment = MOMENTS.get(event.info.name)
        if moment and event.data.node_info.unique_id:
            say([moment, event.data.node_info.unique_id])
            wait()

    return pause


def build(
    connection: socket.socket,
    manifest: Manifest,
    written: str,
    project: Path,
    settings: str,
) -> None:
    """Build what is asked for over the connection; never returns."""
    os.setsid()
    gc.disable()  # It ends within seconds.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel = connection.makefile("rw", encoding="utf-8")

    def say(message: object) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    say(os.getpid())
    request: Request = json.loads(channel.readline())
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.environ["MALL_SEGMENTS_HOME"] = request["home"]
    adapt(manifest, request)
    if request["customers"]:
        settings = json.dumps(
            json.loads(settings) | {"customers_path": request["customers"]}
        )
    callbacks = [writing(written, manifest, Path(request["artefacts"]))]
    if request["pauses"]:
        faster_dbt.Heard.names = frozenset(MOMENTS)
        callbacks.append(pausing(say, channel.readline))
    result = dbtRunner(manifest, callbacks).invoke(
        [
            *("--no-use-colors", "--log-level-file", "none"),
            # One node after the other, so that a build stands at one stop.
            *("build", "--threads", "1", "--target-path", request["artefacts"]),
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--vars", settings, *request["arguments"]),
        ]
    )
    sys.stdout.flush()
    say({"succeeded": result.success})
    # As dbt does at its end. To unload libraries, too, would take a second.
    DuckDBConnectionManager.close_all_connections()
    os._exit(0)


def serve(path: str, project: Path, settings: str) -> None:
    """Fork a build for everyone who connects, until terminated."""
    manifest, written = parse(project, settings)
    faster_dbt.prepare(manifest)
    mall_segments.report.page.page_template()
    # A build writes what was parsed when it begins; nobody reads it once more.
    vars(dbt.task.runnable)["write_manifest"] = lambda *_: None
    # Collecting garbage in a fork shall not copy what all of them share.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for the builds.
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                build(connection, manifest, written, project, settings)
            connection.close()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
