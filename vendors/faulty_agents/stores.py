"""Faults in how requests are carried out: edits, conditions, queries, streams, who may ask."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from yarl import URL

from harness.sdk.yang import NODE, Content
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.hub import Reader
from vendors.reference.agent.refusals import RefusedError
from vendors.reference.agent.restconf.server import RestconfServer
from vendors.reference.agent.restconf.streams import EventStream, event
from vendors.reference.agent.tree import Edit, Operation

from .catalogue import fault


class _Edits(Datastore):
    """Changes edits before they are carried out."""

    async def edit(
        self, edits: Sequence[Edit], check_first: Callable[[], None] = lambda: None, **more: Any
    ) -> list[bool]:
        """See `Datastore`."""
        return await super().edit([self.changed(one) for one in edits], check_first, **more)

    def changed(self, one: Edit) -> Edit:
        """What becomes of an edit."""
        return one


@fault("conditions-ignored", "ETSI015-RC-ETAG-3")
class ConditionsIgnored(Datastore):
    """The last writer wins, whatever If-Match says."""

    async def edit(
        self, edits: Sequence[Edit], check_first: Callable[[], None] = lambda: None, **more: Any
    ) -> list[bool]:
        """See `Datastore`."""
        return await super().edit(edits, **more)


@fault("post-overwrites", "ETSI015-RC-POST-2")
class PostOverwrites(_Edits):
    """POST of what is there replaces it."""

    def changed(self, one: Edit) -> Edit:
        """See `_Edits`."""
        return Edit(Operation.REPLACE, one.steps, one.value) if one.operation is Operation.CREATE else one


@fault("put-merges", "ETSI015-RC-PUT-2")
class PutMerges(_Edits):
    """PUT leaves what it does not name."""

    def changed(self, one: Edit) -> Edit:
        """See `_Edits`."""
        return Edit(Operation.MERGE, one.steps, one.value) if one.operation is Operation.REPLACE else one


@fault("patch-replaces", "ETSI015-RC-PATCH-1")
class PatchReplaces(_Edits):
    """PATCH takes away what it does not name."""

    def changed(self, one: Edit) -> Edit:
        """See `_Edits`."""
        return Edit(Operation.REPLACE, one.steps, one.value) if one.operation is Operation.MERGE else one


@fault("delete-takes-all", "ETSI015-RC-DELETE-1")
class DeleteTakesAll(_Edits):
    """DELETE of an entry takes the whole list away."""

    def changed(self, one: Edit) -> Edit:
        """See `_Edits`."""
        deletes = one.operation is Operation.DELETE and one.steps and one.steps[-1].node.kind == "list"
        return Edit(Operation.REMOVE, one.steps[:-1]) if deletes else one


class _Lenient:
    """A model that finds nothing wrong with values."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def validate(self, *_tree: object) -> list[Any]:
        """Nothing is wrong."""
        return []


@fault("values-unchecked", "ETSI015-MODEL-1")
class ValuesUnchecked(Datastore):
    """Names are checked, values are not."""

    async def _commit(self, config: dict[str, Any]) -> None:
        real: Any = self.model
        self.model = _Lenient(real)  # type: ignore[assignment]
        try:
            await super()._commit(config)
        finally:
            self.model = real


@fault("refused-and-kept", "ETSI015-MODEL-2")
class RefusedAndKept(Datastore):
    """What is refused stays in the configuration."""

    async def _commit(self, config: dict[str, Any]) -> None:
        try:
            await super()._commit(config)
        except RefusedError:
            self._config = config
            raise


class SenseUnchecked(Datastore):
    """What the model allows is taken, whether it makes sense or not; see `lawful`."""

    async def _commit(self, config: dict[str, Any]) -> None:
        if config == self._config:
            return
        if problems := self.model.validate(config, Content.CONFIG):
            raise RefusedError(problems[0].tag, problems[0].text, problems[0].path)
        if config[NODE]["qkdn_id"] != self.qkdn_id:
            raise RefusedError("invalid-value", f"this node is {self.qkdn_id}")
        await self._apply(_sound(config, self.qkdn_id))
        stamps = self._stamps.after(self.model.schema, self._config, config, self._wall())
        self._file.save({"config": config, "stamps": stamps.dump()})
        self._config, self._stamps = config, stamps


