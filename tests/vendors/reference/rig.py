"""A pair (or more) of reference KMEs in this process, fed with known bits, and SAEs that talk to them."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from yarl import URL

from harness.pki import Authority, Issued
from vendors.reference.clock import Clock
from vendors.reference.kme import Endpoints, Parts, Provision, ReferenceKme
from vendors.reference.network import Network
from vendors.reference.settings import KmeSettings
from vendors.reference.source import OpenStream, SourceAddress
from vendors.reference.tls import KmeCredentials

SAES = {"sae-1": "kme-a", "sae-2": "kme-b", "sae-3": "kme-b", "sae-4": "kme-a"}
BLOCK_OCTETS = 512
AUTHORITY = Authority()


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test on the event loop that the KMEs run on in production."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        uvloop.run(test(*arguments, **named))

    return run


def planted_block(link_id: str, index: int) -> bytes:
    """The bits that the rig's key source gives: known, and the same at both ends."""
    return hashlib.shake_256(f"{link_id}/{index}".encode()).digest(BLOCK_OCTETS)


def planted_stream(blocks: int) -> Callable[[SourceAddress], OpenStream]:
    """A source that has so many blocks and then says nothing more."""

    def stream_of(source: SourceAddress) -> OpenStream:
        async def stream(first: int) -> AsyncIterator[tuple[int, bytes]]:
            for index in range(first, blocks):
                yield index, planted_block(source.link_id, index)
            await asyncio.Event().wait()

        return stream

    return stream_of


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])

    @property
    def keys(self) -> dict[str, bytes]:
        """Key bytes by ID."""
        return {key["key_ID"]: base64.b64decode(key["key"], validate=True) for key in self.json["keys"]}


def client_context(issued: Issued | None) -> ssl.SSLContext:
    """A client's TLS, trusting the rig's CA; with no certificate if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=AUTHORITY.certificate_pem.decode())
    if issued is not None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(issued.private_key_pem + issued.certificate_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context


class Sae:
    """An SAE at one KME."""

    def __init__(self, session: aiohttp.ClientSession, base: str, context: ssl.SSLContext) -> None:
        self.base = base
        self._session = session
        self._context = context

    async def call(self, verb: str, path: str, **arguments: Any) -> Answer:
        """Any request; `path` starts with a slash and is sent as it is."""
        url = URL(self.base + path, encoded=True)
        async with self._session.request(verb, url, ssl=self._context, **arguments) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)

    async def status(self, slave: str) -> Answer:
        return await self.call("GET", f"/api/v1/keys/{slave}/status")

    async def enc(self, slave: str, members: object = None) -> Answer:
        return await self.call("POST", f"/api/v1/keys/{slave}/enc_keys", json={} if members is None else members)

    async def get_key(self, slave: str, **members: object) -> tuple[str, bytes]:
        """One key: its ID and its bytes."""
        answer = await self.enc(slave, members)
        assert answer.status == 200, answer
        ((key_id, key),) = answer.keys.items()
        return key_id, key

    async def dec(self, master: str, *key_ids: str) -> Answer:
        members = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        return await self.call("POST", f"/api/v1/keys/{master}/dec_keys", json=members)


@dataclass
class Rig:
    """What is up."""

    state: Path
    saes: Mapping[str, str]
    settings: KmeSettings
    blocks: int
    parts: Parts
    clock: Clock
    controlled: bool = False
    kmes: dict[str, ReferenceKme] = field(default_factory=dict)
    endpoints: dict[str, Endpoints] = field(default_factory=dict)
    _sessions: dict[str, aiohttp.ClientSession] = field(default_factory=dict)

    def make(self, kme_id: str, settings: KmeSettings | None = None, state: Path | None = None) -> ReferenceKme:
        """A KME that is not started, on its store."""
        folder = state or self.state / kme_id
        folder.mkdir(parents=True, exist_ok=True)
        issued = AUTHORITY.issue_kme(kme_id)
        others = sorted(set(self.saes.values()) - {kme_id})
        provision = Provision(
            Network(kme_id, self.saes),
            KmeCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem),
            [SourceAddress("--".join(sorted((kme_id, peer))), "", "", peer) for peer in others],
            settings or self.settings,
            agents=("agent",),
            controlled=self.controlled,
        )
        return ReferenceKme(provision, folder, self.parts, self.clock)

    async def start(self, kme_id: str, **options: Any) -> ReferenceKme:
        """Starts a KME and tells it and the others of each other."""
        kme = self.make(kme_id, **options)
        self.kmes[kme_id] = kme
        self.endpoints[kme_id] = await kme.start()
        for one, other in combinations(self.kmes, 2):
            self.kmes[one].connect({other: self.endpoints[other].peer})
            self.kmes[other].connect({one: self.endpoints[one].peer})
        return kme

    async def stop(self, kme_id: str) -> None:
        await self.kmes.pop(kme_id).stop()

    async def stocked(self, octets: int = 1) -> None:
        """Returns when every KME can issue so many octets on every link."""
        async with asyncio.timeout(5):
            links = [link for kme in self.kmes.values() for link in kme.links.values()]
            while any(link.available < octets for link in links):  # noqa: ASYNC110 - bounded; links tell one listener
                await asyncio.sleep(0.002)

    async def sae(self, sae_id: str, at: str | None = None, certificate: Issued | None = None) -> Sae:
        """An SAE, at its own KME unless it is said otherwise."""
        context = client_context(certificate or AUTHORITY.issue_sae(sae_id))
        session = self._sessions.get(sae_id)
        if session is None:
            session = self._sessions[sae_id] = aiohttp.ClientSession()
        return Sae(session, self.endpoints[at or self.saes[sae_id]].https_url, context)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        for kme in self.kmes.values():
            await kme.stop()


@asynccontextmanager
async def raised(
    state: Path,
    *,
    settings: KmeSettings | None = None,
    saes: Mapping[str, str] | None = None,
    blocks: int = 64,
    parts: Parts | None = None,
    clock: Clock | None = None,
    start: Sequence[str] | None = None,
    controlled: bool = False,
) -> AsyncIterator[Rig]:
    """The KMEs of the network, connected and in stock."""
    saes = saes or SAES
    stream = planted_stream(blocks)
    parts = Parts(stream=stream) if parts is None else parts
    rig = Rig(state, saes, settings or KmeSettings(), blocks, parts, clock or Clock(), controlled)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(rig.close)
        for kme_id in sorted(set(saes.values())) if start is None else start:
            await rig.start(kme_id)
        if start is None:
            await rig.stocked()
        yield rig
