"""Errors as problem details (RFC 9457): what is wrong, and where in the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"

CLOSE: Final = {"connection": "close"}
"""For answers that are given before all of the request was read."""

_LONGEST_SHOWN: Final = 100
_KINDS: Final = {404: "unknown-path", 405: "unknown-method"}


class ProblemError(Exception):
    """A request that cannot be answered.

    ``kind`` ends the problem's type, ``urn:mall-segments:<kind>``; ``title`` is the
    kind in words; ``detail`` says what happened this time; ``errors`` what is wrong
    with which field.
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
        self.headers = headers
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
        # In ASCII, because a text of the request may hold half a character.
        body = json.dumps(self.content)
        return Response(body, self.status, self.headers, MEDIA_TYPE)


def field_problem(
    detail: str, name: str | None = None, customer: int | None = None
) -> dict[str, Any]:
    """Describe what is wrong with a field, or with a customer where none is named.

    ``customer`` is the place in a list, from 0; the pointer (RFC 6901) begins with it.
    """
    problem: dict[str, Any] = {"detail": detail}
    pointer = "#"
    if customer is not None:
        problem["customer"] = customer
        pointer += f"/{customer}"
    if name is not None:
        problem["field"] = name[:_LONGEST_SHOWN]
        token = problem["field"].replace("~", "~0").replace("/", "~1")
        pointer += "/" + quote(token, safe="~", errors="replace")
    problem["pointer"] = pointer
    return problem


def install_handlers(app: FastAPI) -> None:
    """Answer every error of an application with a problem detail."""
    app.add_exception_handler(ProblemError, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_failure)


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - handlers are called by type
    return error.response()


async def _answer_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - handlers are called by type
    return ProblemError(
        error.status_code,
        _KINDS.get(error.status_code, "http"),
        error.detail,
        error.detail,
        headers=error.headers,
    ).response()


async def _answer_failure(_: Request, __: Exception) -> Response:
    return ProblemError(
        500,
        "failure",
        "The service failed",
        "the service's log says how",
        headers=CLOSE,
    ).response()