def _sound(config: dict[str, Any], own: str) -> dict[str, Any]:
    """The configuration without the links that a node would refuse."""
    made: dict[str, Any] = json.loads(json.dumps(config))
    links = made.get(NODE, {}).get("qkd_links", {})
    if "qkd_link" in links:
        links["qkd_link"] = [one for one in links["qkd_link"] if one.get("qkdl_local", {}).get("qkdn_id") == own]
        links["qkd_link"] = [one for one in links["qkd_link"] if one.get("qkdl_remote", {}).get("qkdn_id") != own]
    return made


class _NoFile:
    def save(self, _held: object) -> None:
        """Nothing is kept."""


@fault("memory-only", "ETSI015-LINK-9")
class MemoryOnly(Datastore):
    """The configuration is kept in memory alone."""

    async def _commit(self, config: dict[str, Any]) -> None:
        self._file = _NoFile()  # type: ignore[assignment]
        await super()._commit(config)


class _Queries(RestconfServer):
    """Drops a query parameter of a request."""

    dropped = ""

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        query = {name: value for name, value in request.rel_url.query.items() if name != self.dropped}
        url = URL(request.rel_url.raw_path, encoded=True).with_query(query)
        return await super()._dispatch(request.clone(rel_url=url) if self.dropped in request.rel_url.query else request)


def _dropping(name: str, requirement: str, parameter: str) -> None:
    members = {"__doc__": f"The query parameter {parameter} is passed over.", "dropped": parameter}
    fault(name, requirement)(type("Dropping", (_Queries,), members))


_dropping("content-ignored", "ETSI015-RC-CONTENT-1", "content")
_dropping("state-with-configuration", "ETSI015-RC-CONTENT-2", "content")
_dropping("depth-ignored", "ETSI015-RC-DEPTH-1", "depth")
_dropping("fields-ignored", "ETSI015-RC-FIELDS-1", "fields")


@fault("anybody-with-a-certificate", "ETSI015-RC-AUTH-2")
class AnybodyWithACertificate(RestconfServer):
    """Whoever has a certificate of the network is served."""

    def _admit(self, request: web.Request) -> None:
        pass


@fault("certificates-optional", "ETSI015-RC-AUTH-1")
class CertificatesOptional(RestconfServer):
    """Who shows no certificate is served as well."""

    async def start(self, context: ssl.SSLContext, *where: Any) -> int:
        """See `RestconfServer`."""
        context.verify_mode = ssl.CERT_OPTIONAL
        return await super().start(context, *where)

    def _admit(self, request: web.Request) -> None:
        pass


@fault("no-event-time", "ETSI015-RC-STREAM-2")
class NoEventTime(EventStream):
    """Notifications come without the time of the event."""

    async def _run(self, request: web.Request, response: web.StreamResponse, reader: Reader) -> None:
        while (one := await reader.next()) is not None:
            document = json.loads(event(one) or "{}")
            document.get("ietf-restconf:notification", {}).pop("eventTime", None)
            await response.write(f"data: {json.dumps(document)}\n\n".encode())


@fault("no-envelope", "ETSI015-RC-STREAM-2")
class NoEnvelope(EventStream):
    """Notifications come without their envelope."""

    async def _run(self, request: web.Request, response: web.StreamResponse, reader: Reader) -> None:
        while (one := await reader.next()) is not None:
            document = json.loads(event(one) or "{}").get("ietf-restconf:notification", {})
            await response.write(f"data: {json.dumps(document)}\n\n".encode())


@fault("stream-as-json", "ETSI015-RC-STREAM-1")
class StreamAsJson(EventStream):
    """The stream is one JSON document that does not end."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """See `EventStream`."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await asyncio.sleep(0)
        return response
