"""Faults that give the slave other bytes than the master (5.4)."""

from __future__ import annotations

from collections.abc import Sequence

from qkd.reference.v1.kme_peer_pb2 import Grant
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.keeper import Keeper
from vendors.reference.model import Key, KeyIdsRequest

from .catalogue import fault


@fault("slave-gets-other-bytes", caught_by=["ETSI014-5.4-R1"])
class OtherBytes(Keeper):
    """The two KMEs disagree about the order of octets."""

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """Backwards."""
        return key[::-1]


@fault("slave-gets-other-bytes-rarely", caught_by=["ETSI014-5.4-R1"])
class OtherBytesRarely(Keeper):
    """One key in twenty is kept with a flipped bit: error correction that did not converge."""

    _kept = 0

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """Every twentieth is wrong."""
        self._kept += 1
        return bytes([key[0] ^ 1]) + key[1:] if self._kept % 20 == 0 else key


@fault("slave-gets-other-bytes-beyond-256-bits", caught_by=["ETSI014-5.4-R1"])
class OtherBytesBeyond256(Keeper):
    """The keeping end fills a buffer of 32 octets; what is behind it stays zero."""

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """The first 32 octets, and zeros."""
        return key[:32] + bytes(len(key[32:]))


@fault("slave-gets-other-last-bits", caught_by=["ETSI014-5.4-R1"])
class OtherLastBits(Keeper):
    """For odd sizes the two KMEs cut at different ends of the last octet."""

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """The last bits moved to the low end."""
        return key[:-1] + bytes([key[-1] >> (-grant.bits % 8)])


@fault("slave-gets-last-bits-inverted", caught_by=["ETSI014-5.4-R1"])
class LastBitInverted(Keeper):
    """For odd sizes the last bit of the key is a parity bit at the keeping end."""

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """The last bit, inverted."""
        surplus = -grant.bits % 8
        return key[:-1] + bytes([key[-1] ^ (1 << surplus)]) if surplus else key


@fault("container-bytes-shifted", caught_by=["ETSI014-5.4-R1"])
class BytesShifted(KeyDelivery):
    """With several key IDs in one request, IDs and keys are matched in different orders."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """The bytes of each key under the ID of the next."""
        delivery = await super().get_key_with_key_ids(caller, request)
        keys = delivery.container.keys
        shifted = [Key(key.key_id, keys[place - 1].octets) for place, key in enumerate(keys)]
        return Delivery(delivery.container._replace(keys=shifted), delivery.copies)


@fault("slave-gets-other-ids", caught_by=["ETSI014-5.4-R1", "ETSI014-6.4-R9"])
class NewIdsForSlave(KeyDelivery):
    """The slave's KME answers with key IDs of its own."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """Under new IDs."""
        delivery = await super().get_key_with_key_ids(caller, request)
        keys: Sequence[Key] = [Key(self.names.new(), key.octets) for key in delivery.container.keys]
        return Delivery(delivery.container._replace(keys=keys), delivery.copies)
