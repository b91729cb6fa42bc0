"""How a block of a link is made of parts: in memory, and in `kme_peer.proto`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from qkd.reference.v1 import kme_peer_pb2 as wire
from vendors.reference.cutter import exclusive_or


class PartName(NamedTuple):
    """A block of a source, or a piece of a long one; the same at both ends."""

    source_id: str
    block_id: bytes
    piece: int = 0

    def __str__(self) -> str:
        return f"{self.source_id}/{self.block_id.hex()}/{self.piece}"


class Slice(NamedTuple):
    """Some octets of one part: so many, from `first` on."""

    name: PartName
    first: int
    octets: int


class Strand(NamedTuple):
    """Octets of one source: slices, one behind the other."""

    source_id: str
    slices: tuple[Slice, ...]

    @property
    def octets(self) -> int:
        """Its length."""
        return sum(one.octets for one in self.slices)


class Composition(NamedTuple):
    """A block of the link: the exclusive or of strands of different sources, all as long as the block."""

    strands: tuple[Strand, ...]


def combined(strands: Sequence[bytes]) -> bytes:
    """The exclusive or of strings of the same length: secret as long as any one of them is.

    Let one strand K be uniform and independent of all that an adversary knows, the other strands among it. Then
    K xor S is uniform for every value of S, whatever S was derived from: this is Shannon's one-time pad with K
    as the key (Communication Theory of Secrecy Systems, 1949). So the combiner is robust without any assumption
    on computing power. That a construction from several candidates should stay secure when all but one of them
    fail is what A. Herzberg calls tolerant (On Tolerant Cryptographic Constructions, CT-RSA 2005, LNCS 3376);
    the exclusive or of keys is its plainest case. What it needs is that no source learns the bits of
    another one; it does not add length: n strands of k bits make k bits.
    """
    return reduce(exclusive_or, strands)


def to_wire(compositions: Iterable[Composition]) -> list[wire.Composition]:
    """As the peer is told."""
    return [
        wire.Composition(
            strands=[
                wire.Strand(
                    source_id=strand.source_id,
                    slices=[
                        wire.Slice(block_id=one.name.block_id, piece=one.name.piece, first=one.first, octets=one.octets)
                        for one in strand.slices
                    ],
                )
                for strand in composition.strands
            ]
        )
        for composition in compositions
    ]


def from_wire(messages: Iterable[wire.Composition]) -> list[Composition]:
    """As the peer told."""
    return [
        Composition(
            tuple(
                Strand(
                    strand.source_id,
                    tuple(
                        Slice(PartName(strand.source_id, one.block_id, one.piece), one.first, one.octets)
                        for one in strand.slices
                    ),
                )
                for strand in message.strands
            )
        )
        for message in messages
    ]
