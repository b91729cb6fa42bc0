"""A block split into exclusive-or shares for disjoint paths: all of them give it, fewer say nothing. Pure functions.

n-of-n sharing over paths of a network of trusted nodes: L. Salvail et al., Security of trusted repeater quantum
key distribution networks, Journal of Computer Security 18 (2010); T. R. Beals and B. C. Sanders, Distributed relay
protocol for probabilistic information-theoretic security in a randomly-compromised network, ICITS 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from vendors.reference.cutter import exclusive_or


def split(block: bytes, masks: Sequence[bytes]) -> list[bytes]:
    """`len(masks) + 1` shares of `block`, each as long as it: the masks, then the block hidden by all of them.

    Args:
        masks: uniformly random, independent of each other and of the block, never used again.

    Raises:
        ValueError: a mask is not as long as the block.
    """
    if any(len(mask) != len(block) for mask in masks):
        raise ValueError("a mask is as long as the block")
    return [*masks, reduce(exclusive_or, masks, block)]


def join(shares: Sequence[bytes]) -> bytes:
    """The block of all its shares.

    Raises:
        ValueError: no share, or shares of different lengths.
    """
    if len({len(share) for share in shares}) != 1:
        raise ValueError("the shares of a block are of one length")
    return reduce(exclusive_or, shares)
