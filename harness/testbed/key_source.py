"""An emulated quantum link: the same secret blocks at both ends, and again after any restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import grpc
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harness.contract import ContractError, carries_token
from harness.sdk.server import contract_server
from qkd.device.v1 import key_source_pb2, key_source_pb2_grpc

_AES_BLOCK = 16
BLOCK_OCTETS = 4096


class KeySource(key_source_pb2_grpc.KeySourceServiceServicer):
    """qkd.device.v1 for any number of links. An asynchronous context manager.

    Block `i` of link `L` is a piece of an AES-256-CTR key stream whose key is derived (HKDF-SHA-256) from the
    seed and `L`: no state, so both ends and any restart get the same octets.

    Args:
        links: their IDs.
        seed: 32 octets or more; default random. Tests give their own, to know which keys to look for.
        block_octets: length of a block, a multiple of 16.
        blocks_per_second: how fast each link grows; default as fast as it is read.
        total_blocks: blocks that each link has to give, until `extend`; default endless.

    Raises:
        ValueError: when an argument is out of range.

    Attributes:
        address: ``host:port``, once entered.
    """

    def __init__(
        self,
        links: Iterable[str],
        *,
        seed: bytes | None = None,
        block_octets: int = BLOCK_OCTETS,
        blocks_per_second: float | None = None,
        total_blocks: int | None = None,
    ) -> None:
        if block_octets <= 0 or block_octets % _AES_BLOCK:
            raise ValueError(f"a block has a positive multiple of {_AES_BLOCK} octets, not {block_octets}")
        if blocks_per_second is not None and not blocks_per_second > 0:
            raise ValueError("blocks_per_second is above zero")
        if seed is not None and len(seed) < 32:
            raise ValueError("a seed has 32 octets or more")
        self.address = ""
        self.block_octets = block_octets
        self._seed = seed or secrets.token_bytes(32)
        self._rate = blocks_per_second
        self._links = {link: _Link(self._seed, link, total_blocks) for link in links}
        self._grown = asyncio.Condition()
        self._start = 0.0
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"KeySource({', '.join(self._links)})"

    async def __aenter__(self) -> Self:
        server = contract_server(self)
        self.address = server.address
        self._start = asyncio.get_running_loop().time()
        await self._stack.enter_async_context(server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def token(self, link: str) -> str:
        """The token of a link; raises `KeyError`."""
        return self._links[link].token

    def block(self, link: str, index: int) -> bytes:
        """A block of a link, as both of its ends get it; raises `KeyError`."""
        return self._links[link].block(index, self.block_octets)

    def served(self, link: str) -> int:
        """How many blocks of a link were read, from its start, those under way too; raises `KeyError`."""
        return self._links[link].served

    async def extend(self, link: str, blocks: int) -> None:
        """Lets a link with `total_blocks` give so many more; raises `KeyError`."""
        one = self._links[link]
        if one.total is not None:
            one.total += blocks
        async with self._grown:
            self._grown.notify_all()

    async def StreamBlocks(
        self, request: key_source_pb2.StreamBlocksRequest, context: Any
    ) -> AsyncIterator[key_source_pb2.StreamBlocksResponse]:
        """The blocks of a link; stays open, silent, while the link has none to give."""
        link = self._links.get(request.link_id)
        token = link.token if link else secrets.token_urlsafe(32)
        if not carries_token(context.invocation_metadata(), token) or link is None:
            # An unknown link answers as a wrong token does: nobody learns which links there are.
            raise ContractError(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED", message="not the token of this link")
        index = request.first_index
        while True:
            await self._await_block(link, index)
            link.served = max(link.served, index + 1)
            yield key_source_pb2.StreamBlocksResponse(index=index, block=link.block(index, self.block_octets))
            index += 1

    async def _await_block(self, link: _Link, index: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: link.total is None or index < link.total)
        if self._rate is not None:
            due = self._start + (index + 1) / self._rate
            await asyncio.sleep(due - asyncio.get_running_loop().time())


class _Link:
    """The endless key stream of one link."""

    def __init__(self, seed: bytes, link: str, total: int | None) -> None:
        self.token = secrets.token_urlsafe(32)
        self.total = total
        self.served = 0
        info = b"qkd-harness key source " + link.encode()
        self._key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(seed)

    def block(self, index: int, octets: int) -> bytes:
        first = index * (octets // _AES_BLOCK) % (1 << 128)
        stream = Cipher(algorithms.AES256(self._key), modes.CTR(first.to_bytes(_AES_BLOCK, "big")))
        return stream.encryptor().update(bytes(octets))
