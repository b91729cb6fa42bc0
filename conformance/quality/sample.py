"""The keys that are judged, as arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

WINDOW = 64
"""Bits in a window."""
_MOST_BITS = 1 << 19
_FINE_BITS = 1 << 18


@dataclass(frozen=True)
class Specimen:
    """One key as Get key handed it out.

    Attributes:
        id: its key_ID.
        octets: the key itself; never shown.
        source: the KME that handed it out (keys of one source are compared in the order drawn).
        whole: False when some of its bits are padding, or may be: it counts as a piece of the stream alone.
    """

    id: str
    octets: bytes = field(repr=False)
    source: str = ""
    whole: bool = True


@dataclass(frozen=True, repr=False)
class Windows:
    """Pieces of `WINDOW` neighbouring bits as numbers (``values``), and the positions of their keys (``owners``)."""

    values: Words
    owners: Counts


def octet_windows(octets: Octets) -> Words:
    """All windows of 8 octets in each row, as numbers; shape n × (length - 7), or n × 0."""
    many = max(0, octets.shape[1] - 7)
    windows: Words = np.zeros((octets.shape[0], many), dtype=np.uint64)
    for place in range(8):
        windows |= octets[:, place : place + many].astype(np.uint64) << np.uint64(56 - 8 * place)
    return windows


@dataclass(frozen=True, repr=False)
class Group:
    """The keys of one length, in the order drawn. ``octets``: n × length; ``members``: n positions in the sample."""

    octets: Octets
    members: Counts

    @property
    def count(self) -> int:
        """Number of keys."""
        return int(self.octets.shape[0])

    @property
    def length(self) -> int:
        """Octets per key."""
        return int(self.octets.shape[1])

    @cached_property
    def bits(self) -> Octets:
        """Shape n × 8·length; the most significant bit of each octet comes first."""
        return np.unpackbits(self.octets, axis=1)

    def numbers(self, order: str) -> list[int]:
        """The keys as integers; ``order`` is ``big`` or ``little``."""
        step = -1 if order == "little" else 1
        return [int.from_bytes(row.tobytes(), "big") for row in self.octets[:, ::step]]


class Sample:
    """Keys in the order drawn. Of very long keys only the first octets are looked at.

    Attributes:
        drawn: all specimens, complete.
        keys: those that are whole, cut where they are very long.
        groups: the same by length.
    """

    def __init__(self, specimens: Sequence[Specimen]) -> None:
        self.drawn = tuple(specimens)
        kept = [entry for entry in specimens if entry.octets and entry.whole]
        most = max(64, _MOST_BITS // 8 // max(1, len(kept)))
        self.keys = tuple(Specimen(entry.id, entry.octets[:most], entry.source) for entry in kept)
        by_length: dict[int, list[int]] = {}
        for position, entry in enumerate(self.keys):
            by_length.setdefault(len(entry.octets), []).append(position)
        self.groups = tuple(self._group(members) for _, members in sorted(by_length.items()))

    def __repr__(self) -> str:
        return f"Sample({len(self.keys)} keys, {self.bits} bits)"

    @property
    def bits(self) -> int:
        """Bits in all keys."""
        return 8 * sum(group.octets.size for group in self.groups)

    @cached_property
    def stream(self) -> bytes:
        """All keys behind one another, in the order drawn."""
        return b"".join(entry.octets for entry in self.keys)

    @cached_property
    def orders(self) -> tuple[tuple[Group, ...], ...]:
        """The groups in the order drawn; when there are several sources, also those of each source by itself."""
        sources = sorted({entry.source for entry in self.keys})
        apart = [
            tuple(self._only(group, source) for group in self.groups)
            for source in (sources if len(sources) > 1 else ())
        ]
        return (self.groups, *apart)

    @cached_property
    def windows(self) -> Windows:
        """All windows of all keys."""
        return self.windows_of([group.bits for group in self.groups])

    def windows_of(self, bits: Sequence[Octets]) -> Windows:
        """All windows of keys that were turned into ``bits``, group by group.

        In a small sample they start at every bit, in a large one at every octet, to keep matches by chance out.
        """
        values: list[Words] = [np.zeros(0, dtype=np.uint64)]
        owners: list[Counts] = [np.zeros(0, dtype=np.int64)]
        shifts = range(8 if self.bits <= _FINE_BITS else 1)
        for (group, own), shift in itertools.product(zip(self.groups, bits, strict=True), shifts):
            found = octet_windows(np.packbits(own[:, shift : own.shape[1] - (-shift % 8)], axis=1))
            values.append(found.ravel())
            owners.append(np.repeat(group.members, found.shape[1]))
        return Windows(np.concatenate(values), np.concatenate(owners))

    def _only(self, group: Group, source: str) -> Group:
        chosen = np.array([self.keys[int(member)].source == source for member in group.members], dtype=bool)
        return Group(group.octets[chosen], group.members[chosen])

    def _group(self, members: list[int]) -> Group:
        rows = [np.frombuffer(self.keys[member].octets, dtype=np.uint8) for member in members]
        return Group(np.vstack(rows), np.array(members, dtype=np.int64))
