"""Every direct link that a network allows, made by its controller: key of it at both ends, and taken down again."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from harness.topology import System
from harness.twin.control import Control, refusal
from harness.twin.keys import Applications
from harness.twin.stand_ins import in_groups, moved
from harness.twin.twin import Twin
from qkd.device.v1 import module_pb2

Say = Callable[[str], None]
_POLL_S = 0.2
_KEYS = 100


@dataclass
class DirectLink:
    """What came of one.

    Attributes:
        link: id of the system.
        maker, path, channel, modules: of it; no path = the two modules are at one site, back to back.
        moved: modules of it that were carried elsewhere for it.
        established: its modules made key, both KMEs got key of it, and no application a wrong one.
        bits: of it that both KMEs had got then.
        keys, wrong: that applications of both ends took meanwhile: equal, and not equal or missing at one end.
        skr_bps: secret key rate of the last interval then, bits a second of the plant's time.
        seconds: from asking the controller until both KMEs had key, wall clock.
        why: what kept it from being established, for people.
    """

    link: str
    maker: str
    path: tuple[str, ...]
    channel: str
    modules: tuple[str, ...]
    moved: tuple[str, ...] = ()
    established: bool = False
    bits: int = 0
    keys: int = 0
    wrong: int = 0
    skr_bps: float = 0.0
    seconds: float | None = None
    why: str = ""


@dataclass
class DirectLinks:
    """All of them; `troubles` = links that could not be taken down again, for people."""

    links: list[DirectLink] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def established(self) -> int:
        """How many both of whose KMEs got key."""
        return sum(one.established for one in self.links)

    @property
    def holds(self) -> bool:
        """Whether every link was established, and all were taken down again."""
        return all(one.established for one in self.links) and not self.troubles


async def try_direct_links(twin: Twin, *, bound_s: float, say: Say = lambda _: None) -> DirectLinks:
    """Takes down what there is, then has every link of the topology made once, in groups that do not meet.

    Args:
        twin: raised from a topology `with_stand_ins` and controlled; all its links are down afterwards.
        bound_s: of waiting for the keys of a group, seconds.
        say: told how far it got.

    Raises:
        ValueError: the network is not controlled.
        grpc.aio.AioRpcError: the controller does not take down what there is.
    """
    if twin.control is None:
        raise ValueError("raise the network with a controller to try its direct links")
    control, found = twin.control, DirectLinks()
    await control.clear()
    groups = in_groups(twin.layout.topology.systems)
    for number, group in enumerate(groups, 1):
        tried = [_Try(twin, control, system) for system in group]
        await asyncio.gather(*(one.run(bound_s) for one in tried))
        for once in tried:
            # Idle lasers stay tuned, and light of others of the group may have been in the way: once more, alone.
            again = _Try(twin, control, once.system) if once.in_the_way else once
            if again is not once:
                await again.run(bound_s)
            found.links.append(again.result)
            found.troubles += filter(None, dict.fromkeys((once.trouble, again.trouble)))
            if again.result.why:
                say(f"{again.result.link}: {again.result.why}")
        say(f"direct links: {found.established} established, {number} of {len(groups)} groups tried")
    return found


class _Try:
    """One link: made, waited for, taken down.

    Attributes:
        result: what came of it.
        trouble: why it could not be taken down, for people.
        in_the_way: what kept it from being established may be gone once the others of its group are.
    """

    def __init__(self, twin: Twin, control: Control, system: System) -> None:
        self._twin = twin
        self._control = control
        self.system = system
        # Not the name that it had before: what its KMEs count is to be of this time alone.
        self._qkdl_id = str(uuid.uuid4())
        self._ends = twin.layout.kme_pair(system)
        self.result = DirectLink(
            system.id, system.maker, system.path, system.channel, system.modules, moved=moved(system)
        )
        self.trouble = ""
        self.in_the_way = False

    async def run(self, bound_s: float) -> None:
        """Does all of it; see `result` and `trouble`."""
        begun = time.monotonic()
        before = (await self._status()).distilled_bits
        if why := await refusal(self._control.make(self.system, self._qkdl_id)):
            self.result.why, self.in_the_way = why, True
            return
        result, status = self.result, await self._status()
        with Applications(self._twin.reached) as applications:
            while time.monotonic() < begun + bound_s:
                status = await self._status()
                result.bits = min([await self._bits(kme_id) for kme_id in self._ends])
                if result.bits and status.distilled_bits > before and status.performance.skr_bps:
                    result.seconds = time.monotonic() - begun
                    break
                # A KME whose stock is full takes no more.
                await asyncio.to_thread(self._use, applications)
                await asyncio.sleep(_POLL_S)
        result.skr_bps, result.established = status.performance.skr_bps, result.seconds is not None and not result.wrong
        if not result.established:
            state = module_pb2.ModuleState.Name(status.state).removeprefix("MODULE_STATE_")
            made = f"the receiver is {state} and has made {status.distilled_bits - before} bits"
            # It makes key, so light is not what is missing: the KMEs may have been busy with what they had before.
            self.in_the_way = status.state == module_pb2.MODULE_STATE_RUNNING and not result.wrong
            result.why = f"no key at both ends within {bound_s:g} s: {made}; {result.wrong} wrong keys"
        self.trouble = await refusal(self._control.delete(self._qkdl_id))

    def _use(self, applications: Applications) -> None:
        """Applications at both ends take keys, as many as a request may ask for, and compare them."""
        saes = [self._twin.layout.sites[kme_id].saes for kme_id in self._ends]
        if not all(saes):
            return
        for master, slave in ((saes[0][0], saes[1][0]), (saes[1][0], saes[0][0])):
            got = applications.exchange(master, slave, number=_KEYS)
            self.result.keys += got.equal
            self.result.wrong += got.mismatches + got.missing

    async def _bits(self, kme_id: str) -> int:
        store = await self._twin.calls.store(kme_id)
        return sum(source.received_bits for source in store.sources if source.source_id == self._qkdl_id)

    async def _status(self) -> module_pb2.GetStatusResponse:
        answer = await self._twin.calls.module(self.system.receiver, "GetStatus", module_pb2.GetStatusRequest())
        return cast(module_pb2.GetStatusResponse, answer)
