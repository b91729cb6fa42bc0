"""The destination of a relation: joins the shares of blocks and hands them to the KME."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from qkd.node.v1.hop_pb2 import Confirmation, Share

from .origin import relays_of
from .outlet import Outlet, Relation, RelayedBlock
from .settings import ForwardingSettings
from .shares import join

_log = logging.getLogger(__name__)
_REMEMBERED = 256


@dataclass(slots=True)
class _Arriving:
    """A block of which shares are missing."""

    total: int
    expiry: asyncio.TimerHandle
    shares: dict[int, bytes] = field(default_factory=dict, repr=False)
    passed: dict[int, tuple[str, ...]] = field(default_factory=dict)


class Destination:
    """Takes the blocks of one relation.

    A block is taken, and confirmed, when the KME has room for it; until then the origin, whose window is full
    of unconfirmed blocks, makes no more.

    Args:
        kme_id: of this site.
        relation, outlet: of the distant KME.
    """

    def __init__(self, kme_id: str, relation: Relation, outlet: Outlet, settings: ForwardingSettings) -> None:
        self._kme_id = kme_id
        self._relation = relation
        self._outlet = outlet
        self._settings = settings
        self._arriving: dict[bytes, _Arriving] = {}
        self._waiting = 0
        self._ended: deque[bytes] = deque(maxlen=_REMEMBERED)

    async def add(self, share: Share, octets: bytes) -> Confirmation | None:
        """Takes a share; the confirmation to send when its block is complete and taken.

        Raises:
            ValueError: the share does not go with the others, comes twice or too late, or there is too much.
        """
        arriving = self._arriving_of(share)
        if arriving.total != share.shares or share.number in arriving.shares:
            raise ValueError("the share does not go with the others")
        if any(len(one) != len(octets) for one in arriving.shares.values()):
            raise ValueError("the share is not as long as the others")
        arriving.shares[share.number] = octets
        arriving.passed[share.number] = tuple(share.passed)
        if len(arriving.shares) < arriving.total:
            return None
        self._forget(share.block_id)
        block = self._joined(share.block_id, arriving)
        if not await self._taken(block):
            return None
        back = [*reversed(arriving.passed[0])]
        return Confirmation(
            block_id=share.block_id,
            destination_kme_id=self._kme_id,
            hops=back,
            relays=block.relays if share.virtual_link_id else (),
        )

    def close(self) -> None:
        """Forgets what is not complete."""
        for block_id in list(self._arriving):
            self._forget(block_id)

    def _arriving_of(self, share: Share) -> _Arriving:
        known = self._arriving.get(share.block_id)
        if known is not None:
            return known
        if share.block_id in self._ended:
            raise ValueError("the block has been taken or given up")
        if len(self._arriving) + self._waiting >= self._settings.held_messages:
            raise ValueError("too many blocks are not complete or not read")
        expiry = asyncio.get_running_loop().call_later(self._settings.block_timeout_s, self._give_up, share.block_id)
        arriving = self._arriving[share.block_id] = _Arriving(share.shares, expiry)
        return arriving

    def _give_up(self, block_id: bytes) -> None:
        self._forget(block_id)
        self._relation.lost += 1

    def _forget(self, block_id: bytes) -> None:
        self._arriving.pop(block_id).expiry.cancel()
        self._ended.append(block_id)

    def _joined(self, block_id: bytes, arriving: _Arriving) -> RelayedBlock:
        numbers = range(arriving.total)
        octets = join([arriving.shares[number] for number in numbers])
        arriving.shares.clear()
        return RelayedBlock(block_id, octets, relays_of([arriving.passed[number][1:] for number in numbers]))

    async def _taken(self, block: RelayedBlock) -> bool:
        """Whether there was room for it before the origin gives it up."""
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.block_timeout_s):
                await self._outlet.put(block)
        except TimeoutError:
            self._relation.lost += 1
            return False
        finally:
            self._waiting -= 1
        self._relation.carried(block)
        return True
