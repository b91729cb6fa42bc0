"""SDN agents over real HTTPS that are nothing but their tree: one server, each agent below a path of its own."""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from harness.pki import Authority

Json = dict[str, Any]
MODULE, TYPES, MEDIA = "etsi-qkd-sdn-node", "etsi-qkd-node-types", "application/yang-data+json"
NODE = f"{MODULE}:qkd_node"
LISTS = {"qkd_link": ("qkd_links", "qkdl_id"), "qkd_app": ("qkd_applications", "app_id")}
Refuses = Callable[["Agent", str, str, Json], str | None]


def node_id(number: int) -> str:
    return str(uuid.UUID(int=0x0A << 96 | number))


def interface(number: int, role: str, **changes: Any) -> Json:
    """A module; `changes` replace leaves of the entry, None takes one away."""
    entry: Json = {
        "qkdi_id": number,
        "qkdi_model": "acme X1",
        "qkdi_type": f"{TYPES}:CV-QKD",
        "qkdi_capabilities": {
            "role_support": f"{TYPES}:{role}",
            "wavelength_range": "34-38",
            "max_absorption": "20.0",
        },
        "qkdi_status": f"{TYPES}:ENABLED",
        "a_leaf_of_tomorrow": {"x": [1]},
    }
    return {name: value for name, value in (entry | changes).items() if value is not None}


@dataclass
class Agent:
    """One node.

    Attributes:
        skr: what its PHYS links make, bits a second.
        log: (method, list, key) of each change that it took, in order.
        refuses: asked for each entry: a text refuses it.
        meddler: called before each change of an entry, as another client would come in between.
    """

    number: int
    interfaces: list[Json] = field(default_factory=list)
    skr: int = 10_000
    entries: dict[str, dict[str, Json]] = field(default_factory=lambda: {"qkd_link": {}, "qkd_app": {}})
    statuses: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: Refuses | None = None
    away: bool = False
    streams: bool = True
    knows_patch: bool = True
    extra: Json = field(default_factory=dict)
    version: int = 1
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    readers: list[asyncio.Queue[str | None]] = field(default_factory=list)
    meddler: Callable[[], None] | None = None

    @property
    def id(self) -> str:
        return node_id(self.number)

    @property
    def links(self) -> dict[str, Json]:
        return self.entries["qkd_link"]

    @property
    def apps(self) -> dict[str, Json]:
        return self.entries["qkd_app"]

    def tree(self) -> Json:
        links = []
        for key, entry in self.links.items():
            shown: Json = entry | {"qkdl_status": f"{TYPES}:{self.statuses.get(key, 'ACTIVE')}"}
            if entry.get("qkdl_type") == f"{TYPES}:PHYS":
                shown["qkdl_performance"] = {"skr": self.skr, "eskr": self.skr, "phys_perf": []}
            links.append(shown)
        return {
            "qkdn_id": self.id,
            "qkdn_status": f"{TYPES}:OPERATING",
            "qkd_applications": {"qkd_app": list(self.apps.values())},
            "qkd_interfaces": {"qkd_interface": self.interfaces},
            "qkd_links": {"qkd_link": links},
        } | self.extra

    def tell(self, name: str, content: Json) -> None:
        """A notification to all who listen."""
        envelope = {"eventTime": "2026-01-01T00:00:00Z", f"{MODULE}:{name}": content}
        for reader in self.readers:
            reader.put_nowait(json.dumps({"ietf-restconf:notification": envelope}))

    def cut(self, qkdl_id: str) -> None:
        """A link goes down, and the node says so."""
        self.statuses[qkdl_id] = "OFF"
        self.tell("sdqkdn_link_down", {"qkd_link": {"qkdl_id": qkdl_id, "reason": "cut"}})

    def hang_up(self) -> None:
        """Ends all event streams."""
        for reader in self.readers:
            reader.put_nowait(None)

    def take(self, method: str, name: str, entry: Json) -> None:
        key = entry[LISTS[name][1]]
        if self.refuses is not None and (text := self.refuses(self, method, name, entry)):
            raise _error(400, "invalid-value", text)
        self.entries[name][key] = entry
        self.changed(method, name, key)

    def changed(self, method: str, name: str, key: str) -> None:
        self.version += 1
        self.versions[name, key] = self.version
        self.log.append((method, name, key))


class _RefusalError(Exception):
    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body)
        self.status, self.body = status, body


def _error(status: int, tag: str, text: str) -> _RefusalError:
    error = {"error-type": "application", "error-tag": tag, "error-message": text}
    return _RefusalError(status, {"ietf-restconf:errors": {"error": [error]}})


