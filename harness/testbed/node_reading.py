"""One who reads `StreamRelayedBlocks`, as the KME of a site does."""

from __future__ import annotations

import threading
from typing import Any

import grpc

from qkd.node.v1.forwarding_pb2 import StreamRelayedBlocksResponse


class Reading:
    """Reads in a thread of its own until the stream ends.

    Args:
        call: the stream.
        old: IDs of blocks that were carried for an earlier reader, and are passed over.

    Attributes:
        blocks: all that came, in order.
        ended: how the stream ended: "" = not yet, "OK", or the name of the status code.
    """

    def __init__(self, call: Any, old: frozenset[bytes] = frozenset()) -> None:
        self.blocks: list[StreamRelayedBlocksResponse] = []
        self.ended = ""
        self._call = call
        self._old = old
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def by_id(self) -> dict[bytes, bytes]:
        """The octets by block ID; of a block that came twice, the later ones."""
        return {block.block_id: block.octets for block in self.blocks}

    @property
    def ids(self) -> list[bytes]:
        """The block IDs, in the order in which they came."""
        return [block.block_id for block in self.blocks]

    def stop(self) -> None:
        """Reads no more."""
        self._call.cancel()
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            for block in self._call:
                if block.block_id not in self._old:
                    self.blocks.append(block)
            self.ended = "OK"
        except grpc.RpcError as error:
            code: Any = error.code()
            self.ended = code.name
