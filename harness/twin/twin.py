"""A whole network, raised from its topology: plant, modules, KMEs, forwarding modules, routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

from harness.hosting import LaunchSpec
from harness.plant import FibrePlant
from harness.testbed.reached import Reached, ReachedKme, ReachedSae
from harness.topology import Handover, Module, System, Topology
from harness.twin.abreast import abreast
from harness.twin.account import Ledger, Readings
from harness.twin.arrangement import Arrangement
from harness.twin.calls import Calls
from harness.twin.control import Control
from harness.twin.hosts import FORWARDING, KMS, Hosts, control_of, makers_of
from harness.twin.instances import Instances, instance_id
from harness.twin.joints import Joints
from harness.twin.layout import Layout, lay_out
from harness.twin.proxy import TcpProxy
from harness.twin.settings import TwinSettings
from harness.twin.turns import rounds
from harness.twin.world import controlled_plant_of, plant_of
from qkd.device.v1 import module_pb2
from qkd.node.v1 import forwarding_pb2

_POLL_S = 0.1
_HANDED_OVER_S = 10.0
_UNTAKEN_S = 0.6


@dataclass(frozen=True)
class ModuleStatus:
    """One module as it says it is."""

    module: Module
    status: module_pb2.GetStatusResponse

    @property
    def running(self) -> bool:
        """It makes keys (a hub: it measures)."""
        return self.status.state in (module_pb2.MODULE_STATE_RUNNING, module_pb2.MODULE_STATE_DEGRADED)

    @property
    def state(self) -> str:
        """Its state in one word, upper case."""
        return module_pb2.ModuleState.Name(self.status.state).removeprefix("MODULE_STATE_")


@asynccontextmanager
async def raise_twin(
    topology: Topology, specs: Mapping[str, LaunchSpec], settings: TwinSettings | None = None
) -> AsyncIterator[Twin]:
    """Raises a network and takes it down afterwards.

    Args:
        topology: what to raise: all modules of active systems, a KME and a forwarding module a site.
        specs: how to launch each maker of the topology (by its id), and "reference" and "forwarding".
        settings: see `TwinSettings`.

    Raises:
        HostingError: when a process or an instance does not come up.
        ValueError: the topology has a maker that nobody can launch, or a plant that cannot be.
    """
    settings = settings or TwinSettings()
    layout = lay_out(topology, seed=settings.seed)
    control = control_of(topology) if settings.controlled else []
    if missing := sorted({KMS, FORWARDING, *control, *makers_of(topology)} - specs.keys()):
        raise ValueError(f"{topology.name}: no implementation is installed of {', '.join(missing)}")
    async with AsyncExitStack() as stack:
        arrangement = Arrangement(topology) if settings.controlled else None
        plan = (
            plant_of(topology, seed=settings.seed)
            if arrangement is None
            else controlled_plant_of(arrangement, seed=settings.seed)
        )
        plant = FibrePlant(plan, tick_s=settings.tick_for(len(layout.sites)), speed=settings.speed)
        sites = settings.sites_in_a_process(len(layout.sites))
        hosts = Hosts(layout, specs, sites, controlled=settings.controlled)
        await hosts.launch(stack)
        await stack.enter_async_context(plant)
        twin = Twin(layout, settings, plant, hosts, arrangement)
        stack.push_async_callback(twin.close)
        await twin.provision()
        yield twin


class Twin:
    """A network that is up. Made by `raise_twin`.

    Attributes:
        layout: what it consists of.
        plant: the fibre plant, in this process.
        hosts: its processes.
        calls: of its instances.
        joints: how KMEs and forwarding modules know of each other.
        control: who makes its links; None = nobody: routes and pairings are static.
        ledger: what is known of lives that have ended, for the account.
        rounds: systems that take turns; see `harness.twin.turns`. Empty = all run at once.
        turn: which round it is.
    """

    def __init__(
        self,
        layout: Layout,
        settings: TwinSettings,
        plant: FibrePlant,
        hosts: Hosts,
        arrangement: Arrangement | None = None,
    ) -> None:
        self.layout = layout
        self.plant = plant
        self.hosts = hosts
        self._settings = settings
        self.ledger = Ledger()
        self.rounds = rounds(layout.topology.active_systems)
        self.turn = 0
        self._raised = Instances(layout, settings, plant, hosts, arrangement)
        self.control = Control(settings, hosts, self._raised, arrangement) if arrangement is not None else None
        self.calls = Calls(self._raised)
        self.joints = Joints(layout, hosts, self._raised, self.calls)

    # -- raising ------------------------------------------------------------------------------------

    async def provision(self) -> None:
        """Raises everything on hosts that run, joins it and starts the modules.

        Order: what is asked for keys comes before who asks; modules that push come after whom they push to. A
        controller comes last and makes all links.
        """
        up = self._raised
        for system in {one.id: one for turn in self.rounds for one in turn}.values():
            for end in system.ends:
                door = up.doors[system.id, up.kme_at(end)] = TcpProxy()
                await door.start()
        modules = self.modules_raised()
        pushing = [module for module in modules if module.handover is Handover.TCP_PUSH]
        await abreast(up.raise_entropy(generator.id) for generator in self.layout.topology.generators)
        await abreast(
            (
                *(up.raise_forwarder(kme_id) for kme_id in self.layout.sites),
                *(up.raise_module(one, self._system_of(one)) for one in modules if one not in pushing),
            )
        )
        await abreast(up.raise_kme(kme_id) for kme_id in self.layout.sites)
        await abreast(up.raise_module(module, self._system_of(module)) for module in pushing)
        await self.joints.connect()
        if self.control is not None:
            await self.control.raise_all()
            await self.control.bring_up()
            return
        await self.joints.set_routes()
        await self.start_modules()

    async def start_modules(self, only: Iterable[str] | None = None) -> None:
        """Configures and starts the modules of all systems in turn, receivers and hubs before transmitters.

        Args:
            only: ids of modules; None = all.
        """
        chosen = None if only is None else set(only)
        words: dict[str, module_pb2.ConfigureRequest] = {}
        for system in self.systems_in_turn():
            for name in system.modules:
                peers = system.transmitters if name == system.receiver else (system.receiver,)
                if name != system.receiver and len(system.transmitters) > 1:
                    peers = tuple(other for other in system.transmitters if other != name)
                if chosen is None or name in chosen:
                    words[name] = module_pb2.ConfigureRequest(peer_module_ids=peers, channel=system.channel)
        await abreast(self.calls.module(name, "Configure", request) for name, request in words.items())
        first = {system.receiver for system in self.systems_in_turn()}
        for names in (words.keys() & first, words.keys() - first):
            await abreast(self.calls.module(name, "Start", module_pb2.StartRequest()) for name in names)

    # -- asking -------------------------------------------------------------------------------------

    @property
    def reached(self) -> Reached:
        """How applications reach the KMEs."""
        up = self._raised
        kmes = tuple(ReachedKme(name, it.etsi014_url, it.grpc_address or None) for name, it in up.kmes.items())
        saes = tuple(
            ReachedSae(sae, kme_id, up.wallet.sae(sae).certificate_pem, up.wallet.sae(sae).private_key_pem)
            for kme_id, site in self.layout.sites.items()
            for sae in site.saes
        )
        return Reached(up.wallet.trust_pem, kmes, saes)

    def systems_in_turn(self) -> list[System]:
        """Active systems that run now, or could."""
        waiting = {system.id for turn in self.rounds for system in turn}
        if self.rounds:
            waiting -= {system.id for system in self.rounds[self.turn]}
        return [system for system in self.layout.topology.active_systems if system.id not in waiting]

    def modules_in_turn(self) -> list[Module]:
        """The modules of these."""
        names = dict.fromkeys(name for system in self.systems_in_turn() for name in system.modules)
        return [self.layout.topology.module(name) for name in names]

    def modules_raised(self) -> list[Module]:
        """Those that are there: where a controller decides who works with whom, idle ones too."""
        if self.control is None:
            return self.modules_in_turn()
        return [one.module for one in self.control.arrangement.interfaces.values()]

    async def statuses(self) -> list[ModuleStatus]:
        """Of all modules in turn."""
        modules = self.modules_in_turn()
        answers = await asyncio.gather(
            *(self.calls.module(module.id, "GetStatus", module_pb2.GetStatusRequest()) for module in modules)
        )
        return [ModuleStatus(module, answer) for module, answer in zip(modules, answers, strict=True)]

    async def forwarding(self, kme_id: str) -> forwarding_pb2.GetForwardingResponse:
        """What the forwarding module of a site has done."""
        request = forwarding_pb2.GetForwardingRequest()
        answer = await self.calls.forwarding(kme_id, "GetForwarding", request)
        return cast(forwarding_pb2.GetForwardingResponse, answer)

    async def readings(self) -> Readings:
        """All accounts there are, as they are now."""
        names = list(self.layout.sites)
        statuses = await self.statuses()
        stores = await asyncio.gather(*map(self.calls.store, names))
        forwarders = await asyncio.gather(*map(self.forwarding, names))
        return Readings(
            {one.module.id: one.status for one in statuses},
            dict(zip(names, stores, strict=True)),
            dict(zip(names, forwarders, strict=True)),
        )

    async def close(self) -> None:
        """Closes channels and proxies."""
        if self.control is not None:
            await self.control.close()
        await self.calls.close()
        await self.joints.close()
        for door in self._raised.doors.values():
            await door.stop()

    # -- what happens to it --------------------------------------------------------------------------

    async def restart_maker(self, maker: str) -> None:
        """Kills (SIGKILL) the process of a maker and brings its modules up again; their stores are lost."""
        host = self.hosts.maker[maker]
        modules = [module for module in self.modules_raised() if module.maker == maker]
        await self.plant.hold()  # what they have made when they die is known to the bit
        for one in await self.statuses():
            if one.module.maker == maker:
                self.ledger.module_crashed(one.module.id, one.status)
        await host.kill()
        self.plant.go_on()
        await host.restart()
        up = self._raised
        await abreast(up.raise_entropy(one.id) for one in self.layout.topology.generators if one.maker == maker)
        await abreast(up.raise_module(module, self._system_of(module)) for module in modules)
        if self.control is None:  # else their agents start them
            await self.start_modules([module.id for module in modules])

    async def restart_kme(self, kme_id: str) -> None:
        """Kills (SIGKILL) the process of a KME and brings all its KMEs up again on the stores that they left."""
        host = self.hosts.kme[kme_id]
        _, kmes, _ = self.hosts.sharing(host)
        self.ledger.kmes_crashed(kmes)
        await host.restart()
        await abreast(self._raised.raise_kme(name) for name in kmes)
        await self._join()

    async def restart_forwarder(self, kme_id: str) -> None:
        """Kills (SIGKILL) the process of a forwarding module and brings all of its modules up again."""
        host = self.hosts.forwarder[kme_id]
        _, _, names = self.hosts.sharing(host)
        for name in names:
            self.ledger.forwarder_crashed(name, await self.forwarding(name))
        await host.restart()
        await abreast(self._raised.raise_forwarder(name) for name in names)
        await self._join()
        if self.control is None:
            await self.joints.set_routes()

    def step_clock(self, kme_id: str, offset_s: float) -> None:
        """From now on the wall clock of a KME is ahead of (or behind) that of the machine by so much, seconds.

        Raises:
            ValueError: the network was not raised with `TwinSettings.clocks`.
        """
        if self._settings.clocks is None:
            raise ValueError("raise the network with a folder for clocks to step them")
        clock = self._settings.clock_of(kme_id)
        new = clock.with_suffix(".new")
        new.write_text(repr(offset_s), encoding="ascii")
        new.replace(clock)

    async def next_turn(self) -> None:
        """The next round of systems that share modules: who is not in it leaves the plant, who is comes.

        Keys that are ready are handed over first; what a KME does not take within a bound is destroyed, as a module
        does with another peer's keys.
        """
        leaving = {module.id: module for turn in [self.rounds[self.turn]] for module in self._modules_of(turn)}
        for name in leaving:
            await self.calls.module(name, "Stop", module_pb2.StopRequest())
        await self._handed_over(leaving)
        going = self.rounds[self.turn]
        self.turn = (self.turn + 1) % len(self.rounds)
        staying = {module.id for module in self._modules_of(self.rounds[self.turn])}
        up = self._raised
        for system in going:
            for end in system.ends:
                await up.doors[system.id, up.kme_at(end)].shut()
        for name, module in leaving.items():
            if name not in staying:
                status = await self.calls.module(name, "GetStatus", module_pb2.GetStatusRequest())
                self.ledger.module_ended(name, status)
                await self.hosts.maker[module.maker].release_instance(instance_id("module", name))
                del up.modules[name]
        for system in self.rounds[self.turn]:
            for module in self._modules_of([system]):
                if module.id not in up.modules:
                    await up.raise_module(module, system)
                up.open_door(module, system)
        await self.start_modules(staying)

    # -- parts --------------------------------------------------------------------------------------

    async def _join(self) -> None:
        """Tells everybody where the others are now."""
        await self.joints.connect()
        if self.control is not None:
            await self.control.connect()

    async def _handed_over(self, names: Iterable[str]) -> None:
        """Waits until modules that are off have nothing left, or no more is taken; bounded."""
        loop = asyncio.get_running_loop()
        until, last, since = loop.time() + _HANDED_OVER_S, [-1], 0.0
        while loop.time() < until:
            statuses = [await self.calls.module(name, "GetStatus", module_pb2.GetStatusRequest()) for name in names]
            left = [status.in_store_bits for status in statuses]
            if left != last:
                last, since = left, loop.time()
            # A KME that has stored a block releases it a moment later.
            if loop.time() - since > _UNTAKEN_S:
                return
            await asyncio.sleep(_POLL_S)

    def _modules_of(self, systems: Iterable[System]) -> list[Module]:
        names = dict.fromkeys(name for system in systems for name in system.modules)
        return [self.layout.topology.module(name) for name in names]

    def _system_of(self, module: Module) -> System | None:
        systems = self.systems_in_turn()
        if self.control is not None:  # it may have modules make keys that no active system has
            systems += [system for system in self.layout.topology.systems if not system.active]
        return next((s for s in systems if module.id in s.modules), None)
