"""Conditional requests (RFC 9110, 13; RFC 8040, 3.4.1, 3.5)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import web

from vendors.reference.agent.refusals import RefusedError
from vendors.reference.agent.stamps import Stamp


def put_stamp(response: web.StreamResponse, stamp: Stamp) -> None:
    """Adds ETag and Last-Modified."""
    response.headers["ETag"] = f'"{stamp.tag}"'
    response.headers["Last-Modified"] = format_datetime(datetime.fromtimestamp(int(stamp.changed), UTC), usegmt=True)


def require_unchanged(request: web.Request, stamp: Stamp | None) -> None:
    """Checks If-Match, If-None-Match and If-Unmodified-Since of a request that changes something.

    Args:
        request: its headers count.
        stamp: of the target; None = it is not there.

    Raises:
        RefusedError: 412.
    """
    matches = _tags(request, "If-Match")
    if matches is not None and (stamp is None or not (matches & {"*", f'"{stamp.tag}"'})):
        raise _failed("If-Match: the resource has changed since, or is not there; read it again")
    if matches is None and (since := request.headers.get("If-Unmodified-Since")) is not None:
        moment = _moment(since)
        if moment is not None and (stamp is None or math.floor(stamp.changed) > moment):
            raise _failed("If-Unmodified-Since: the resource has changed since; read it again")
    others = _tags(request, "If-None-Match")
    if others is not None and stamp is not None and others & {"*", f'"{stamp.tag}"'}:
        raise _failed("If-None-Match: the resource is there already")


def is_known(request: web.Request, stamp: Stamp) -> bool:
    """Whether the client has the representation of a configuration already (304)."""
    known = _tags(request, "If-None-Match")
    if known is not None:
        return bool({tag.removeprefix("W/") for tag in known} & {"*", f'"{stamp.tag}"'})
    moment = _moment(request.headers.get("If-Modified-Since", ""))
    return moment is not None and math.floor(stamp.changed) <= moment


def _tags(request: web.Request, name: str) -> set[str] | None:
    values = request.headers.getall(name, None)
    if values is None:
        return None
    return {tag.strip() for value in values for tag in value.split(",")}


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None  # RFC 9110, 13.1.4: what is no date is ignored


def _failed(text: str) -> RefusedError:
    return RefusedError("operation-failed", text, status=412, kind="protocol")
