"""Faults in paths and shares."""

from __future__ import annotations

from typing import Any

from qkd.node.v1.hop_pb2 import Share
from vendors.reference.forwarding.entropy import Entropy
from vendors.reference.forwarding.neighbour import Neighbour
from vendors.reference.forwarding.origin import Origin, Paths
from vendors.reference.forwarding.relay import Relay

from .catalogue import fault, part_fault


@fault("wrong-next-hop", "NODE-PATH-1")
class WrongNextHop(Relay):
    """A relay sends shares round by another neighbour of its own where it has one."""

    async def _share(self, share: Share, payload: bytes, sender: Neighbour) -> None:
        nodes = {*share.passed, *share.hops}
        detour = next((name for name in self.neighbours if name not in nodes), "")
        if len(share.hops) == 2 and detour and len(share.passed) == 1:
            share.hops.insert(1, detour)
        await super()._share(share, payload, sender)


class _MasksOfZero:
    """The first part is random, the rest, from which masks are made, is not."""

    def __init__(self, source: Entropy, block_octets: int) -> None:
        self._source = source
        self._block_octets = block_octets

    async def octets(self, number: int) -> bytes:
        return await self._source.octets(self._block_octets) + bytes(number - self._block_octets)

    async def close(self) -> None:
        await self._source.close()


@part_fault("share-is-the-block", "NODE-SHARE-3")
class ShareIsTheBlock(Origin):
    """The masks of shares are zero: one share is a copy of the block."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named["entropy"] = _MasksOfZero(named["entropy"], named["settings"].relay_block_octets)
        super().__init__(*args, **named)


class _SameMask(_MasksOfZero):
    """The rest is random, and always the same."""

    _rest = b""

    async def octets(self, number: int) -> bytes:
        made = await self._source.octets(number)
        first, rest = made[: self._block_octets], made[self._block_octets :]
        if len(self._rest) < len(rest):
            self._rest = rest
        return first + self._rest[: len(rest)]


@part_fault("mask-reused", "NODE-SHARE-3")
class MaskReused(Origin):
    """All blocks are split with the same mask."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named["entropy"] = _SameMask(named["entropy"], named["settings"].relay_block_octets)
        super().__init__(*args, **named)


@part_fault("one-path-will-do", "NODE-SHARE-4")
class OnePathWillDo(Origin):
    """When a path is down blocks go along those that are left."""

    async def _carry(self, paths: Paths) -> None:
        up = tuple(path for path in paths if self._neighbours[path[0]].line._writer is not None)  # noqa: SLF001
        await super()._carry(up or paths)
