"""Run ``dbt build`` and say in a line per stage what it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mall_segments.commands._messages import said_by_dbt
from mall_segments.commands._progress import Heartbeat
from mall_segments.errors import MallSegmentsError
from mall_segments.home import HOME_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DBT: Final = "import sys; from dbt.cli.main import cli; sys.exit(cli())"

# The stages, the last first, and how paths of their files begin; others are described.
_DESCRIBED: Final = "described"
_STAGES: Final = {
    "published": ("python_models/publish", "snapshots"),
    _DESCRIBED: ("analyses",),
    "fitted": ("python_models",),
    "checked and prepared": ("models/intermediate",),
    "read": ("seeds", "models/staging"),
}

_RESULTS: Final = {
    f"Log{kind}Result" for kind in ("Model", "Test", "Seed", "Snapshot", "Node")
}


def run_dbt(
    home: Path,
    variables: Mapping[str, Any],
    *,
    say: Callable[[str], None],
    log_level: str | None = None,
) -> bool:
    """Run ``dbt build`` in the project of the current folder; return if it succeeded.

    A line per stage is said, and why it failed; with a log level what dbt itself says.
    """
    project = Path(os.environ.get("DBT_PROJECT_DIR", ".")).absolute()
    if not (project / "dbt_project.yml").is_file():
        raise MallSegmentsError(
            f"there is no dbt_project.yml in {project}: run this in the folder of a "
            "project"
        )
    if find_spec("dbt") is None:
        raise MallSegmentsError(
            "dbt is not installed here: `make setup` makes an environment with it"
        )
    own = {"DBT_PROFILES_DIR": str(project)}
    environment = own | os.environ | {HOME_VARIABLE: str(home)}
    command = [sys.executable, "-c", _DBT]
    if log_level:
        if sys.stdout is None or not sys.stdout.isatty():
            command.append("--no-use-colors")
        command += ["--log-level", log_level]
    else:
        command += ["--log-format", "json"]
    # YAML reads 2010-09-01 as a date, which JSON has no way to write.
    command += ["build", "--vars", json.dumps(dict(variables), default=str)]
    if log_level:
        return subprocess.run(command, env=environment, check=False).returncode == 0  # noqa: S603
    target = project / os.environ.get("DBT_TARGET_PATH", "target")
    progress = _Progress(target / "manifest.json", say)
    with (
        subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process,
        progress.heartbeat,
    ):
        try:
            for line in process.stdout or ():
                progress.hear(line.rstrip("\n"))
        except OSError:
            # Nobody can be told how it goes on.
            process.terminate()
            raise
    progress.end(succeeded=process.returncode == 0)
    return process.returncode == 0


class _Progress:
    """What dbt has done so far, from the events it writes as JSON."""

    def __init__(self, manifest: Path, say: Callable[[str], None]) -> None:
        self._manifest = manifest
        self._say = say
        self._stages: dict[str, str] = {}
        self._waiting: Counter[str] = Counter()
        self._done: dict[str, Counter[str]] = {}
        self._running: dict[str, None] = {}
        self._refusals: dict[str, None] = {}
        self._heading = ""
        self.heartbeat = Heartbeat(say, self._what_runs)

    def hear(self, line: str) -> None:
        """Take in one event; say so where it ends a stage."""
        try:
            event = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, KeyError, TypeError):
            self._tell(line)  # Not an event: what a model or plugin printed.
            return
        name = info["name"]
        node = (data.get("node_info") or {}).get("unique_id", "")
        if name == "LogStartLine":
            self._running[node] = None
        elif name in _RESULTS:
            self._finish(node, str(data.get("status", "")).lower())
        elif name == "JinjaLogInfo":
            self._tell(info["msg"].strip())
        elif name in ("RunResultFailure", "RunResultWarning"):
            self._heading = str(data.get("node_name", ""))
        elif name in ("RunResultError", "MainEncounteredError"):
            said = said_by_dbt(data.get("msg") or data.get("exc") or info["msg"])
            # Of a test nothing more is known than that it failed, which was said.
            if said or not any(self._heading in each for each in self._refusals):
                self._refusals[said or f"{self._heading} failed"] = None

    def end(self, *, succeeded: bool) -> None:
        """Say what was not said yet: stages that ran in part, or what failed."""
        if succeeded:
            for stage in list(self._done):
                self._say_done(stage)
        else:
            for refusal in self._refusals or ["dbt failed; VERBOSE=1 shows how"]:
                self._tell(f"Error: {refusal}")

    def _what_runs(self) -> str:
        names = ", ".join(node.split(".")[2] for node in [*self._running])
        return names or "dbt reads the project"

    def _tell(self, line: str) -> None:
        self.heartbeat.hear()
        self._say(line)

    def _finish(self, node: str, status: str) -> None:
        self._running.pop(node, None)
        if not self._stages:
            self._read_stages()
        if (stage := self._stages.get(node)) is None:
            return
        kind, _, name = node.split(".")[:3]
        if status.startswith("fail"):
            self._refusals[f"the test {name} failed"] = None
        elif status.startswith("warn"):
            self._tell(f"  warning: {name.replace('_', ' ')}")
        counted = "test" if kind == "test" else "table"
        self._done.setdefault(stage, Counter())[counted] += 1
        # What failed is said in the end.
        self._waiting[stage] -= not status.startswith(("fail", "error"))
        if self._waiting[stage] == 0:
            self._say_done(stage)

    def _say_done(self, stage: str) -> None:
        counts = ", ".join(
            f"{n} {kind}{'s' * (n != 1)}"
            for kind, n in sorted(self._done.pop(stage).items())
        )
        self._tell(f"  {self.heartbeat.hear():5.1f} s  {stage}: {counts}")

    def _read_stages(self) -> None:
        """Find out from dbt's manifest which node is part of which stage."""
        try:
            nodes = json.loads(self._manifest.read_text("utf-8"))["nodes"]
        except (OSError, ValueError):
            return
        order = list(_STAGES)
        for key, node in nodes.items():
            if node["resource_type"] in ("model", "seed", "snapshot"):
                path = node["original_file_path"]
                self._stages[key] = next(
                    (stage for stage in order if path.startswith(_STAGES[stage])),
                    _DESCRIBED,
                )
        for key, node in nodes.items():
            # A test of a model that is off is in the manifest, but off as well.
            is_on = node.get("config", {}).get("enabled", True)
            if node["resource_type"] == "test" and is_on:
                # It runs when the last of its models is there.
                of = {self._stages.get(each) for each in node["depends_on"]["nodes"]}
                last = next((stage for stage in order if stage in of), _DESCRIBED)
                self._stages[key] = last
        self._waiting = Counter(self._stages.values())
