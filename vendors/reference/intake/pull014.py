"""Modules that have to be asked: they serve ETSI GS QKD 014, and this KME is an SAE to them.

The SAE IDs are the KME IDs of the two ends. The leader is the master: it takes new keys (5.3). The follower is
told their IDs over the channel between the KMEs, and fetches them from its own module (5.4). The key ID is the
block ID.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from vendors.reference.source import SourceAddress

from .composition import PartName
from .intake import Intake
from .parts import NewBlock
from .reader import Reader

_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
_LONGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_POLL_S = 2.0


class Unserved(aiohttp.ClientError):
    """The module answered, and gave no keys.

    Attributes:
        status: of the HTTP answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Module014:
    """Calls the methods of one module. Raises `Unserved`, and ValueError for an answer that is none."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext, source: SourceAddress) -> None:
        self._session = session
        self._context = context
        self._base = f"{source.address.rstrip('/')}/api/v1/keys/{quote(source.peer_kme_id, safe='')}"

    async def status(self) -> Mapping[str, Any]:
        """Get status (5.2), as it came."""
        return await self._call("GET", "status")

    async def new_keys(self, number: int, size: int) -> list[NewBlock]:
        """Get key (5.3)."""
        return _blocks(await self._call("POST", "enc_keys", {"number": number, "size": size}))

    async def keys(self, key_ids: Iterable[bytes]) -> list[NewBlock]:
        """Get key with key IDs (5.4)."""
        members = {"key_IDs": [{"key_ID": str(uuid.UUID(bytes=key_id))} for key_id in key_ids]}
        return _blocks(await self._call("POST", "dec_keys", members))

    async def _call(self, verb: str, method: str, members: object = None) -> Mapping[str, Any]:
        url = URL(f"{self._base}/{method}", encoded=True)
        async with self._session.request(
            verb, url, json=members, ssl=self._context, timeout=_TIMEOUT, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                raise Unserved(answer.status)
            if (answer.content_length or 0) > _LONGEST_ANSWER:
                raise ValueError("an answer is too long")
            body = await answer.read()
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError("an answer is no JSON object")  # noqa: TRY004 - it is the module's fault
        return found


def _blocks(container: Mapping[str, Any]) -> list[NewBlock]:
    """The keys of a key container (6.3)."""
    try:
        return [
            NewBlock(uuid.UUID(key["key_ID"]).bytes, base64.b64decode(key["key"], validate=True))
            for key in container["keys"]
        ]
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        raise ValueError("an answer is no key container") from None  # its text would show the key


class _Reader014(Reader):
    def __init__(self, intake: Intake, source: SourceAddress, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(intake, source)
        self._context = context

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def _module(self, session: aiohttp.ClientSession) -> Module014:
        return Module014(session, self._context(), self.source)


class Master014(_Reader014):
    """The leader's reader: asks how much there is, takes it, and waits longer each time there is nothing."""

    async def follow(self) -> None:
        """See `Reader`."""
        first = pause = self.intake.settings.poll_s
        async with self._session() as session:
            module = self._module(session)
            while True:
                await self.state.wanted.wait()
                pause = first if await self._take(module) else min(2 * pause, max(first, _LONGEST_POLL_S))
                await asyncio.sleep(pause)

    async def _take(self, module: Module014) -> bool:
        """Takes what there is, as far as it has room; says whether there was any."""
        try:
            status = await module.status()
            size, there, most = self._sizes(status)
        except Unserved:
            return False
        except (KeyError, TypeError):
            raise ValueError("an answer is no status") from None
        came = False
        while there and (room := self.intake.room(self.source.name)):
            number = min(there, most, max(1, room * 8 // size))
            try:
                blocks = await module.new_keys(number, size)
            except Unserved:
                return came
            self.intake.put(self.source.name, blocks)
            self.went_well()
            came = True
            there -= number
        return came

    def _sizes(self, status: Mapping[str, Any]) -> tuple[int, int, int]:
        """Size of the keys to ask for, bits; how many there are; how many at a time.

        The keys are as long as a block of the link where the module serves that, and otherwise as long as it
        serves, in whole octets.
        """
        longest = min(8 * self.intake.block_octets, int(status["max_key_size"])) // 8 * 8
        size = max(longest, int(status["min_key_size"]))
        if size % 8:
            size = int(status["key_size"])
        there = int(status["stored_key_count"]) * int(status["key_size"]) // size
        return size, there, max(1, int(status["max_key_per_request"]))


class Slave014(_Reader014):
    """The follower's reader: fetches the keys that the leader names, until they are there or dropped."""

    def __init__(self, intake: Intake, source: SourceAddress, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(intake, source, context)
        self._named: dict[bytes, None] = {}
        self._work = asyncio.Event()

    def fetch(self, block_ids: Sequence[bytes]) -> None:
        """The leader has these."""
        self._named.update(dict.fromkeys(block_ids))
        if self._named:
            self._work.set()

    def forget(self, names: Sequence[PartName]) -> None:
        """The leader has given these up."""
        for name in names:
            if name.source_id == self.source.name:
                self._named.pop(name.block_id, None)

    async def follow(self) -> None:
        """See `Reader`."""
        first = pause = self.intake.settings.poll_s
        async with self._session() as session:
            module = self._module(session)
            most = 0
            while True:
                await self._work.wait()
                most = most or await self._limit(module)
                while self._named:
                    if await self._fetch_some(module, most):
                        pause = first
                    else:
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, max(first, _LONGEST_POLL_S))
                self._work.clear()

    async def _limit(self, module: Module014) -> int:
        try:
            return max(1, int((await module.status())["max_key_per_request"]))
        except (KeyError, TypeError):
            raise ValueError("an answer is no status") from None

    async def _fetch_some(self, module: Module014, most: int) -> bool:
        """Fetches the next keys; where the module has not all of them, one by one. Says whether any came."""
        some = list(self._named)[:most]
        came = await self._fetch(module, some)
        if not came and len(some) > 1:
            for key_id in some:
                came = await self._fetch(module, [key_id]) or came
        for key_id in some:  # those that did not come go to the end
            if key_id in self._named:
                del self._named[key_id]
                self._named[key_id] = None
        return came

    async def _fetch(self, module: Module014, key_ids: Sequence[bytes]) -> bool:
        try:
            blocks = await module.keys(key_ids)
        except Unserved as unserved:
            if unserved.status == 503:  # nothing to be had from it now: no use in asking one by one
                await asyncio.sleep(self.intake.settings.poll_s)
            return False
        wanted = [block for block in blocks if block.block_id in key_ids]
        self.intake.put(self.source.name, wanted)
        self.went_well()
        for block in wanted:
            self._named.pop(block.block_id, None)
        return bool(wanted)
