"""Key blocks as the KMSs of both ends get them from their modules, whatever the hand-over is."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from harness.contract import bearer_metadata
from harness.wire.etsi014 import SaeClient
from qkd.device.v1 import module_pb2, push_pb2

_LENGTH_OCTETS = 4
_CALL_S = 10.0
_LARGEST_FRAME = 1 << 21


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """One block as one end got it. What a hand-over does not tell is None or empty.

    Attributes:
        block_id: as it came; should be 16 octets.
        octets: the key; never shown.
        sequence: position in the stream, from 0.
        time_s: when it was made, seconds of the plant's time.
        peer_module_id: as in `StreamKeyBlocksResponse`.
    """

    block_id: bytes
    octets: bytes = field(repr=False)
    sequence: int | None = None
    time_s: float | None = None
    peer_module_id: str = ""


class Intake(Protocol):
    """How the KMSs of both ends take blocks. Ends are named as in `ModuleBench`."""

    async def collect(self, wanted: Mapping[str, int], bound_s: float) -> dict[str, list[KeyBlock]]:
        """By end the blocks that are new, at least so many; what has come when `bound_s` wall seconds are over."""
        ...

    async def again(self, end: str, first: int, count: int, bound_s: float) -> list[KeyBlock]:
        """Asks once more from a sequence number on; where blocks have no numbers: none."""
        ...

    async def release(self, end: str) -> int:
        """Says that all that came is stored; gives how many blocks that are now in all."""
        ...

    def forget(self) -> None:
        """The modules begin to count anew."""
        ...


class StreamIntake:
    """``StreamKeyBlocks`` of each end.

    Args:
        stubs: of QkdModuleService, by end.
        tokens: by end; secret.
    """

    def __init__(self, stubs: Mapping[str, Any], tokens: Mapping[str, str]) -> None:
        self._stubs = stubs
        self._tokens = tokens
        self._next: dict[str, int] = defaultdict(int)

    async def collect(self, wanted: Mapping[str, int], bound_s: float) -> dict[str, list[KeyBlock]]:
        """See `Intake`."""
        found = {}
        for end in self._stubs:
            got = await self.again(end, self._next[end], wanted.get(end, 0), bound_s) if wanted.get(end) else []
            self._next[end] = max(
                [self._next[end], *(block.sequence + 1 for block in got if block.sequence is not None)]
            )
            found[end] = got
        return found

    async def again(self, end: str, first: int, count: int, bound_s: float) -> list[KeyBlock]:
        """See `Intake`. A refusal counts as no blocks."""
        request = module_pb2.StreamKeyBlocksRequest(first_sequence=first)
        call = self._stubs[end].StreamKeyBlocks(request, metadata=bearer_metadata(self._tokens[end]))
        got: list[KeyBlock] = []
        with suppress(TimeoutError, grpc.aio.AioRpcError):
            async with asyncio.timeout(bound_s):
                async for said in call:
                    got.append(_of_stream(said))
                    if len(got) >= count:
                        break
        call.cancel()
        return got

    async def release(self, end: str) -> int:
        """See `Intake`."""
        request = module_pb2.ReleaseKeyBlocksRequest(next_sequence=self._next[end])
        await self._stubs[end].ReleaseKeyBlocks(request, metadata=bearer_metadata(self._tokens[end]), timeout=_CALL_S)
        return self._next[end]

    def forget(self) -> None:
        """See `Intake`."""
        self._next.clear()


def _of_stream(said: module_pb2.StreamKeyBlocksResponse) -> KeyBlock:
    return KeyBlock(said.block_id, said.octets, said.sequence, said.time_s, said.peer_module_id)


class Etsi014Intake:
    """Each end's KMS calls its module by ETSI GS QKD 014: what one takes, the other fetches by its ID.

    Args:
        clients: by end; the SAE is the KMS of that end.
    """

    def __init__(self, clients: Mapping[str, SaeClient]) -> None:
        self._clients = clients
        self._counts: dict[str, int] = defaultdict(int)

    async def collect(self, wanted: Mapping[str, int], bound_s: float) -> dict[str, list[KeyBlock]]:
        """See `Intake`; `wanted` is left aside: Get status says what there is."""
        found = await asyncio.to_thread(self._collect)
        for end, blocks in found.items():
            self._counts[end] += len(blocks)
        return found

    async def again(self, end: str, first: int, count: int, bound_s: float) -> list[KeyBlock]:
        """See `Intake`."""
        return []

    async def release(self, end: str) -> int:
        """See `Intake`: a key that was delivered is gone by itself."""
        return self._counts[end]

    def forget(self) -> None:
        """See `Intake`: keys of 014 have no numbers."""
        self._counts.clear()

    def _collect(self) -> dict[str, list[KeyBlock]]:
        found: dict[str, list[KeyBlock]] = {end: [] for end in self._clients}
        one, other = self._clients
        for master, slave in ((one, other), (other, one)):
            while (number := self._stored(master, slave)) > 0:
                taken = self._clients[master].get_key(self._clients[slave].id, number=number)
                if not taken.ok or not taken.keys:
                    break
                found[master] += [_of_key(key.id, key.material.octets()) for key in taken.keys]
                found[slave] += self._fetched(slave, master, [key.id for key in taken.keys])
        return found

    def _stored(self, master: str, slave: str) -> int:
        document = self._clients[master].get_status(self._clients[slave].id).document
        told = document if isinstance(document, dict) else {}
        stored, most = told.get("stored_key_count"), told.get("max_key_per_request")
        return min(stored, most) if isinstance(stored, int) and isinstance(most, int) else 0

    def _fetched(self, slave: str, master: str, ids: Sequence[str]) -> list[KeyBlock]:
        client, from_id = self._clients[slave], self._clients[master].id
        answer = client.get_key_with_ids(from_id, ids)
        if answer.ok or len(ids) == 1:
            return [_of_key(key.id, key.material.octets()) for key in answer.keys]
        # All or none: one by one shows which are missing.
        return [block for key_id in ids for block in self._fetched(slave, master, [key_id])]


def _of_key(key_id: str, octets: bytes) -> KeyBlock:
    try:
        return KeyBlock(uuid.UUID(key_id).bytes, octets)
    except ValueError:
        return KeyBlock(key_id.encode(), octets)


class PushIntake:
    """A KMS that both ends' modules dial (``PushFrame``). Acks only when told to.

    Args:
        tokens: by end; secret.

    Attributes:
        address: ``host:port``, once started.
        hellos: of each end, as they came.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.address = ""
        self.hellos: dict[str, list[push_pb2.PushHello]] = {end: [] for end in tokens}
        self._tokens = tokens
        self._blocks: dict[str, list[KeyBlock]] = {end: [] for end in tokens}
        self._seen: dict[str, int] = defaultdict(int)
        self._first: dict[str, int] = defaultdict(int)
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._came = asyncio.Event()

    def token_of(self, end: str) -> str:
        """What the module of an end has to show."""
        return self._tokens[end]

    async def start(self) -> None:
        """Listens on loopback."""
        self._server = await asyncio.start_server(self._dialled, "127.0.0.1", 0, limit=_LARGEST_FRAME)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Ends all connections."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers.values()):
            writer.transport.abort()

    async def collect(self, wanted: Mapping[str, int], bound_s: float) -> dict[str, list[KeyBlock]]:
        """See `Intake`."""

        def there() -> bool:
            return all(len(self._blocks[end]) - self._seen[end] >= count for end, count in wanted.items())

        await self._until(there, bound_s)
        found = {end: blocks[self._seen[end] :] for end, blocks in self._blocks.items()}
        self._seen.update({end: len(blocks) for end, blocks in self._blocks.items()})
        return found

    async def again(self, end: str, first: int, count: int, bound_s: float) -> list[KeyBlock]:
        """See `Intake`: ends the connection and welcomes the next one with `first`."""
        since = self._seen[end] = len(self._blocks[end])
        self._first[end] = first
        if end in self._writers:
            self._writers.pop(end).transport.abort()
        await self._until(lambda: len(self._blocks[end]) >= since + count, bound_s)
        self._seen[end] = len(self._blocks[end])
        return self._blocks[end][since:]

    async def release(self, end: str) -> int:
        """See `Intake`."""
        following = max((block.sequence + 1 for block in self._blocks[end] if block.sequence is not None), default=0)
        self._first[end] = following
        if end in self._writers and following:
            self._write(self._writers[end], push_pb2.PushFrame(ack=push_pb2.PushAck(next_sequence=following)))
        return following

    def forget(self) -> None:
        """See `Intake`."""
        for blocks in self._blocks.values():
            blocks.clear()
        self._seen.clear()
        self._first.clear()

    async def _until(self, holds: Callable[[], bool], bound_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                while not holds():
                    self._came.clear()
                    await self._came.wait()

    async def _dialled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = ""
        try:
            async for frame in _frames(reader):
                kind = frame.WhichOneof("frame")
                if kind == "hello" and not end:
                    end = next((name for name, token in self._tokens.items() if token == frame.hello.token), "")
                    if not end:
                        return
                    self.hellos[end].append(frame.hello)
                    self._writers[end] = writer
                    welcome = push_pb2.PushWelcome(first_sequence=self._first[end])
                    self._write(writer, push_pb2.PushFrame(welcome=welcome))
                elif kind == "block" and end:
                    self._take(end, frame.block)
                else:
                    return
        finally:
            writer.transport.abort()

    def _take(self, end: str, block: push_pb2.PushBlock) -> None:
        taken = KeyBlock(block.block_id, block.octets, block.sequence, block.time_s)
        self._blocks[end].append(taken)
        self._first[end] = block.sequence + 1
        self._came.set()

    @staticmethod
    def _write(writer: asyncio.StreamWriter, frame: push_pb2.PushFrame) -> None:
        octets = frame.SerializeToString()
        writer.write(len(octets).to_bytes(_LENGTH_OCTETS, "big") + octets)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[push_pb2.PushFrame]:
    """The frames of a connection until it ends or breaks the contract."""
    with suppress(EOFError, OSError, DecodeError):
        while True:
            octets = int.from_bytes(await reader.readexactly(_LENGTH_OCTETS), "big")
            if octets > _LARGEST_FRAME:
                return
            yield push_pb2.PushFrame.FromString(await reader.readexactly(octets))
