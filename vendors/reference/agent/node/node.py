"""The node behind the agent: its modules, its KME and its forwarding module, made to do what is configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from qkd.device.v1 import module_pb2 as pb
from qkd.node.v1 import agent_pb2 as model
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, NodeModule, ProvisionAgentRequest
from vendors.reference.agent.live import RefusedByNodeError
from vendors.reference.clock import Clock

from .applications import ApplicationBook
from .changes import Changes
from .flow import Flow
from .kms import Forwarder, Kme
from .memory import Memory
from .modules import GENERATING, Module, Pair
from .notices import Notices
from .part import Part
from .plan import Plan, World, enabled, plan
from .settings import NodeSettings
from .view import interface, interface_status, link_status, performance, physical_performance

VERSION = "1.0.0"


class Node:
    """See `LiveNode`. `run` it while it is used.

    Args:
        state: folder of the agent; the node keeps `live.json` there.

    Raises:
        ValueError: a setting does not fit.
    """

    def __init__(
        self, request: ProvisionAgentRequest, connect: ConnectAgentRequest, state: Path, clock: Clock | None = None
    ) -> None:
        self._request = request
        self._connect = connect
        self._clock = clock or Clock()
        self._settings = NodeSettings.from_text(dict(request.settings))
        self._memory = Memory(state / "live.json")
        self._notices = Notices(self._clock.wall)
        self._changes = Changes(self._settings, self._notices, self._clock.steady)
        self._book = ApplicationBook(self._settings, self._memory, self._notices)
        self._flow = Flow()
        self._links: Sequence[model.QkdLink] = ()
        self._done = Plan()
        self._lock = asyncio.Lock()
        self._due = False
        self._applying = False
        self._modules = {one.qkdi_id: self._module(one) for one in connect.modules}
        self._kme = self._made_kme()
        self._forwarder: Forwarder | None = None
        if connect.forwarder_address:
            self._forwarder = Forwarder(
                connect.forwarder_address, connect.forwarder_token, self._settings, self._changed
            )
        for number in set(self._memory.interfaces) - self._modules.keys():
            self._changes.out(number)
        self._memory.interfaces = list(self._modules)
        self._memory.save()

    def _module(self, one: NodeModule) -> Module:
        def keep(pair: Pair) -> None:
            self._memory.pairs[one.module_id] = pair
            self._memory.save()

        return Module(
            one,
            self._settings,
            self._changed,
            applied=self._memory.pairs.get(one.module_id),
            keep=keep,
            alarmed=lambda alarm: self._alarmed(one.qkdi_id, alarm),
        )

    def _alarmed(self, number: int, alarm: pb.WatchAlarmsResponse) -> None:
        self._changes.alarm(number, interface_status(self._modules[number]), alarm)

    def _made_kme(self) -> Kme | None:
        if not self._connect.kme_grpc_address:
            return None
        return Kme(
            self._connect.kme_grpc_address,
            self._request.credentials,
            self._settings,
            self._changed,
            lambda asked: self._book.asked(asked, self._request.qkdn_id),
        )

    @property
    def _parts(self) -> list[Part]:
        others = [part for part in (self._kme, self._forwarder) if part is not None]
        return [*self._modules.values(), *others]

    async def run(self) -> None:
        """Never returns; cancel it."""
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(part.run())
            group.create_task(self._tick())

    async def met(self) -> None:
        """Returns when all parts have answered once, or will not for now."""
        try:
            async with asyncio.timeout(self._settings.told_s):
                while not all(part.reachable for part in self._parts):  # noqa: ASYNC110 - bounded; parts are many
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        self._look()

    # -- what is configured --------------------------------------------------------------------------

    def _world(self) -> World:
        connect = self._connect
        return World(
            self._request.qkdn_id,
            connect.kme_id,
            {number: (one.plan.module_id, one.capabilities) for number, one in self._modules.items()},
            {one.qkdn_id: one for one in connect.remote_nodes},
            connect.relay_module_id,
            self._forwarder is not None,
        )

    async def apply(self, links: Sequence[model.QkdLink], applications: Sequence[model.QkdApplication]) -> None:
        """See `LiveNode`."""
        async with self._lock:
            wanted = plan(links, applications, self._world())
            self._applying = True
            try:
                await self._do(wanted)
                refusal = self._refusal(links, wanted)
                if refusal is not None:
                    await self._do(self._done)
                    raise refusal
                self._done = wanted
                self._links = list(links)
                self._book.use(list(applications), self._clock.wall())
                self._memory.save()
            finally:
                self._applying = False
            self._look()

    async def _do(self, wanted: Plan) -> None:
        """Tells all parts, the KME first: it is to know whom blocks are shared with when they come."""
        if self._kme is not None:
            self._kme.set(wanted.pairings, wanted.applications)
            await self._kme.told()
        if self._forwarder is not None:
            self._forwarder.set(wanted.virtual_links)
        for number, module in self._modules.items():
            module.make(wanted.modules.get(number))
        await asyncio.gather(*(part.told() for part in self._parts if part is not self._kme))

    def _refusal(self, links: Sequence[model.QkdLink], wanted: Plan) -> RefusedByNodeError | None:
        """What a part says that it cannot do."""
        for link in links:
            module = self._modules.get(link.qkdl_local.qkdi_id) if link.qkdl_local.HasField("qkdi_id") else None
            if module is not None and module.refusal and enabled(link) and link.qkdl_type == model.LINK_TYPE_PHYS:
                return RefusedByNodeError(f"link {link.qkdl_id}", f"the module says: {module.refusal}", "qkdl_remote")
        if self._forwarder is not None and self._forwarder.refusal and wanted.virtual_links:
            text = f"the forwarding module says: {self._forwarder.refusal}"
            return RefusedByNodeError(f"link {wanted.virtual_links[0].link_id}", text, "virt_next_hop")
        if self._kme is not None and self._kme.refusal:
            subject = f"link {wanted.pairings[0].source_id}" if wanted.pairings else "application"
            return RefusedByNodeError(subject, f"the KME says: {self._kme.refusal}")
        return None

    # -- what is so ----------------------------------------------------------------------------------

    def observed(self) -> model.SdNode:
        """See `LiveNode`."""
        whole = all(part.reachable for part in self._parts)
        return model.SdNode(
            qkdn_id=self._request.qkdn_id,
            qkdn_status=model.NODE_STATUS_OPERATING if whole else model.NODE_STATUS_DOWN,
            qkdn_version=VERSION,
            qkdn_location_id=self._request.location_id,
            link_stats_support=True,
            application_stats_support=True,
            key_relay_mode_enable=self._forwarder is not None,
            qkd_interfaces=[interface(module) for module in self._modules.values()],
            qkd_links=[self._link(link) for link in self._links],
            qkd_applications=self._book.observed(),
        )

    def notifications(self) -> AsyncIterator[model.WatchNotificationsResponse]:
        """See `LiveNode`."""
        return self._notices.read()

    def _link(self, link: model.QkdLink) -> model.QkdLink:
        """A link as the node alone knows it."""
        far = self._far(link)
        stock = self._kme.links[far].in_stock_bits if self._kme is not None and far in self._kme.links else 0
        kme_answers = self._kme is None or self._kme.reachable
        skr: int | None = 0
        figures, generating, answers = list[model.PhysicalPerformance](), False, False
        if link.qkdl_type == model.LINK_TYPE_PHYS:
            module = self._modules[link.qkdl_local.qkdi_id]
            if self._done.modules.get(link.qkdl_local.qkdi_id) is not None and enabled(link):
                skr, figures = physical_performance(module)
                generating = module.state in GENERATING
            answers = module.reachable
        elif self._forwarder is not None:
            answers = self._forwarder.reachable
            ends = not (link.virt_prev_hop and link.virt_next_hops)
            full = self._kme is not None and far in self._kme.links and not self._kme.links[far].low
            skr = self._flow.rate(far, idle=full) if ends else None  # a node in the middle does not know
            generating = answers and (not ends or full or bool(skr))
        return model.QkdLink(
            qkdl_id=link.qkdl_id,
            qkdl_status=link_status(
                link,
                generating=generating and kme_answers,
                stock_bits=stock if kme_answers else 0,
                answers=answers and kme_answers,
            ),
            qkdl_performance=performance(link, self._links, self._book.applied, skr=skr, figures=figures),
        )

    def _far(self, link: model.QkdLink) -> str:
        remotes = (one for one in self._connect.remote_nodes if one.qkdn_id == link.qkdl_remote.qkdn_id)
        return next((one.kme_id for one in remotes), "")

    def _why(self, link: model.QkdLink) -> str:
        """What keeps a link from working; empty = it is not meant to."""
        if not enabled(link):
            return ""
        if self._kme is not None and not self._kme.reachable:
            return "the KME does not answer"
        if link.qkdl_type == model.LINK_TYPE_PHYS:
            module = self._modules[link.qkdl_local.qkdi_id]
            if not module.reachable:
                return "the module does not answer"
            state = pb.ModuleState.Name(module.state or pb.MODULE_STATE_UNSPECIFIED)
            return f"the module is {state.removeprefix('MODULE_STATE_')}"
        if self._forwarder is not None and not self._forwarder.reachable:
            return "the forwarding module does not answer"
        return "no keys come over it any more"

    # -- what changes --------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Looks soon, once for all that changes together."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._look)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_s)
            self._look()

    def _look(self) -> None:
        self._due = False
        if self._forwarder is not None:
            self._flow.look(self._forwarder.bits, self._clock.steady())
        for module in self._modules.values():
            self._changes.interface(module, interface(module))
        self._book.look(self._kme.uses if self._kme is not None else {}, self._world(), self._clock.wall())
        if self._applying:
            return  # links change because they are told to
        shown = {link.qkdl_id: self._link(link) for link in self._links}
        self._changes.links(shown, {link.qkdl_id: self._why(link) for link in self._links})
