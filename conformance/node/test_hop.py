"""What goes over a hop: sealed with one key of the hop, used once, and nothing of the payload to be seen."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cryptography.hazmat.primitives.poly1305 import Poly1305

from conformance.node.keys import exchange, touches, xor
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.testbed.hop_tap import Frame
from harness.testbed.node_plan import forwarder
from harness.testbed.nodes import NodeBench

MAC_OCTETS: Final = 32
_MANY = 6


@case(
    "node.hop.sealed", "NODE-HOP-1", "NODE-HOP-2", "NODE-HOP-3", "NODE-HOP-4", "NODE-HOP-5", "NODE-HOP-6", "NODE-HOP-7"
)
def test_messages_are_sealed(line: NodeBench, check: Check) -> None:
    """Each message has a hop key to itself, which makes its pad and its tag; nothing delivered stands on any wire."""
    one, other = line.both("n1", "n3")
    line.until(lambda: len(one) >= _MANY)
    keys = exchange(line, "n1", "n4", 4)
    other.stop()
    check.require(bool(one.blocks) and bool(keys.taken), "nothing was delivered")
    frames = {ends: list(tap.frames) for ends, tap in line.taps.items()}
    every = [frame for some in frames.values() for frame in some]
    named = sum(
        (frame.header.from_sae_id, frame.header.to_sae_id) == (forwarder(sender), forwarder(receiver))
        and len(frame.message.tag) == 16
        and (frame.is_share or not frame.message.sealed)
        for (sender, receiver), some in frames.items()
        for frame in some
    )
    got = f"{len(every) - named} of {len(every)} messages do not"
    check("NODE-HOP-1", named == len(every), expected="names both modules, has a tag of 16 octets", got=got)
    wire = b"".join(frame.octets for frame in every)
    delivered = [block.octets for block in [*one.blocks, *other.blocks]]
    shown = sum(touches(secret, wire) for secret in [*delivered, *keys.taken.values()])
    got = f"{shown} of {len(delivered)} blocks and {len(keys.taken)} keys on the wire"
    check("NODE-HOP-2", not shown, expected="none", got=got)
    uses = Counter(frame.header.key_id for frame in every)
    again = sum(number > 1 for number in uses.values())
    check("NODE-HOP-4", not again, expected="each once", got=f"{again} of {len(uses)} hop keys on several messages")
    pads = Counter(frame.message.sealed for frame in every if frame.is_share)
    same = sum(number > 1 for number in pads.values())
    check("NODE-HOP-7", not same, expected="never the same", got=f"{same} of {len(pads)} sealed payloads again")
    _with_keys(line, check, every, {block.block_id: block.octets for block in other.blocks})


def _with_keys(bench: NodeBench, check: Check, every: list[Frame], blocks: dict[bytes, bytes]) -> None:
    """What can be judged by who knows the hop's keys."""
    known = [(frame, bench.witnessed[frame.header.key_id]) for frame in every if frame.header.key_id in bench.witnessed]
    if not bench.witnessed:
        for name in ("NODE-HOP-3", "NODE-HOP-5", "NODE-HOP-6"):
            check.not_judged(name, "the forwarding modules take hop keys by ETSI 014: the bench does not see them")
        return
    fitting = sum(
        (key.master, key.slave, len(key.octets))
        == (frame.header.from_sae_id, frame.header.to_sae_id, len(frame.message.sealed) + MAC_OCTETS)
        for frame, key in known
    )
    got = f"{len(every) - fitting} of {len(every)} messages have another key"
    check("NODE-HOP-3", fitting == len(every), expected="key of the hop, payload + 32 octets", got=got)
    tagged = sum(frame.message.tag == _tag(frame, key.octets) for frame, key in known)
    got = f"{len(every) - tagged} of {len(every)} tags are not"
    check("NODE-HOP-5", tagged == len(every), expected="Poly1305 with the key's last 32 octets", got=got)
    carried = [(frame, key) for frame, key in known if frame.is_share and frame.block_id in blocks]
    opened = sum(
        len(key.octets) >= len(frame.message.sealed)
        and xor(frame.message.sealed, key.octets[: len(frame.message.sealed)]) == blocks[frame.block_id]
        for frame, key in carried
    )
    got = f"{opened} of {len(carried)} sealed payloads give the block that was delivered"
    check("NODE-HOP-6", opened == len(carried) > 0, expected="all", got=got)


def _tag(frame: Frame, key: bytes) -> bytes:
    """Over header and payload, joined as the contract says (RFC 8439, 2.8)."""
    header, sealed = frame.message.header, frame.message.sealed
    padded = [part + bytes(-len(part) % 16) for part in (header, sealed)]
    lengths = len(header).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    return Poly1305.generate_tag(key[-MAC_OCTETS:], b"".join([*padded, lengths]))
