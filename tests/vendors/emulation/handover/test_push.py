"""The module's side of the raw TCP push, against a small KMS."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from qkd.device.v1.push_pb2 import PushAck, PushBlock, PushFrame, PushHello, PushWelcome
from tests.vendors.emulation.handover.bench014 import block_id, in_loop, octets
from vendors.emulation.handover import Backoff, BlockSource, MemorySource, TcpPusher
from vendors.emulation.handover.frames import framed, read_frame
from vendors.emulation.store import KeyBlockStore

TOKEN = "the token of the push"
WELCOME = PushFrame(welcome=PushWelcome(first_sequence=0))
UNBOUNDED = 1 << 21


@dataclass
class Kms:
    """A KMS that stores what is pushed, acks each block, and can be told to misbehave.

    Attributes:
        stored: blocks in order of arrival, over all connections.
        hang_up_after: ends each connection once so many blocks of it came, the last of them stored and not acked.
        say: in place of the welcome.
        then: said behind the welcome.
    """

    token: str = TOKEN
    hang_up_after: int | None = None
    say: bytes | None = None
    then: bytes = b""
    stored: list[PushBlock] = field(default_factory=list)
    acked: int = 0
    connections: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self.changed:
            self.connections += 1
            self.changed.notify_all()
        try:
            hello = (await read_frame(reader, UNBOUNDED)).hello
            if hmac.compare_digest(hello.token, self.token) and hello.source_id == "link-9/ait":
                await self._take(reader, writer)
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = self.stored[-1].sequence + 1 if self.stored else 0
        writer.write(self.say or framed(PushFrame(welcome=PushWelcome(first_sequence=wanted))))
        writer.write(self.then)
        here = 0
        while True:
            block = (await read_frame(reader, UNBOUNDED)).block
            here += 1
            async with self.changed:
                self.stored.append(block)
                self.changed.notify_all()
            if here == self.hang_up_after:
                return
            writer.write(framed(PushFrame(ack=PushAck(next_sequence=block.sequence + 1))))
            self.acked = block.sequence + 1

    async def until(self, reached: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(reached)


@dataclass
class Pauses:
    """Stands for the pauses between attempts: none is waited for, but every attempt needs leave."""

    taken: list[float] = field(default_factory=list)
    leave: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    at_pause: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.at_pause.release()
        await self.leave.acquire()


async def go_on(_seconds: float) -> None:
    """No pause at all."""
    await asyncio.sleep(0)


@asynccontextmanager
async def pushing(
    kms: Kms, source: BlockSource, pause: Callable[[float], object] = go_on, token: str = TOKEN
) -> AsyncIterator[TcpPusher]:
    server = await asyncio.start_server(kms.serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pusher = TcpPusher(source, address, "link-9/ait", token, backoff=Backoff(0.5, 2.0), pause=pause)  # type: ignore[arg-type]
    pusher.start()
    try:
        yield pusher
    finally:
        await pusher.stop()
        server.close()


def filled(number: int) -> MemorySource:
    source = MemorySource()
    for index in range(number):
        source.add(block_id(index), octets(index), float(index))
    return source


async def released(source: BlockSource, below: int) -> None:
    """Waits until the source has let go of the blocks below a sequence number."""
    while source.first_sequence < below:  # noqa: ASYNC110 - bounded by the test; a MemorySource tells nobody
        await asyncio.sleep(0.001)


@in_loop
async def test_blocks_arrive_in_order_and_are_released_when_acked() -> None:
    source, kms = filled(5), Kms()
    async with pushing(kms, source):
        await released(source, 5)
        source.add(block_id(5), octets(5), 5.0)  # what comes later goes out too
        await released(source, 6)
    assert [(one.sequence, one.block_id, one.octets, one.time_s) for one in kms.stored] == [
        (index, block_id(index), octets(index), float(index)) for index in range(6)
    ]
    assert source.handed_over == 6


@in_loop
async def test_reconnecting_loses_and_doubles_nothing() -> None:
    source, kms = filled(20), Kms(hang_up_after=3)
    async with pushing(kms, source):
        await kms.until(lambda: len(kms.stored) >= 20)
        source.add(block_id(20), octets(20))
        await kms.until(lambda: len(kms.stored) >= 21)
        await released(source, 20)
    assert [one.sequence for one in kms.stored] == list(range(21))
    assert [one.octets for one in kms.stored] == [octets(index) for index in range(21)]
    assert kms.connections >= 7


@in_loop
async def test_blocks_that_are_not_acked_stay() -> None:
    source, kms = filled(4), Kms(hang_up_after=4)
    pauses = Pauses()
    async with pushing(kms, source, pauses):
        await pauses.at_pause.acquire()
        assert len(kms.stored) == 4
        assert source.first_sequence == 3  # three were acked, the fourth stored alone
        pauses.leave.release()
        await released(source, 4)  # the welcome says that it is stored
    assert len(kms.stored) == 4


@in_loop
async def test_a_refused_token_is_told_clearly_and_tried_again_more_and_more_slowly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, kms, pauses = filled(2), Kms(), Pauses()
    async with pushing(kms, source, pauses, token="another token"):
        for _ in range(5):
            await pauses.at_pause.acquire()
            pauses.leave.release()
    assert pauses.taken[:5] == [0.5, 1.0, 2.0, 2.0, 2.0]
    assert kms.stored == []
    assert len(source.ready()) == 2
    assert "a refused token or source ID" in caplog.text
    assert "another token" not in caplog.text


@in_loop
async def test_the_pauses_begin_anew_once_blocks_have_moved() -> None:
    source, kms, pauses = filled(4), Kms(token="not yet"), Pauses()
    async with pushing(kms, source, pauses):
        await pauses.at_pause.acquire()
        kms.token, kms.hang_up_after = TOKEN, 2
        for _ in range(2):
            pauses.leave.release()
            await pauses.at_pause.acquire()
    assert pauses.taken == [0.5, 0.5, 0.5]


@in_loop
async def test_nobody_listening_is_told_and_dialled_again(caplog: pytest.LogCaptureFixture) -> None:
    source, kms, pauses = filled(2), Kms(hang_up_after=2), Pauses()
    async with pushing(kms, source, pauses) as pusher:
        await pauses.at_pause.acquire()
        address, pusher.address = pusher.address, "127.0.0.1:1"
        pauses.leave.release()
        await pauses.at_pause.acquire()
        assert "cannot dial (ConnectionRefusedError)" in caplog.text
        pusher.address, kms.hang_up_after = address, None
        source.add(block_id(2), octets(2))
        pauses.leave.release()
        await released(source, 3)
    assert [one.sequence for one in kms.stored] == [0, 1, 2]


WRONG = {
    "garbage": (b"\x00\x00\x00\x03\xff\xff\xff", b"", "what came is not a PushFrame"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", "a frame of 1213486160 octets, 1024 are allowed"),
    "oversized": (b"\x00\x00\x04\x01" + bytes(1025), b"", "a frame of 1025 octets, 1024 are allowed"),
    "empty": (b"\x00\x00\x00\x00", b"", "a PushFrame without content"),
    "an ack first": (framed(PushFrame(ack=PushAck(next_sequence=0))), b"", "a ack where the welcome belongs"),
    "wants what was never sent": (
        framed(PushFrame(welcome=PushWelcome(first_sequence=2))),
        b"",
        "the KMS wants block 2, and block 0 was never sent",
    ),
    "a second welcome": (framed(WELCOME), framed(WELCOME), "a welcome where acks belong"),
    "a hello behind": (
        framed(WELCOME),
        framed(PushFrame(hello=PushHello(source_id="x", token="y"))),
        "a hello where acks belong",
    ),
    "an ack of what was not sent": (
        framed(WELCOME),
        framed(PushFrame(ack=PushAck(next_sequence=99))),
        "an ack below block 99",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@in_loop
async def test_what_is_not_in_the_contract_ends_the_connection_with_a_clear_line(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    say, then, line = WRONG[case]
    source, kms, pauses = filled(3), Kms(say=say, then=then), Pauses()
    caplog.set_level(logging.WARNING)
    async with pushing(kms, source, pauses):
        await pauses.at_pause.acquire()
        assert "pushing link-9/ait to 127.0.0.1:" in caplog.text
        assert line in caplog.text
        assert source.destroyed == 0
        kms.say, kms.then = None, b""  # the KMS has come to its senses
        pauses.leave.release()
        await released(source, 3)
    assert sorted({one.sequence for one in kms.stored}) == [0, 1, 2]


@in_loop
async def test_a_new_pairing_begins_a_new_connection_and_old_numbers_release_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, kms, pauses = KeyBlockStore(1 << 16), Kms(), Pauses()
    for index in range(3):
        store.add(block_id(index), octets(index), 0.0)
    async with pushing(kms, store, pauses):
        await released(store, 3)
        await kms.until(lambda: len(kms.stored) == 3)
        store.begin_pairing()
        for index in range(3, 8):
            store.add(block_id(index), octets(index), 1.0)
        await pauses.at_pause.acquire()
        assert "the blocks began anew after a new pairing" in caplog.text
        pauses.leave.release()
        await pauses.at_pause.acquire()
        assert "the KMS wants block 3, and block 0 was never sent" in caplog.text
        assert len(store.ready()) == 5
        kms.stored.clear()  # now the KMS counts anew, too
        pauses.leave.release()
        await released(store, 5)
    assert [one.octets for one in kms.stored] == [octets(index) for index in range(3, 8)]
    assert (store.account.handed_over, store.account.destroyed) == (8 * 8 * 64, 0)


def test_reprs_hold_no_secret() -> None:
    source = filled(1)
    (block,) = source.ready()
    assert repr(octets(0)) not in repr(block)
    assert TOKEN not in repr(TcpPusher(source, "127.0.0.1:1", "link-9/ait", TOKEN))
