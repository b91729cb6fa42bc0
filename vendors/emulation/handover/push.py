"""Pushing key blocks to the KMS of the site over a raw TCP connection (`qkd.device.v1.PushFrame`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from qkd.device.v1.push_pb2 import PushBlock, PushFrame, PushHello

from .frames import FrameError, framed, read_frame
from .source import Block, BlockSource

_log = logging.getLogger(__name__)
_FROM_KMS_OCTETS = 1024  # welcomes and acks are far shorter
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before dialling again: doubles from `first_s` to `longest_s`, seconds of real time."""

    first_s: float = 0.1
    longest_s: float = 5.0

    def pause_s(self, failures: int) -> float:
        """After so many failures in a row (1 or more)."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.longest_s)


class TcpPusher:
    """Dials the KMS, pushes the blocks of a source from where the KMS wants them, and releases what is acked.

    A connection that ends, or does not go by the contract, is dialled anew after a pause. Blocks that were
    sent and not acked are sent again, as the KMS asks for them in its welcome: none is lost or doubled.

    A KMS that wants more than was ever sent is refused until it wants less: it speaks of the numbers of an earlier
    life of the module, and to take it at its word would destroy blocks that nobody has. So one pusher lives as long
    as its source.

    Args:
        source: the blocks of this end.
        address: ``host:port`` of the KMS; may be set anew, which counts from the next dialling on.
        source_id: the name to push under.
        token: to be shown to the KMS; secret.
        backoff: pauses between attempts.
        pause: waits so many seconds; tests give their own.
    """

    def __init__(
        self,
        source: BlockSource,
        address: str,
        source_id: str,
        token: str,
        *,
        backoff: Backoff | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.address = address
        self._source = source
        self._source_id = source_id
        self._token = token
        self._backoff = backoff or Backoff()
        self._pause = pause
        self._failures = 0
        self._sent = source.first_sequence  # all blocks below it, and none above
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"TcpPusher({self._source_id!r} to {self.address})"

    def start(self) -> None:
        """Begins to push, in a task of the running loop. Nothing happens when it has begun already."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=repr(self))
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Ends the connection; blocks that are not acked stay in the source."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # the source's, not the connection's; its text may hold secrets
            _log.error("pushing %s stopped for good: %s", self._source_id, type(error).__qualname__)

    async def _run(self) -> None:
        while True:
            why = await self._connection()
            self._failures += 1
            pause_s = self._backoff.pause_s(self._failures)
            _log.warning("pushing %s to %s ended: %s; dialling in %g s", self._source_id, self.address, why, pause_s)
            await self._pause(pause_s)

    async def _connection(self) -> str:
        """Dials and pushes until the connection ends; says why it did."""
        host, _, port = self.address.rpartition(":")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            return f"cannot dial ({type(error).__name__})"
        try:
            first = await self._greeted(reader, writer)
            _log.info("pushing %s to %s from block %d on", self._source_id, self.address, first)
            return await self._pushed(reader, writer, first)
        except FrameError as error:
            return str(error)
        except EOFError:
            return "the KMS closed the connection before its welcome (a refused token or source ID does that)"
        except OSError as error:
            return f"the connection broke ({type(error).__name__})"
        finally:
            writer.transport.abort()  # what is not acked is sent again: nothing to wait for

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Says hello; the sequence number that the KMS wants first, everything below released."""
        writer.write(framed(PushFrame(hello=PushHello(source_id=self._source_id, token=self._token))))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                frame = await read_frame(reader, _FROM_KMS_OCTETS)
        except TimeoutError:
            raise FrameError(f"no welcome within {_PATIENCE_S:g} s") from None
        if not frame.HasField("welcome"):
            raise FrameError(f"a {frame.WhichOneof('frame')} where the welcome belongs")
        wanted = frame.welcome.first_sequence
        kept = self._source.first_sequence
        if wanted > max(kept, self._sent):
            raise FrameError(f"the KMS wants block {wanted}, and block {max(kept, self._sent)} was never sent")
        if wanted < kept:
            _log.warning("%s: the KMS wants block %d, the oldest kept is %d", self._source_id, wanted, kept)
        self._source.release(wanted)  # the ack for these may have been lost
        return max(wanted, kept)

    async def _pushed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: int) -> str:
        """Sends blocks and takes acks until one of both ends; says why."""
        sending = _Sending(self._source, writer, first)
        sender = asyncio.create_task(sending.run())
        taker = asyncio.create_task(self._take_acks(reader, sending))
        try:
            done, _ = await asyncio.wait((sender, taker), return_when=asyncio.FIRST_COMPLETED)
            await (taker if taker in done else sender)  # the taker knows more about the end of a connection
        except EOFError:
            return "the KMS closed the connection"
        finally:
            for task in (sender, taker):
                task.cancel()
            await asyncio.gather(sender, taker, return_exceptions=True)
            self._sent = 0 if sending.began_anew else max(self._sent, sending.following)
        return "the blocks ended"

    async def _take_acks(self, reader: asyncio.StreamReader, sending: _Sending) -> None:
        released = 0
        while True:
            frame = await read_frame(reader, _FROM_KMS_OCTETS)
            if not frame.HasField("ack"):
                raise FrameError(f"a {frame.WhichOneof('frame')} where acks belong")
            stored = frame.ack.next_sequence
            if stored > sending.following:
                raise FrameError(f"an ack below block {stored}, and block {sending.following} was not sent")
            if stored > released:
                released = stored
                self._source.release(stored)
                self._failures = 0  # blocks are moving; a welcome alone would let a broken KMS be dialled hotly


class _Sending:
    """Blocks on their way to the KMS.

    Attributes:
        following: sequence number after that of the last block sent.
        began_anew: the numbers of the blocks have begun anew, after a new pairing.
    """

    def __init__(self, source: BlockSource, writer: asyncio.StreamWriter, first: int) -> None:
        self.following = first
        self.began_anew = False
        self._source = source
        self._writer = writer

    async def run(self) -> None:
        """Sends what there is and what comes; ends with the connection.

        Raises:
            FrameError: when the numbers of the blocks begin anew.
            ConnectionError: when the connection breaks.
        """
        async for block in self._source.blocks(self.following):
            if block.sequence < self.following:  # acks of the old blocks could still come and be taken for new ones
                self.began_anew = True
                raise FrameError("the blocks began anew after a new pairing")
            self.following = block.sequence + 1
            self._writer.write(framed(_block_frame(block)))
            await self._writer.drain()


def _block_frame(block: Block) -> PushFrame:
    return PushFrame(
        block=PushBlock(sequence=block.sequence, block_id=block.block_id, octets=block.octets, time_s=block.time_s)
    )
