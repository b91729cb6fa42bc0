"""Both ends of a link with their stores and no network: messages go through a cable that the test holds."""

from __future__ import annotations

import random
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qkd.reference.v1.kme_peer_pb2 import PeerMessage
from vendors.reference.clock import Clock
from vendors.reference.database import Database
from vendors.reference.intake.choice import Combining
from vendors.reference.intake.follower import Follower
from vendors.reference.intake.intake import Intake
from vendors.reference.intake.leader import Leader
from vendors.reference.intake.parts import NewBlock
from vendors.reference.link import Link, LinkEnds
from vendors.reference.settings import KmeSettings
from vendors.reference.source import SourceAddress, SourceKind
from vendors.reference.vault import Vault

BLOCK_OCTETS = 32
KMES = ("kme-a", "kme-b")  # the first leads


class Death(Exception):  # noqa: N818 - of a process, at this very place
    pass


@dataclass
class World:
    """The time, and what everybody has in common."""

    folder: Path
    combining: Combining
    sources: Sequence[str]
    now: float = 1_000_000.0
    steady: float = 0.0
    settings: KmeSettings = field(
        default_factory=lambda: KmeSettings(
            link_block_octets=BLOCK_OCTETS, high_water_octets=1024, pending_octets=1024, part_patience_s=10.0
        )
    )

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.steady)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds


class End:
    """One end. Its process may die at any place."""

    def __init__(self, world: World, kme_id: str) -> None:
        self.world = world
        self.kme_id = kme_id
        self.folder = world.folder / kme_id
        self.folder.mkdir()
        self.put = dict.fromkeys(world.sources, 0)  # octets that were new to the store
        self.doomed = ""  # the next place where it dies: "before" or "after" a commit
        self.open()

    def open(self, boot: str = "boot") -> None:
        (peer,) = set(KMES) - {self.kme_id}
        clock = self.world.clock()
        self.database = Database(self.folder / "store.db", boot)
        vault = Vault.open(self.folder / "store.kek")
        self.link = Link(self.database, vault, LinkEnds("link", self.kme_id, peer), 1024, clock)
        self.link.on_change = lambda: self.maybe_die("after")
        self.intake = Intake(
            self.database,
            vault,
            clock,
            self.world.settings,
            link=self.link,
            sources=[SourceAddress("link", "", "", peer, SourceKind.RELAY, name) for name in self.world.sources],
            combining=self.world.combining,
        )
        write = self.intake.parts.write

        def write_and_die(plan: object) -> None:
            write(plan)  # type: ignore[arg-type]
            self.maybe_die("before")

        self.intake.parts.write = write_and_die  # type: ignore[method-assign]
        self.role: Leader | Follower = Leader(self.intake) if self.intake.leads else Follower(self.intake)

    def maybe_die(self, where: str) -> None:
        if self.doomed == where:
            self.doomed = ""
            raise Death

    def die(self) -> None:
        self.database._db.close()

    def snapshot(self) -> None:
        """What a disk may come back with after a loss of power. The process has to be down."""
        shutil.rmtree(self.folder / "then", ignore_errors=True)
        (self.folder / "then").mkdir()
        for path in self.folder.glob("store.*"):
            shutil.copy(path, self.folder / "then" / path.name)

    def lose_power(self, boot: str) -> None:
        for path in self.folder.glob("store.*"):
            path.unlink()
        for path in (self.folder / "then").iterdir():
            shutil.copy(path, self.folder / path.name)
        self.open(boot)

    def give(self, source_id: str, block: NewBlock) -> None:
        """A module hands a block over."""
        parts = self.intake.parts
        if not parts.knows(source_id, block.block_id):
            self.put[source_id] += len(block.octets)
        elif any(row[0] == 0 for row in self.database.read(_GONE, block.block_id)):
            self.put[source_id] += len(block.octets)  # was dropped before it came
        self.intake.put(source_id, [block])

    def blocks(self) -> dict[int, bytes]:
        rows = self.database.read("SELECT position FROM block WHERE link = ?", self.link.number)
        positions = [int(str(row[0])) for row in rows]
        return {position: self.link._block(position) for position in positions}

    def check_account(self) -> None:
        account = self.link.account
        gone = account.delivered + account.relay + account.expired + account.destroyed
        assert account.received == 8 * self.link.stock + account.reserved + gone
        for source_id, put in self.put.items():
            taken, dropped = self.intake.parts.counted(source_id)
            assert put == taken + dropped + self.intake.parts.pending[source_id], source_id


_GONE = "SELECT octets FROM part WHERE block_id = ? AND gone IS NOT NULL"


class Cable:
    """What is on its way between two ends: delivered in order, cut at any place."""

    def __init__(self, leader: End, follower: End) -> None:
        self.leader, self.follower = leader, follower
        self.connected = False
        self._to: dict[str, deque[bytes]] = {}

    def connect(self) -> None:
        up: deque[bytes] = deque()
        down: deque[bytes] = deque()
        self._to = {"leader": up, "follower": down}
        self.connected = True
        assert isinstance(self.follower.role, Follower)
        assert isinstance(self.leader.role, Leader)
        self._up_send = lambda message: up.append(message.SerializeToString())
        self.follower.role.opened(self._up_send)
        self.leader.role.opened(lambda message: down.append(message.SerializeToString()), self.cut)

    def cut(self) -> None:
        if self.connected:
            self.connected = False
            self._to = {}
            assert isinstance(self.follower.role, Follower)
            assert isinstance(self.leader.role, Leader)
            self.follower.role.lost(self._up_send)
            self.leader.role.lost()

    def deliver(self, to: str) -> bool:
        """One message; False = there is none."""
        queue = self._to.get(to)
        if not queue:
            return False
        end = self.leader if to == "leader" else self.follower
        end.role.received(PeerMessage.FromString(queue.popleft()))
        return True

    def deliver_all(self) -> None:
        while self.deliver("follower") or self.deliver("leader"):
            pass


@dataclass
class Module:
    """A pair of modules: the same blocks for both ends, which may come late, twice, out of order, or never.

    Attributes:
        lost: probability that one end never gets a block.
    """

    source_id: str
    random: random.Random
    lost: float = 0.1
    lengths: Sequence[int] = (16, 32, 40, 100)
    waiting: dict[str, list[NewBlock]] = field(default_factory=lambda: {kme_id: [] for kme_id in KMES})
    given: dict[str, list[NewBlock]] = field(default_factory=lambda: {kme_id: [] for kme_id in KMES})

    def make(self) -> None:
        block = NewBlock(self.random.randbytes(16), self.random.randbytes(self.random.choice(self.lengths)))
        for kme_id in KMES:
            if self.random.random() >= self.lost:
                self.waiting[kme_id].append(block)

    def hand_over(self, end: End) -> None:
        waiting, given = self.waiting[end.kme_id], self.given[end.kme_id]
        if given and self.random.random() < 0.1:
            end.give(self.source_id, self.random.choice(given))  # once more
        if waiting and end.intake.sources[self.source_id].wanted.is_set():
            block = waiting.pop(self.random.randrange(min(3, len(waiting))))
            given.append(block)
            end.give(self.source_id, block)


def slices(end: End) -> Iterator[tuple[str, bytes, int, int]]:
    """Every slice that was ever made into a block, one octet at a time."""
    last = end.link.held
    for index in range(last):
        for composition in end.intake.provenance.blocks(end.link.number, index, 1):
            for strand in composition.strands:
                for one in strand.slices:
                    for octet in range(one.first, one.first + one.octets):
                        yield strand.source_id, one.name.block_id, one.name.piece, octet
