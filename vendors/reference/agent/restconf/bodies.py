"""Bodies and media types: JSON in and out, and the errors resource (RFC 8040, 3.9, 5.2, 7.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from vendors.reference.agent.refusals import RefusedError

DATA_TYPE = "application/yang-data+json"
_READ_S = 30.0


async def json_of(request: web.Request, media_types: Sequence[str]) -> Any:
    """The body of a request.

    Raises:
        RefusedError: 415, 413, 408, or malformed-message.
    """
    kind, *parameters = (part.strip().lower() for part in request.headers.get("Content-Type", "").split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    if kind not in media_types or any(charset != "utf-8" for charset in charsets):
        raise _malformed(f"send {DATA_TYPE}", 415)
    try:
        async with asyncio.timeout(_READ_S):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise RefusedError("too-big", "the body is too long", kind="protocol") from None
    except TimeoutError:
        raise _malformed(f"the body did not come within {_READ_S:g} s", 408) from None
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"the body is no JSON: {error}"[:200]) from None


def only_member(body: Any) -> tuple[str, Any]:
    """Name and value of the one member that a body has.

    Raises:
        RefusedError: malformed-message.
    """
    if not isinstance(body, dict) or len(body) != 1:
        raise _malformed("the body is an object with exactly one member")
    return next(iter(body.items()))


def answer(data: Any, status: int = 200) -> web.Response:
    """An answer with data in it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return web.Response(
        body=text.encode(), status=status, content_type=DATA_TYPE, headers={"Cache-Control": "no-cache"}
    )


def error_answer(refused: RefusedError) -> web.Response:
    """An `ietf-restconf:errors` body."""
    error = {"error-type": refused.kind, "error-tag": refused.tag}
    if refused.app_tag:
        error["error-app-tag"] = refused.app_tag
    if refused.path:
        error["error-path"] = refused.path
    error["error-message"] = refused.text
    response = answer({"ietf-restconf:errors": {"error": [error]}}, refused.status)
    if refused.status == 405:
        response.headers["Allow"] = refused.allow
    return response


def require_accept(request: web.Request, media_types: Sequence[str]) -> None:
    """Refuses what cannot be answered as the client wants it.

    Raises:
        RefusedError: 406.
    """
    wanted = [
        kind
        for value in request.headers.getall("Accept", [])
        for kind, weight in map(_accepted, value.split(","))
        if weight > 0
    ]
    if not request.headers.getall("Accept", []):
        return
    ranges = {"*/*", *media_types, *(f"{kind.partition('/')[0]}/*" for kind in media_types)}
    if not ranges.intersection(wanted):
        raise RefusedError("invalid-value", f"there is {' or '.join(media_types)} only", status=406, kind="protocol")


def _accepted(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    weights = [part[2:] for part in parameters if part.startswith("q=")]
    try:
        return kind, float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 1.0


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object holds a name twice")
    return made


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _malformed(text: str, status: int = 400) -> RefusedError:
    return RefusedError("malformed-message", text, status=status, kind="protocol")
