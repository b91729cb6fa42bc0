"""The origin of a relation: makes blocks while the KME reads, sends them, waits for their confirmation."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from qkd.node.v1.hop_pb2 import Confirmation, Share

from .entropy import Entropy, EntropyError
from .hops import HopKey
from .neighbour import Neighbour, NotSentError
from .outlet import Outlet, Relation, RelayedBlock
from .pauses import growing
from .seal import key_octets
from .settings import ForwardingSettings
from .shares import split

_log = logging.getLogger(__name__)
BLOCK_ID_OCTETS = 16
Paths = tuple[tuple[str, ...], ...]


class Origin:
    """Makes the blocks of one relation.

    At most `window` blocks are under way or wait to be read: one at first, more with every confirmation, half as
    many after a loss (additive increase, multiplicative decrease: D.-M. Chiu and R. Jain, 1989), so that relations
    that share a scarce hop do not burn each other's keys. After a loss or a refusal there is a pause, too, twice as
    long after the next one; a confirmation or new routes end it.

    Args:
        kme_id: of this site.
        relation, outlet: of the distant KME.
        neighbours: by KME ID, as they are at the time.
        entropy: where blocks and masks come from.
    """

    def __init__(
        self,
        kme_id: str,
        relation: Relation,
        outlet: Outlet,
        *,
        neighbours: Mapping[str, Neighbour],
        entropy: Entropy,
        settings: ForwardingSettings,
    ) -> None:
        self._kme_id = kme_id
        self._relation = relation
        self._outlet = outlet
        self._neighbours = neighbours
        self._entropy = entropy
        self._settings = settings
        self._paths: Paths = ()
        self._virtual_link_id = ""
        self._under_way: set[asyncio.Task[None]] = set()
        self._unconfirmed: dict[bytes, tuple[str, asyncio.Future[None]]] = {}
        self._relays: dict[bytes, tuple[str, ...]] = {}  # of confirmed blocks on virtual links
        self._maker: asyncio.Task[None] | None = None
        self._pause_s = 0.0
        self._pauses = growing(settings.first_pause_s, settings.longest_pause_s)
        self._window = 1.0

    async def use(self, paths: Paths, virtual_link_id: str = "") -> None:
        """From now on these paths. Blocks that are under way on others are given up.

        Args:
            virtual_link_id: when it is set, the path is the first hop of that link, alone.
        """
        if (paths, virtual_link_id) != (self._paths, self._virtual_link_id):
            self._paths, self._virtual_link_id = paths, virtual_link_id
            await self.close()
            self._end_pause()
            self._maker = asyncio.create_task(self._make())

    async def close(self) -> None:
        """Makes no more blocks; those under way are given up."""
        tasks = [*self._under_way] if self._maker is None else [self._maker, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._maker = None

    def confirmed(self, confirmation: Confirmation, came_from: str) -> bool:
        """The destination has a block; False when none waits for that, or it came another way."""
        first_hop, waiting = self._unconfirmed.get(confirmation.block_id, ("", None))
        if waiting is None or waiting.done() or first_hop != came_from:
            return False
        if self._virtual_link_id:
            self._relays[confirmation.block_id] = tuple(confirmation.relays)
        waiting.set_result(None)
        return True

    # -- blocks -------------------------------------------------------------------------------------

    async def _make(self) -> None:
        while True:
            await self._outlet.until(self._wanted)
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            task = asyncio.create_task(self._carry(self._paths))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _wanted(self) -> bool:
        room = len(self._under_way) + len(self._outlet) < self._window
        return room and self._outlet.read and bool(self._paths)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._outlet.changed()

    async def _carry(self, paths: Paths) -> None:
        """One block: keys of the first hops before it is made, so that none is made in vain."""
        octets = self._settings.relay_block_octets
        keys: list[tuple[Neighbour, HopKey]] = []
        try:
            await self._take_keys(paths, keys)
            if not self._outlet.read:
                return
            made = await self._entropy.octets(octets * len(paths))
            pieces = [made[start : start + octets] for start in range(0, len(made), octets)]
            del made
            await self._send(pieces[0], split(pieces[0], pieces[1:]), paths, keys)
        except NotSentError:
            self._slow_down()
        except EntropyError as error:
            _log.warning("no block is made: %s", error)
            self._slow_down()
        finally:
            for neighbour, key in keys:  # those that were not spent
                neighbour.supply.give_back(key)

    async def _take_keys(self, paths: Paths, keys: list[tuple[Neighbour, HopKey]]) -> None:
        size = key_octets(self._settings.relay_block_octets)
        for path in paths:
            neighbour = self._neighbours.get(path[0])
            if neighbour is None:
                raise NotSentError("the first hop is not known")
            keys.append((neighbour, await neighbour.key_in_time(size)))

    async def _send(
        self, octets: bytes, shares: Sequence[bytes], paths: Paths, keys: list[tuple[Neighbour, HopKey]]
    ) -> None:
        block = RelayedBlock(secrets.token_bytes(BLOCK_ID_OCTETS), octets, relays_of([path[:-1] for path in paths]))
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unconfirmed[block.block_id] = (paths[0][0], confirmed)
        try:
            async with asyncio.timeout(self._settings.block_timeout_s):
                for number, (path, share) in enumerate(zip(paths, shares, strict=True)):
                    kind = Share(
                        block_id=block.block_id,
                        origin_kme_id=self._kme_id,
                        hops=path,
                        passed=[self._kme_id],
                        number=number,
                        shares=len(paths),
                        virtual_link_id=self._virtual_link_id,
                    )
                    neighbour, key = keys.pop(0)
                    await neighbour.post(key, kind, share)
                await confirmed
        except (TimeoutError, NotSentError):
            self._relation.lost += 1
            self._slow_down()
        except asyncio.CancelledError:
            self._relation.lost += 1
            raise
        else:
            block = replace(block, relays=self._relays.get(block.block_id, block.relays))
            self._relation.carried(block)
            self._outlet.add(block)
            self._end_pause()
            self._window = min(self._window + 1 / self._window, float(self._settings.window))
        finally:
            del self._unconfirmed[block.block_id]
            self._relays.pop(block.block_id, None)

    # -- pace ---------------------------------------------------------------------------------------

    def _slow_down(self) -> None:
        self._pause_s = next(self._pauses)
        self._window = max(1.0, self._window / 2)

    def _end_pause(self) -> None:
        self._pause_s = 0.0
        self._pauses = growing(self._settings.first_pause_s, self._settings.longest_pause_s)


def relays_of(passed: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The nodes between the ends on all paths, each once, in the order of the paths."""
    return tuple(dict.fromkeys(chain.from_iterable(passed)))
