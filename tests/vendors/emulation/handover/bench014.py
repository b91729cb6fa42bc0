"""A pair of modules that serve ETSI GS QKD 014, and the KMSs of both sites, for tests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import aiohttp
from yarl import URL

from harness.pki import Authority, Issued
from vendors.emulation.handover import Ends, Etsi014Server, Etsi014Settings, MemorySource, TlsCredentials

AUTHORITY = Authority()
BLOCK_OCTETS = 64
ENDS = {
    "kme-a": Ends("a/idq-1", "b/idq-1", "kme-a", "kme-b"),
    "kme-b": Ends("b/idq-1", "a/idq-1", "kme-b", "kme-a"),
}


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test, of at most 10 s."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(10):
                await test(*arguments, **named)

        asyncio.run(bounded())

    return run


def client_context(issued: Issued | None, trust_pem: bytes = AUTHORITY.certificate_pem) -> ssl.SSLContext:
    """A caller's TLS; with no certificate if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=trust_pem.decode())
    if issued is not None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(issued.private_key_pem + issued.certificate_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def block_id(index: int) -> bytes:
    """Odd and even ones by turns, and a UUID of no version that matters."""
    return hashlib.shake_256(f"id {index}".encode()).digest(15) + bytes([index % 256])


def octets(index: int) -> bytes:
    return hashlib.shake_256(f"key {index}".encode()).digest(BLOCK_OCTETS)


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"].startswith("application/json")
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])

    @property
    def keys(self) -> dict[str, bytes]:
        assert self.status == 200, self
        return {key["key_ID"]: base64.b64decode(key["key"], validate=True) for key in self.json["keys"]}


@dataclass
class Caller:
    """Somebody with a certificate at one of the modules."""

    base: str
    session: aiohttp.ClientSession
    context: ssl.SSLContext

    async def call(self, verb: str, path: str, **arguments: Any) -> Answer:
        url = URL(f"{self.base}/api/v1/keys/{path}", encoded=True)
        async with self.session.request(verb, url, ssl=self.context, **arguments) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)

    async def enc(self, slave: str, **members: object) -> Answer:
        return await self.call("POST", f"{slave}/enc_keys", json=members)

    async def dec(self, master: str, *key_ids: str) -> Answer:
        return await self.call("POST", f"{master}/dec_keys", json={"key_IDs": [{"key_ID": name} for name in key_ids]})


@dataclass
class Bench:
    """Both modules. `now` is the plant's time."""

    session: aiohttp.ClientSession
    now: float = 0.0
    sources: dict[str, MemorySource] = field(default_factory=dict)
    servers: dict[str, Etsi014Server] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def make(self, number: int, first: int = 0) -> None:
        """The link distils so many blocks more."""
        for source in self.sources.values():
            for index in range(first, first + number):
                source.add(block_id(index), octets(index), self.now)

    def kms(self, kme_id: str, certificate: Issued | None = None) -> Caller:
        issued = certificate or AUTHORITY.issue_kme(kme_id)
        return Caller(self.urls[kme_id], self.session, client_context(issued))


@asynccontextmanager
async def raised(blocks: int = 8, **settings: Any) -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as session:
        bench = Bench(session)
        for kme_id, ends in ENDS.items():
            issued = AUTHORITY.issue_kme(ends.module_id)
            credentials = TlsCredentials(issued.certificate_pem, issued.private_key_pem, AUTHORITY.certificate_pem)
            source = bench.sources[kme_id] = MemorySource()
            server = Etsi014Server(
                source, credentials, ends, Etsi014Settings(BLOCK_OCTETS, **settings), lambda: bench.now
            )
            bench.servers[kme_id] = server
            bench.urls[kme_id] = await server.start()
        bench.make(blocks)
        try:
            yield bench
        finally:
            for server in bench.servers.values():
                await server.stop()
