"""Keys as they came over the wire: usable in checks, invisible everywhere else."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

UUID_TEXT: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class KeyMaterial:
    """The octets of one key. They never show: neither in a repr, a format, an assertion nor a pickle.

    Equality takes constant time. ``octets()`` is the only way to the bytes, so that every use can be found.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = bytes(octets)

    def octets(self) -> bytes:
        """The bytes themselves; the caller keeps them out of logs, messages and files."""
        return self._octets

    def commitment(self, salt: bytes) -> str:
        """``hmac-sha256:`` and the first 16 hexadecimal digits of the HMAC under ``salt``."""
        return "hmac-sha256:" + hmac.new(salt, self._octets, hashlib.sha256).hexdigest()[:16]

    @property
    def bits(self) -> int:
        """Length in bits, whole octets counted."""
        return 8 * len(self._octets)

    def fits(self, size: int) -> bool:
        """True when the length is that of a key of ``size`` bits, rounded up to whole octets."""
        return len(self._octets) == -(-size // 8)

    def surplus_is_zero(self, size: int) -> bool:
        """True when the low-order bits beyond ``size`` in the last octet are all zero."""
        surplus = self.bits - size
        return surplus <= 0 or int.from_bytes(self._octets, "big") & ((1 << surplus) - 1) == 0

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyMaterial):
            return NotImplemented
        return hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(self._octets)

    def __repr__(self) -> str:
        return f"KeyMaterial({self.bits} bit)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> KeyMaterial:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KeyMaterial:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("key material is not pickled")


@dataclass(frozen=True, repr=False)
class DeliveredKey:
    """One element of a Key container (6.3, Table 11).

    Attributes:
        id: the ``key_ID`` as received; empty when it was missing or not a string.
        material: the decoded key. Text that is no base64 in any common form stands as its UTF-8 octets.
        entry: the other members, as received; not compared, and not shown.
    """

    id: str
    material: KeyMaterial
    entry: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def shown_id(self) -> str:
        """The ID, when it looks like one; whatever else a KME puts there could be a key."""
        return self.id if UUID_TEXT.fullmatch(self.id) else f"(ID of {len(self.id)} characters)"

    def __repr__(self) -> str:
        return f"DeliveredKey({self.shown_id}, {self.material.bits} bit)"
