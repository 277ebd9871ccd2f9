"""The standard streams of a command: closed, full, or of another encoding."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

_OUTPUT: Final = "the standard output"


class _StandardOutput(io.FileIO):
    """Names itself where it cannot be written, as other files do."""

    def write(self, data: Buffer, /) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, _OUTPUT) from None


def prepare_streams() -> None:
    """Let no file take the place of a closed stream, and any text be written.

    The standard output and input stay None to Python where they are closed, so that a
    command that cannot do without them can say so.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:  # noqa: PLR2004 - the standard error is the last of them
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - it knows no other way
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - to the end
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_StandardOutput(1, "w", closefd=False)),
            encoding=sys.stdout.encoding,
            # A persona may have letters that the terminal's encoding has not.
            errors="backslashreplace",
            line_buffering=bool(sys.stdout.line_buffering),
        )


def told(error: OSError) -> str:
    """Say in a sentence which file or stream failed, and how."""
    reason = error.strerror or str(error)
    if error.filename == _OUTPUT:
        # Python would try once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return f"{_OUTPUT} cannot be written: {reason}"
    if error.filename is None:
        return reason
    return f"{error.filename} cannot be read or written: {reason}"
