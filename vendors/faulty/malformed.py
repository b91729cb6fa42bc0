"""Faults that malformed requests bring out: the KME or its keys do not survive them (A8)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import orjson
from aiohttp import web

from vendors.reference.api014 import Api014
from vendors.reference.delivery import Delivery
from vendors.reference.forms import Forms
from vendors.reference.model import Key, KeyIdsRequest, KeyRequest
from vendors.reference.refusals import RefusedError, unavailable

from .catalogue import fault
from .forgetful import ForgetfulCopies, ForgetfulDelivery
from .queued import QueuedCopies, QueueDelivery

_DEEP = 400


class _Crashes(Api014):
    """Serves until a body of a certain kind comes, and never again."""

    _crashed = False

    def caller_of(self, request: web.Request) -> str | None:
        if self._crashed:
            raise unavailable("error on server side", "CRASHED")
        return super().caller_of(request)

    async def body_of(self, request: web.Request) -> bytes:
        body = await super().body_of(request)
        self._crashed = self.crashes(body)
        return body

    def crashes(self, body: bytes) -> bool:
        """Whether the KME does not survive the body."""
        raise NotImplementedError


@fault("dies-of-nesting", caught_by=["ETSI014-A8-R4"])
class DiesOfNesting(_Crashes):
    """The parser is recursive: a deeply nested body ends the thread that serves."""

    def crashes(self, body: bytes) -> bool:
        """By depth, roughly."""
        return body.count(b"[") > _DEEP or body.count(b"{") > _DEEP


@fault("dies-of-no-utf-8", caught_by=["ETSI014-A8-R4"])
class DiesOfNoUtf8(_Crashes):
    """A body that is no UTF-8 raises in the logger, and the worker is gone."""

    def crashes(self, body: bytes) -> bool:
        """By decoding."""
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False


@fault("body-in-brackets-hangs", caught_by=["ETSI014-A8-R10"])
class BracketsHang(Api014):
    """The parser looks for the end of an array that never comes, in a thread that nobody joins."""

    async def body_of(self, request: web.Request) -> bytes:
        """Reads for ever."""
        body = await super().body_of(request)
        if body.startswith(b"[[") and not body.endswith(b"]"):
            await asyncio.Event().wait()
        return body


class _Faltering(Api014):
    def error_answer(self, refused: RefusedError) -> web.Response:
        if refused.reason in {"NOT_JSON", "NOT_AN_OBJECT", "KEY_ID_MALFORMED"} and isinstance(
            self.delivery, ForgetfulDelivery
        ):
            self.delivery.drop_waiting()
        return super().error_answer(refused)


@fault("bad-body-drops-waiting", caught_by=["ETSI014-A8-R4", "ETSI014-6.4-R5"], also=[_Faltering, ForgetfulCopies])
class BadBodyDropsWaiting(ForgetfulDelivery):
    """A body that cannot be read resets the session of the caller's KME: keys that wait there are gone."""


@fault("error-shows-last-key", caught_by=["ETSI014-5.4-R14", "ETSI014-5.3-R4"])
class ErrorShowsKey(Forms):
    """A debugging aid was left in: an Error says which key was handled last, and the key itself."""

    _last: Mapping[str, object] | None = None

    def key(self, key: Key) -> dict[str, object]:
        """Remembers it."""
        form = super().key(key)
        self._last = form
        return form

    def error(self, refused: RefusedError) -> bytes:
        """With the last key."""
        details = [{"last_key": self._last}] if self._last else []
        return orjson.dumps({"message": refused.message, "details": details})


@fault("bad-json-is-empty-request", caught_by=["ETSI014-A8-R1"])
class BadJsonIsEmpty(Forms):
    """A body that cannot be parsed is logged and taken for an empty one: a key comes with defaults."""

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """Always an object."""
        try:
            return super().object_of(body)
        except RefusedError:
            return {}


@fault("number-wraps-round", caught_by=["ETSI014-A8-R6"])
class NumberWraps(Forms):
    """Numbers are held in 32 bits, and nobody looks for an overflow."""

    def object_of(self, body: bytes) -> Mapping[str, object]:
        """With numbers cut to 32 bits."""
        members = super().object_of(body)
        return {name: value % 2**32 if type(value) is int else value for name, value in members.items()}


@fault("unreadable-number-is-default", caught_by=["ETSI014-A8-R6"])
class UnreadableIsDefault(Forms):
    """A number that cannot be read is as good as none: the default is used."""

    def key_request(self, slave: str, members: Mapping[str, object]) -> KeyRequest:
        """Without what is no number."""
        texts = ("number", "size")
        return super().key_request(
            slave, {name: value for name, value in members.items() if name not in texts or isinstance(value, int)}
        )


@fault("no-key-id-gets-next-key", caught_by=["ETSI014-A8-R7"], also=[QueuedCopies])
class NoKeyIdGetsNext(QueueDelivery):
    """A request in which no key ID can be found is served with the next key that waits."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """Served in any case."""
        next_keys = self.waiting_for(self.admit(caller))[:1]
        if not any(map(_is_uuid, request.key_ids)) and next_keys:
            request = KeyIdsRequest(next_keys[0].master, [str(uuid.UUID(bytes=next_keys[0].key_id))])
        return await super().get_key_with_key_ids(caller, request)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
