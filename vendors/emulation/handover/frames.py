"""`qkd.device.v1.PushFrame` on a stream: each behind 4 octets of length, big-endian."""

from __future__ import annotations

import asyncio

from google.protobuf.message import DecodeError

from harness.sdk import check_message
from qkd.device.v1.push_pb2 import PushFrame

_LENGTH_OCTETS = 4


class FrameError(Exception):
    """What came is not a frame of the contract. Never quotes it."""


async def read_frame(reader: asyncio.StreamReader, limit: int) -> PushFrame:
    """The next frame, of at most `limit` octets.

    Raises:
        FrameError: when it is longer, or no sound frame.
        EOFError: when the connection ends (`asyncio.IncompleteReadError`).
        ConnectionError: when it breaks.
    """
    octets = int.from_bytes(await reader.readexactly(_LENGTH_OCTETS), "big")
    if octets > limit:
        raise FrameError(f"a frame of {octets} octets, {limit} are allowed")
    frame = PushFrame()
    try:
        frame.ParseFromString(await reader.readexactly(octets))
    except DecodeError:
        raise FrameError("what came is not a PushFrame") from None
    if frame.WhichOneof("frame") is None:
        raise FrameError("a PushFrame without content")
    if broken := check_message(frame):
        raise FrameError("; ".join(map(str, broken)))
    return frame


def framed(frame: PushFrame) -> bytes:
    """A frame as it goes on the wire."""
    octets = frame.SerializeToString()
    return len(octets).to_bytes(_LENGTH_OCTETS, "big") + octets
