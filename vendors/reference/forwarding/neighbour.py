"""The next forwarding module on a hop: its connection, its keys, and what was spent on it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qkd.node.v1.hop_pb2 import Confirmation, Header, HopMessage, Share

from .hops import HopKey, HopKeyError, HopKeys, KmeError
from .pauses import growing
from .seal import MAC_KEY_OCTETS, key_octets, seal
from .settings import ForwardingSettings
from .supply import KeyFetcher, KeySupply
from .wire import HopLine, LineDownError

_log = logging.getLogger(__name__)


class NotSentError(Exception):
    """The message could not go on in time, or too many wait for this hop."""


@dataclass(slots=True)
class Account:
    """Keys spent with one neighbour as the one who sends."""

    pad_bits: int = 0
    mac_bits: int = 0
    messages: int = 0


class Neighbour:
    """One neighbour.

    Args:
        own_sae_id: SAE ID of this forwarding module.
        kme_id, sae_id: the neighbour's.
        keys: the KME of this site.
        now: monotonic time, seconds.

    Attributes:
        kme_id, sae_id: as above.
        account: what was spent.
        line: the connection.
        supply: keys for sending.
    """

    def __init__(
        self,
        own_sae_id: str,
        kme_id: str,
        sae_id: str,
        keys: HopKeys,
        *,
        settings: ForwardingSettings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kme_id = kme_id
        self.sae_id = sae_id
        self.account = Account()
        self.line = HopLine(settings.first_pause_s, settings.longest_pause_s)
        usual = (key_octets(settings.relay_block_octets), MAC_KEY_OCTETS)
        self.supply = KeySupply(
            keys, sae_id, usual=usual, prefetch=settings.prefetch, prefetch_s=settings.prefetch_s, now=now
        )
        self._fetcher = KeyFetcher(keys, sae_id)
        self._own_sae_id = own_sae_id
        self._settings = settings
        self._held = 0

    async def close(self) -> None:
        """Hangs up; keys that were not used are forgotten."""
        await self.line.stop()
        await self.supply.close()
        await self._fetcher.close()

    # -- sending ------------------------------------------------------------------------------------

    async def send(self, kind: Share | Confirmation, payload: bytes) -> None:
        """Takes a key, waiting `hold_s` for it at most, seals and sends.

        Raises:
            NotSentError: no key, no connection, or too many messages wait already. Nothing was sent.
        """
        if self._held >= self._settings.held_messages:
            raise NotSentError("too many messages wait for this hop")
        self._held += 1
        try:
            key = await self.key_in_time(key_octets(len(payload)))
        finally:
            self._held -= 1
        await self.post(key, kind, payload)

    async def key_in_time(self, octets: int) -> HopKey:
        """A key for one message to this neighbour, once there is a connection.

        The KME is asked again with growing pauses while it has none.

        Raises:
            NotSentError: not within `hold_s`.
        """
        try:
            async with asyncio.timeout(self._settings.hold_s):
                for pause in self._pauses():
                    await self.line.up()
                    try:
                        return await self.supply.take(octets)
                    except KmeError as error:
                        _log.warning("no key for the hop to %s: %s", self.kme_id, error)
                    except HopKeyError:
                        _log.debug("no key for the hop to %s now", self.kme_id)
                    await asyncio.sleep(pause)
        except TimeoutError:
            pass
        raise NotSentError("no key or no connection in time")

    async def post(self, key: HopKey, kind: Share | Confirmation, payload: bytes) -> None:
        """Seals with this key and sends. The key is spent whatever becomes of the message.

        Raises:
            NotSentError: the connection is gone.
        """
        header = Header(from_sae_id=self._own_sae_id, to_sae_id=self.sae_id, key_id=key.key_id)
        if isinstance(kind, Share):
            header.share.CopyFrom(kind)
        else:
            header.confirmation.CopyFrom(kind)
        message = self.sealed(key, header.SerializeToString(), payload)
        self.account.pad_bits += 8 * len(payload)
        self.account.mac_bits += 8 * MAC_KEY_OCTETS
        self.account.messages += 1
        try:
            await self.line.send(message.SerializeToString())
        except LineDownError:
            raise NotSentError("the connection is gone") from None

    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        """The message, with the key spent on it."""
        sealed, tag = seal(key.spend(), header, payload)
        return HopMessage(header=header, sealed=sealed, tag=tag)

    # -- receiving ----------------------------------------------------------------------------------

    async def fetch(self, key_id: str) -> HopKey:
        """The key of a message that this neighbour has sent, waiting `hold_s` for the KME at most.

        Raises:
            KeysGoneError: there is none, or not any more.
            NotSentError: the KME does not answer.
        """
        try:
            async with asyncio.timeout(self._settings.hold_s):
                for pause in self._pauses():
                    try:
                        return await self._fetcher.fetch(key_id)
                    except KmeError as error:
                        _log.warning("the key of a message from %s is not to be had: %s", self.kme_id, error)
                    await asyncio.sleep(pause)
        except TimeoutError:
            pass
        raise NotSentError("the KME does not answer in time")

    def _pauses(self) -> Iterator[float]:
        return growing(self._settings.first_pause_s, self._settings.longest_pause_s)
