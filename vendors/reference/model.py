"""The requests and answers of ETSI GS QKD 014, free of any wire form. Sizes in bits, key bytes never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

Pairs = Mapping[str, object]


class KeyRequest(NamedTuple):
    """Get key (6.2, Table 10). None = not given.

    Attributes:
        slave: the SAE in the path.
        number: of keys.
        size: of each key, bits.
        additional_slaves: SAEs that are to share the keys, as given.
        extension_mandatory: objects of name/value pairs, as given.
        extension_optional: objects of name/value pairs, as given.
    """

    slave: str
    number: int | None = None
    size: int | None = None
    additional_slaves: Sequence[str] = ()
    extension_mandatory: Sequence[Pairs] = ()
    extension_optional: Sequence[Pairs] = ()


class KeyIdsRequest(NamedTuple):
    """Get key with key IDs (6.4, Table 12).

    Attributes:
        master: the SAE in the path.
        key_ids: UUIDs in text form, as given.
    """

    master: str
    key_ids: Sequence[str]


class Key(NamedTuple):
    """One key as it is handed over.

    Attributes:
        key_id: 16 octets of the UUID.
        octets: the key, rounded up to whole octets; surplus low-order bits of the last one are zero.
    """

    key_id: bytes
    octets: bytes

    def __repr__(self) -> str:
        return f"Key({self.key_id.hex()})"


class KeyContainer(NamedTuple):
    """The answer of both key calls (6.3, Table 11), keys in the order asked for.

    Attributes:
        extension: key_container_extension; empty = left out.
    """

    keys: Sequence[Key]
    extension: Pairs = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Status:
    """Get status (6.1, Table 9), members named and ordered as there. Sizes in bits."""

    source_KME_ID: str  # noqa: N815 - the standard's own names, so that the wire form needs no table
    target_KME_ID: str  # noqa: N815
    master_SAE_ID: str  # noqa: N815
    slave_SAE_ID: str  # noqa: N815
    key_size: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size: int
    min_key_size: int
    max_SAE_ID_count: int  # noqa: N815
