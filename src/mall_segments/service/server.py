"""Run the service on uvicorn."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final, NoReturn

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from mall_segments.home import HOME_VARIABLE
from mall_segments.service.app import ACCESS_LOG_VARIABLE, app_of_environment
from mall_segments.service.connection import PatientProtocol
from mall_segments.service.metrics import MULTIPROCESS_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS_KEPT_ALIVE: Final = 15
_SECONDS_TO_FINISH: Final = 15


def run_service(
    home: Path, *, host: str, port: int, n_workers: int, has_access_log: bool
) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    host, port : str, int
        Where to listen.
    n_workers : int
        How many processes answer. Each holds its own copy of the model.
    has_access_log : bool
        Whether requests are logged to the standard output.
    """
    if sys.stdout is None:
        # Closed: the command has put the null device in its place, for the access log.
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - to the end
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[ACCESS_LOG_VARIABLE] = "yes" if has_access_log else ""
    # uvicorn ends what it has begun and raises the signal again.
    signal.signal(signal.SIGTERM, _exit)
    with tempfile.TemporaryDirectory(prefix="mall-segments-metrics-") as folder:
        if n_workers > 1:
            os.environ[MULTIPROCESS_VARIABLE] = folder
        uvicorn.run(
            f"{app_of_environment.__module__}:{app_of_environment.__name__}",
            factory=True,
            host=host,
            port=port,
            workers=n_workers,
            http=PatientProtocol,
            ws="none",
            log_config=_log_config(),
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_SECONDS_KEPT_ALIVE,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )


def _exit(*_: object) -> NoReturn:
    sys.exit(0)


def _log_config() -> dict[str, Any]:
    config = dict(LOGGING_CONFIG)
    # uvicorn's own access log names the address and the query of whoever asks.
    config["loggers"] = {
        name: logger
        for name, logger in LOGGING_CONFIG["loggers"].items()
        if name != "uvicorn.access"
    }
    return config
