"""Errors as problem details (RFC 9457): what is wrong, and where in the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.scoring.records import FieldError

MEDIA_TYPE: Final = "application/problem+json"

_LONGEST_FIELD: Final = 100


class ProblemError(Exception):
    """A request that cannot be answered.

    Parameters
    ----------
    status : int
        The HTTP status.
    kind : str
        The last part of the problem's type, ``urn:mall-segments:<kind>``.
    title : str
        The kind in words, the same every time.
    detail : str
        What happened this time.
    errors : sequence of dict
        What is wrong with which field.
    headers : mapping of str to str, optional
        More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.content: dict[str, Any] = {
            "type": f"urn:mall-segments:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        if errors:
            self.content["errors"] = list(errors)

    def response(self) -> Response:
        """Return the answer to the request."""
        # In ASCII, because a text in JSON may hold half a character.
        return Response(
            json.dumps(self.content),
            self.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def describe_error(error: FieldError, position: int | None) -> dict[str, Any]:
    """Return a field's error, with a JSON pointer to it.

    Parameters
    ----------
    error : FieldError
        What is wrong.
    position : int or None
        The customer's place in the list, from 0; None where there is no list.

    Returns
    -------
    dict
        ``detail`` and, where they apply, ``customer`` (the position), ``field`` and
        ``pointer`` (RFC 6901, as a URI fragment).
    """
    described: dict[str, Any] = {"detail": error.detail}
    pointer = "#"
    if position is not None:
        described["customer"] = position
        pointer += f"/{position}"
    if error.field is not None:
        described["field"] = error.field[:_LONGEST_FIELD]
        token = described["field"].replace("~", "~0").replace("/", "~1")
        pointer += "/" + quote(token, safe="~", errors="replace")
    described["pointer"] = pointer
    return described