class Agents:
    """The server. `agents[number]`; `url(number)` is its base URL."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        self.agents = {agent.number: agent for agent in agents}
        self.port = 0
        self.requests = 0

    def __getitem__(self, number: int) -> Agent:
        return self.agents[number]

    def url(self, number: int) -> str:
        return f"https://127.0.0.1:{self.port}/n{number}"

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/n{number:[0-9]+}{rest:/.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        agent, rest = self.agents[int(request.match_info["number"])], request.match_info["rest"]
        if agent.away:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=503)
        if rest == "/.well-known/host-meta":
            text = (
                "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link rel='restconf' href='/restconf'/></XRD>"
            )
            return web.Response(text=text, content_type="application/xrd+xml")
        if rest == "/events":
            return await self._stream(agent, request)
        try:
            return await self._data(agent, request, rest.removeprefix("/restconf/data/"))
        except _RefusalError as refused:
            return web.json_response(refused.body, status=refused.status, content_type=MEDIA)

    async def _data(self, agent: Agent, request: web.Request, path: str) -> web.Response:
        if path == "ietf-restconf-monitoring:restconf-state/streams" and agent.streams:
            access = [{"encoding": "json", "location": f"/n{agent.number}/events"}]
            streams = {"stream": [{"name": "NETCONF", "access": access}]}
            return web.json_response({"ietf-restconf-monitoring:streams": streams}, content_type=MEDIA)
        parts = path.split("/")
        if parts[0] != NODE:
            raise _error(404, "invalid-value", "no such resource")
        if len(parts) == 1:
            return await self._node(agent, request)
        for name, (container, _) in LISTS.items():
            if parts[1:] == [container]:
                return await self._container(agent, request, name)
        name, _, key = parts[-1].partition("=")
        if len(parts) != 3 or name not in LISTS or parts[1] != LISTS[name][0]:
            raise _error(404, "invalid-value", "no such resource")
        return await self._entry(agent, request, name, key)

    async def _node(self, agent: Agent, request: web.Request) -> web.Response:
        if request.method == "GET":
            body = {NODE: agent.tree()}
            return web.json_response(body, headers={"ETag": f'"{agent.version}"'}, content_type=MEDIA)
        if request.method != "PATCH" or not agent.knows_patch:
            raise _error(405, "operation-not-supported", "not here")
        self._precondition(agent, request, agent.version, exists=True)
        tree = (await request.json())[NODE]
        before = copy.deepcopy(agent.entries)
        try:
            for name, (container, key) in LISTS.items():
                for entry in tree.get(container, {}).get(name, []):
                    agent.take("PATCH", name, _merged(agent.entries[name].get(entry[key], {}), entry))
        except _RefusalError:
            agent.entries = before
            raise
        return web.Response(status=204, headers={"ETag": f'"{agent.version}"'})

    async def _container(self, agent: Agent, request: web.Request, name: str) -> web.Response:
        (container, key), entries = LISTS[name], agent.entries[name]
        if request.method == "GET":
            assert request.query_string == "content=config"
            body = {f"{MODULE}:{container}": {name: list(entries.values())}}
            return web.json_response(body, headers={"ETag": f'"{agent.version}"'}, content_type=MEDIA)
        if request.method != "PUT" or not agent.knows_patch:
            raise _error(405, "operation-not-supported", "not here")
        self._precondition(agent, request, agent.version, exists=True)
        new = {one[key]: one for one in (await request.json())[f"{MODULE}:{container}"].get(name, [])}
        before = dict(entries)
        try:
            for gone in entries.keys() - new.keys():
                del agent.entries[name][gone]
                agent.changed("DELETE", name, gone)
            for one, entry in new.items():
                if before.get(one) != entry:
                    agent.take("PUT", name, entry)
        except _RefusalError:
            agent.entries[name] = before
            raise
        return web.Response(status=204)

    async def _entry(self, agent: Agent, request: web.Request, name: str, key: str) -> web.Response:
        entries, version = agent.entries[name], agent.versions.get((name, key), 0)
        if request.method == "GET":
            if key not in entries:
                raise _error(404, "invalid-value", "no such entry")
            body = {f"{MODULE}:{name}": [entries[key]]}
            return web.json_response(body, headers={"ETag": f'"{version}"'}, content_type=MEDIA)
        if agent.meddler is not None:
            agent.meddler()
            version = agent.versions.get((name, key), 0)
        self._precondition(agent, request, version, exists=key in entries)
        if request.method == "DELETE":
            if key not in entries:
                raise _error(404, "invalid-value", "no such entry")
            del entries[key]
            agent.changed("DELETE", name, key)
            return web.Response(status=204)
        if request.method != "PUT":
            raise _error(405, "operation-not-supported", "not here")
        new = key not in entries
        entry = (await request.json())[f"{MODULE}:{name}"][0]
        assert entry[LISTS[name][1]] == key
        agent.take("PUT", name, entry)
        return web.Response(status=201 if new else 204)

    def _precondition(self, agent: Agent, request: web.Request, version: int, *, exists: bool) -> None:
        wanted, none = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        if (wanted and wanted != f'"{version}"') or (none == "*" and exists):
            raise _error(412, "operation-failed", "changed meanwhile")

    async def _stream(self, agent: Agent, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        agent.readers.append(queue)
        try:
            await response.write(b": welcome\n\n")
            while (text := await queue.get()) is not None:
                await response.write(f"data: {text}\n\n".encode())
        except ConnectionResetError:
            pass
        finally:
            agent.readers.remove(queue)
        return response


def _merged(old: Json, new: Json) -> Json:
    """A plain patch (RFC 8040, 4.6.1): leaf-lists grow, containers merge."""
    merged = dict(old)
    for name, value in new.items():
        if isinstance(value, list):
            merged[name] = list(dict.fromkeys([*old.get(name, []), *value]))
        elif isinstance(value, dict):
            merged[name] = _merged(old.get(name, {}), value)
        else:
            merged[name] = value
    return merged


@asynccontextmanager
async def served(authority: Authority, agents: Iterable[Agent]) -> AsyncIterator[Agents]:
    """The agents, up; mutual TLS."""
    server = Agents(agents)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(authority, "agents"))
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        for agent in server.agents.values():
            agent.hang_up()
        await runner.cleanup()


def server_context(authority: Authority, name: str) -> ssl.SSLContext:
    issued = authority.issue_kme(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.certificate_pem.decode())
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(issued.private_key_pem + b"\n" + issued.certificate_pem)
        context.load_cert_chain(chain)
    return context
