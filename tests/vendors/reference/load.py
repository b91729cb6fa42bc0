"""Masters and slaves at two KMEs under load, and the books they keep: what was handed out, what arrived."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from tests.vendors.reference.kme_process import Site

# (master, its slave, another slave for some of the keys)
FLOWS = (("sae-a1", "sae-b1", "sae-b2"), ("sae-a2", "sae-b2", "sae-a1"), ("sae-b1", "sae-a1", "sae-a2"))
SAES = {"sae-a1": "kme-a", "sae-a2": "kme-a", "sae-b1": "kme-b", "sae-b2": "kme-b"}
_PAUSE_S = 0.02
_PATIENCE_S = 5.0

Keys = dict[str, bytes]


@dataclass
class Books:
    """What the SAEs saw, key by key and slave by slave.

    Attributes:
        issued: keys that a master received.
        delivered: copies that a slave received in a complete answer: the key ID and the slave.
        lost: copies of issued keys that their slave was refused.
        doubled: copies that a slave received again after a complete answer.
        differing: copies whose bytes are not those of the master's.
        unanswered: calls that got no complete answer, because a KME died.
    """

    issued: int = 0
    delivered: set[tuple[str, str]] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    unanswered: int = 0


@dataclass(frozen=True)
class Parcel:
    """Keys of one Get key, to be fetched by one slave in one call."""

    master: str
    slave: str
    keys: Keys = field(repr=False)


class Load:
    """Keeps both KMEs busy until it is told to stop, then fetches what is outstanding.

    Args:
        site: its KMEs serve `SAES`.
    """

    def __init__(self, site: Site, seed: int = 1) -> None:
        self.books = Books()
        self._site = site
        self._random = random.Random(seed)
        self._waiting: deque[Parcel] = deque()
        self._fetched: list[Parcel] = []
        self._stopping = False
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def run(self, until: Callable[[], bool]) -> None:
        """Masters take and slaves fetch until `until` says so; returns when nothing is outstanding."""
        async with asyncio.TaskGroup() as group:
            masters = [group.create_task(self._take(flow, until)) for flow in FLOWS for _ in range(2)]
            slaves = [group.create_task(self._fetch_waiting()) for _ in range(6)]
            await asyncio.gather(*masters)
            self._stopping = True
            await asyncio.gather(*slaves)

    async def ask_again(self) -> None:
        """Every copy that was delivered is asked for once more."""
        for parcel in self._fetched:
            answer = await self._fetch(parcel)
            assert answer is not None
            if answer[0] == 200:
                self.books.doubled += answer[1]

    async def close(self) -> None:
        """Ends the connections."""
        for session in self._sessions.values():
            await session.close()

    async def _take(self, flow: tuple[str, str, str], until: Callable[[], bool]) -> None:
        master, slave, other = flow
        while not until():
            members: dict[str, object] = {"number": self._random.randint(1, 4), "size": 128}
            slaves = [slave]
            if self._random.random() < 0.3:
                members["additional_slave_SAE_IDs"] = [other]
                slaves.append(other)
            answer = await self._call(master, f"{slave}/enc_keys", members)
            if answer is None or answer[0] == 503:  # a KME is down: nothing was handed out
                await asyncio.sleep(_PAUSE_S)
                continue
            assert answer[0] == 200, answer[0]
            self.books.issued += len(answer[1])
            self._waiting += [Parcel(master, name, answer[1]) for name in slaves]

    async def _fetch_waiting(self) -> None:
        while self._waiting or not self._stopping:  # a parcel that is on its way is in the hands of a sibling
            if not self._waiting:
                await asyncio.sleep(_PAUSE_S)
                continue
            parcel = self._waiting.popleft()
            answer = await self._fetch(parcel)
            if answer is None or answer[0] == 503:  # a KME is down: ask again later, for the same keys
                self._waiting.append(parcel)
                await asyncio.sleep(_PAUSE_S)
            else:
                self._enter(parcel, *answer)

    def _enter(self, parcel: Parcel, status: int, keys: Keys) -> None:
        books = self.books
        if status != 200:
            books.lost += [f"{key_id} for {parcel.slave}: {status}" for key_id in parcel.keys]
            return
        books.differing += [key_id for key_id, key in parcel.keys.items() if keys.get(key_id) != key]
        books.delivered.update((key_id, parcel.slave) for key_id in keys)
        self._fetched.append(parcel)

    async def _fetch(self, parcel: Parcel) -> tuple[int, Keys] | None:
        members: dict[str, object] = {"key_IDs": [{"key_ID": key_id} for key_id in parcel.keys]}
        return await self._call(parcel.slave, f"{parcel.master}/dec_keys", members)

    async def _call(self, sae_id: str, path: str, members: dict[str, object]) -> tuple[int, Keys] | None:
        """Status and keys; None when there was no complete answer."""
        session = self._sessions.get(sae_id) or self._connect(sae_id)
        facts = self._site.facts(SAES[sae_id], "up")
        if facts is None:
            return None
        try:
            async with session.post(f"{facts['url']}/api/v1/keys/{path}", json=members) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.books.unanswered += 1
            return None
        if answer.status != 200:
            return answer.status, {}
        return 200, {key["key_ID"]: base64.b64decode(key["key"]) for key in json.loads(body)["keys"]}

    def _connect(self, sae_id: str) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=str(self._site.folder / "ca.pem"))
        context.load_cert_chain(self._site.folder / f"{sae_id}.both")
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)
        )
        self._sessions[sae_id] = session
        return session
