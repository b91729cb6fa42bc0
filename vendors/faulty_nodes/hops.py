"""Faults in what goes over a hop: pads, tags, keys."""

from __future__ import annotations

from collections import deque
from hashlib import sha256

from cryptography.hazmat.primitives.poly1305 import Poly1305

from qkd.node.v1.hop_pb2 import HopMessage
from vendors.reference.cutter import exclusive_or
from vendors.reference.forwarding.destination import Destination
from vendors.reference.forwarding.hops import HopKey
from vendors.reference.forwarding.neighbour import Neighbour
from vendors.reference.forwarding.relay import Relay
from vendors.reference.forwarding.seal import MAC_KEY_OCTETS, TamperedError, authenticated, seal, unseal

from .catalogue import fault, part_fault, relay_part

_SHORT = 32
_HALF = 8
_FIXED = sha256(b"the MAC key of all our products").digest()


@fault("no-mac-check", "NODE-TAMPER-1", "NODE-TAMPER-2", "NODE-TAMPER-3")
class NoMacCheck(Relay):
    """What comes off the wire is opened whatever its tag."""

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        pad = key.spend()[: len(message.sealed)]
        return exclusive_or(message.sealed, pad)


@fault("half-a-tag", "NODE-TAMPER-1", "NODE-TAMPER-3")
class HalfATag(Relay):
    """Of a tag the first eight octets are compared."""

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        octets, sealed = key.spend(), message.sealed
        if len(octets) != len(sealed) + MAC_KEY_OCTETS:
            raise TamperedError
        text = authenticated(message.header, sealed)
        if Poly1305.generate_tag(octets[-MAC_KEY_OCTETS:], text)[:_HALF] != message.tag[:_HALF]:
            raise TamperedError
        return exclusive_or(sealed, octets[:-MAC_KEY_OCTETS])


class _PayloadOnly(Neighbour):
    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        sealed, tag = seal(key.spend(), b"", payload)
        return HopMessage(header=header, sealed=sealed, tag=tag)


@fault("header-not-authenticated", "NODE-TAMPER-1", "NODE-TAMPER-2", "NODE-HOP-5")
class HeaderNotAuthenticated(Relay):
    """The tag is over the payload alone: whoever is on the wire may change the header."""

    neighbour_type = _PayloadOnly

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        return unseal(key.spend(), b"", message.sealed, message.tag)


def _run_together(key: bytes, header: bytes, sealed: bytes) -> bytes:
    return Poly1305.generate_tag(key[-MAC_KEY_OCTETS:], header + sealed)


class _RunTogether(Neighbour):
    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        octets = key.spend()
        sealed, _ = seal(octets, header, payload)
        return HopMessage(header=header, sealed=sealed, tag=_run_together(octets, header, sealed))


@fault("header-runs-into-payload", "NODE-HOP-5")
class HeaderRunsIntoPayload(Relay):
    """The tag is over header and payload without their lengths: octets may move from the one to the other."""

    neighbour_type = _RunTogether

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        octets = key.spend()
        if len(octets) != len(message.sealed) + MAC_KEY_OCTETS:
            raise TamperedError
        if _run_together(octets, message.header, message.sealed) != message.tag:
            raise TamperedError
        return exclusive_or(message.sealed, octets[:-MAC_KEY_OCTETS])


class _FixedMacKey(Neighbour):
    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        sealed, tag = seal(key.spend()[: len(payload)] + _FIXED, header, payload)
        return HopMessage(header=header, sealed=sealed, tag=tag)


@fault("mac-key-reused", "NODE-HOP-5")
class MacKeyReused(Relay):
    """Every tag is made with the same key."""

    neighbour_type = _FixedMacKey

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        return unseal(key.spend()[: len(message.sealed)] + _FIXED, message.header, message.sealed, message.tag)


def _stretched(key: HopKey, payload_octets: int) -> bytes:
    octets = key.spend()
    if len(octets) == MAC_KEY_OCTETS:
        return octets
    pad = octets[:_SHORT] * (payload_octets // _SHORT + 1)
    return pad[:payload_octets] + octets[-MAC_KEY_OCTETS:]


class _ShortKeys(Neighbour):
    async def key_in_time(self, octets: int) -> HopKey:
        return await super().key_in_time(min(octets, _SHORT + MAC_KEY_OCTETS))

    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        sealed, tag = seal(_stretched(key, len(payload)), header, payload)
        return HopMessage(header=header, sealed=sealed, tag=tag)


@fault("pad-repeated", "NODE-HOP-3", "NODE-HOP-6")
class PadRepeated(Relay):
    """A hop key of 64 octets does for a message of any length: its pad is repeated."""

    neighbour_type = _ShortKeys

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        return unseal(_stretched(key, len(message.sealed)), message.header, message.sealed, message.tag)


class _Plain(Neighbour):
    def sealed(self, key: HopKey, header: bytes, payload: bytes) -> HopMessage:
        octets = key.spend()
        _, tag = seal(bytes(len(payload)) + octets[-MAC_KEY_OCTETS:], header, payload)
        return HopMessage(header=header, sealed=payload, tag=tag)


@fault("plaintext-share", "NODE-HOP-2")
class PlaintextShare(Relay):
    """Shares are authenticated, and sent as they are."""

    neighbour_type = _Plain

    def opened(self, key: HopKey, message: HopMessage) -> bytes:
        """See `Relay`."""
        octets = bytes(len(message.sealed)) + key.spend()[-MAC_KEY_OCTETS:]
        return unseal(octets, message.header, message.sealed, message.tag)


class _Hoarder(Neighbour):
    """Keeps keys that it has fetched, so that a message may name one again."""

    async def fetch(self, key_id: str) -> HopKey:
        kept: dict[str, bytes] = self.__dict__.setdefault("kept", {})
        if key_id not in kept:
            kept[key_id] = (await super().fetch(key_id)).spend()
        return HopKey(key_id, kept[key_id])


@part_fault("hop-key-twice", "NODE-HOP-4")
class HopKeyTwice(_Hoarder):
    """Each hop key serves for two messages."""

    async def key_in_time(self, octets: int) -> HopKey:
        """See `Neighbour`."""
        spare: dict[int, HopKey] = self.__dict__.setdefault("spare", {})
        if octets in spare:
            return spare.pop(octets)
        key = await super().key_in_time(octets)
        kept = key.spend()
        spare[octets] = HopKey(key.key_id, kept)
        return HopKey(key.key_id, kept)


class _Forgetful(Destination):
    def _forget(self, block_id: bytes) -> None:
        super()._forget(block_id)
        self._ended = deque(maxlen=1)


@fault("replays-accepted", "NODE-REPLAY-1")
class ReplaysAccepted(relay_part(neighbour_type=_Hoarder, destination_type=_Forgetful)):  # type: ignore[misc]
    """Fetched hop keys are kept, and ended blocks are not: a message that comes again is taken again."""
