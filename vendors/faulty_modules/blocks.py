"""Faults of key blocks: their IDs, their order, their octets at the two ends, the account."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from qkd.device.v1.module_pb2 import MODULE_ROLE_HUB, MODULE_ROLE_RECEIVER, MODULE_ROLE_TRANSMITTER
from vendors.emulation.handover.source import Block
from vendors.emulation.mdi import Hub
from vendors.emulation.store import Account, KeyBlockStore

from .catalogue import fault
from .models import MDI_SERIES


@fault("other-octets-now-and-then", caught_by=["DEV-BLOCK-4"], only=MODULE_ROLE_RECEIVER)
class OtherOctets(KeyBlockStore):
    """One block in 50 differs between the ends: error correction left an error, and nobody confirms."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """With an error."""
        if self._next % 50 == 49:
            octets = bytes([octets[0] ^ 1]) + octets[1:]
        return super().add(block_id, octets, time_s)


@fault("one-end-loses-blocks", caught_by=["DEV-BLOCK-3"], only=MODULE_ROLE_TRANSMITTER)
class LosesBlocks(KeyBlockStore):
    """One block in 40 never reaches the store of the transmitter."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Mostly."""
        count = self.__dict__["_count"] = self.__dict__.get("_count", 0) + 1
        if count % 40 == 0:
            return Block(self._next, block_id, octets, time_s)
        return super().add(block_id, octets, time_s)


@fault("block-id-reused", caught_by=["DEV-BLOCK-2"])
class BlockIdReused(KeyBlockStore):
    """The counter behind the block IDs wraps: block 64 bears the ID of block 0, and so on."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """With an ID of before, unless that is still kept."""
        names: list[bytes] = self.__dict__.setdefault("_names", [])
        old = names[self._next % 64] if len(names) >= 64 else block_id
        names.append(block_id)
        return super().add(block_id if old in self._sequences else old, octets, time_s)


@fault("gap-in-sequence", caught_by=["DEV-BLOCK-6"])
class GapInSequence(KeyBlockStore):
    """One sequence number in 30 is left out."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Counts one too far now and then."""
        self._next += self._next % 30 == 29
        return super().add(block_id, octets, time_s)


@fault("counts-from-one", caught_by=["DEV-BLOCK-6"])
class CountsFromOne(KeyBlockStore):
    """Sequence numbers begin at 1."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """From 1."""
        self._next = max(1, self._next)
        return super().add(block_id, octets, time_s)


@fault("time-of-its-own", caught_by=["DEV-BLOCK-7"])
class TimeOfItsOwn(KeyBlockStore):
    """Blocks bear the time of day instead of the plant's."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Some day in 2026."""
        return super().add(block_id, octets, 1.79e9 + time_s)


@fault("length-now-and-then-wrong", caught_by=["DEV-BLOCK-5"])
class LengthWrong(KeyBlockStore):
    """One block in 30 is an octet short."""

    def add(self, block_id: bytes, octets: bytes, time_s: float) -> Block:
        """Cut."""
        return super().add(block_id, octets[:-1] if self._next % 30 == 29 else octets, time_s)


@fault("released-blocks-kept", caught_by=["DEV-RELEASE-2"])
class ReleasedBlocksKept(KeyBlockStore):
    """Released blocks count as handed over, and are still there for whoever asks."""

    def release(self, next_sequence: int) -> None:
        """Keeps a copy."""
        shadow: dict[int, Block] = self.__dict__.setdefault("_shadow", {})
        shadow.update({number: block for number, block in self._blocks.items() if number < next_sequence})
        super().release(next_sequence)

    @property
    def first_sequence(self) -> int:
        """That of the oldest copy."""
        return next(iter(self.__dict__.get("_shadow", {})), super().first_sequence)

    async def blocks(self, first_sequence: int) -> AsyncIterator[Block]:
        """Copies first."""
        shadow: dict[int, Block] = self.__dict__.get("_shadow", {})
        for number in [one for one in shadow if one >= first_sequence]:
            yield shadow[number]
        following = max(first_sequence, max(shadow, default=-1) + 1)
        async for block in super().blocks(following):
            yield block


@fault("other-octets-when-asked-again", caught_by=["DEV-BLOCK-9"])
class OtherOctetsAgain(KeyBlockStore):
    """What is asked for a second time has been turned over with a counter."""

    async def blocks(self, first_sequence: int) -> AsyncIterator[Block]:
        """Each time others."""
        count = self.__dict__["_asked"] = self.__dict__.get("_asked", -1) + 1
        async for block in super().blocks(first_sequence):
            yield replace(block, octets=bytes([block.octets[0] ^ count]) + block.octets[1:])


class _WithAccount(KeyBlockStore):
    """An account that is told otherwise."""

    def told(self, account: Account, block_bits: int) -> Account:
        """As it is."""
        return account

    @property
    def account(self) -> Account:
        """As it is told."""
        last: Any = next(iter(self._blocks.values()), None)
        bits = (
            self.__dict__.setdefault("_bits", 8 * len(last.octets))
            if last is not None
            else self.__dict__.get("_bits", 0)
        )
        account = super().account
        return self.told(account, bits) if account.distilled else account


@fault("account-off-by-a-block", caught_by=["DEV-STATUS-2"])
class AccountOffByABlock(_WithAccount):
    """The block that is being made is counted as distilled, and nowhere else."""

    def told(self, account: Account, block_bits: int) -> Account:
        """One more."""
        return replace(account, distilled=account.distilled + block_bits)


@fault("account-counts-too-much", caught_by=["DEV-STATUS-4", "DEV-STATUS-5"])
class AccountCountsTooMuch(_WithAccount):
    """The account balances, with a block that never was."""

    def told(self, account: Account, block_bits: int) -> Account:
        """One more, in store."""
        return replace(account, distilled=account.distilled + block_bits, in_store=account.in_store + block_bits)


@fault("account-forgets-releases", caught_by=["DEV-RELEASE-1", "DEV-STATUS-5"])
class AccountForgetsReleases(_WithAccount):
    """What was handed over counts as destroyed."""

    def told(self, account: Account, block_bits: int) -> Account:
        """As destroyed."""
        return replace(account, handed_over=0, destroyed=account.destroyed + account.handed_over)


@fault("distilled-falls", caught_by=["DEV-STATUS-3"])
class DistilledFalls(_WithAccount):
    """The account forgets what was released."""

    def told(self, account: Account, block_bits: int) -> Account:
        """What is here."""
        return replace(account, distilled=account.distilled - account.handed_over, handed_over=0)


@fault("hub-keeps-a-key", caught_by=["DEV-HUB-1"], models=MDI_SERIES, only=MODULE_ROLE_HUB)
class HubKeepsAKey(Hub):
    """The hub distils a key of its own from what passes through it."""

    def _announce(self, said: Any) -> None:
        super()._announce(said)
        if said.parity and self.store.room(64):
            self.store.add(hashlib.sha256(said.parity).digest()[:16], said.parity[:64].ljust(64), self.time_s)
