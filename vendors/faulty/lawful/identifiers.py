"""Other key IDs: any UUID will do (6.3, A13)."""

from __future__ import annotations

import os
import time

from vendors.faulty.catalogue import variant
from vendors.reference.delivery import KeyDelivery
from vendors.reference.forms import Forms
from vendors.reference.names import KeyNames
from vendors.reference.refusals import bad_request


@variant("upper-case-ids")
class UpperCaseIds(Forms):
    """Key IDs are written in capitals."""

    def key_id(self, key_id: bytes) -> str:
        """In capitals."""
        return super().key_id(key_id).upper()


class _CaseCounts(KeyDelivery):
    def key_id_of(self, text: str) -> bytes:
        if text != text.lower():
            raise bad_request("key_ID is unknown in this form", "KEY_ID_MALFORMED")
        return super().key_id_of(text)


@variant("case-sensitive-ids")
class CaseSensitiveIds(_CaseCounts):
    """A key ID is only found in the case in which it was handed out (A13)."""


@variant("uuid-version-1")
class Version1(KeyNames):
    """Key IDs tell the time and the node: UUID version 1."""

    def head(self) -> bytes:
        """Ticks of 100 ns, version, a random clock sequence."""
        ticks = time.time_ns() // 100 + 0x01B21DD213814000  # since 15 October 1582
        stamp = ticks.to_bytes(8)
        time_high = bytes([stamp[0] & 0x0F | 0x10, stamp[1]])
        sequence = os.urandom(2)
        return stamp[4:8] + stamp[2:4] + time_high + bytes([sequence[0] & 0x3F | 0x80, sequence[1]])


@variant("uuid-version-7")
class Version7(KeyNames):
    """Key IDs ascend with time: UUID version 7."""

    def head(self) -> bytes:
        """Milliseconds, then random bits."""
        milliseconds = (time.time_ns() // 1_000_000).to_bytes(6)
        octets = bytearray(os.urandom(4))
        octets[0] = octets[0] & 0x0F | 0x70
        octets[2] = octets[2] & 0x3F | 0x80
        return milliseconds + bytes(octets)
