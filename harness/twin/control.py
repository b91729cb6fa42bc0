"""What controls a network: SDN agents, the controller of its switches, the SDN controller; and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, cast

import grpc

from harness.contract import bearer_metadata, read_error
from harness.sdk.server import loopback_channel
from harness.topology import System
from harness.twin.abreast import abreast
from harness.twin.arrangement import Arrangement, wavelength_of
from harness.twin.hosts import AGENT, CONTROLLER, OPTICAL_SWITCH, Hosts
from harness.twin.instances import CONTROLLER_NAME, Instances, agent_name, instance_id, relay_module
from harness.twin.settings import TwinSettings
from qkd.control.v1 import controller_pb2, controller_pb2_grpc
from qkd.node.v1 import agent_pb2
from qkd.vendor.v1 import vendor_pb2

_CALL_S = 60.0
_POLL_S = 0.1
_AGAIN_S = 1.0


class Control:
    """Raises the control plane of a network and asks it for links.

    Args:
        settings: of the network.
        hosts: where it runs.
        raised: the instances that it controls.
        arrangement: what hangs where.

    Attributes:
        arrangement: as given.
        troubles: links that could not be had when the network was brought up, for people.
    """

    def __init__(self, settings: TwinSettings, hosts: Hosts, raised: Instances, arrangement: Arrangement) -> None:
        self.arrangement = arrangement
        self.troubles: list[str] = []
        self._settings = settings
        self._hosts = hosts
        self._up = raised
        self._layout = raised.layout
        self._agents: dict[str, vendor_pb2.ProvisionAgentResponse] = {}
        self._channel: grpc.aio.Channel | None = None

    # -- raising ------------------------------------------------------------------------------------

    async def raise_all(self) -> None:
        """Agents, then switches, then the controller, which discovers all nodes.

        Raises:
            HostingError: one of them does not come up.
            grpc.aio.AioRpcError: the controller does not take its nodes.
        """
        await abreast(self._raise_agent(kme_id) for kme_id in self._layout.sites)
        await self.connect()
        switches = await self._raise_switches()
        controller = await self._hosts.control[CONTROLLER].provision_controller(
            vendor_pb2.ProvisionControllerRequest(
                instance_id=CONTROLLER_NAME,
                credentials=self._up.credentials(self._up.wallet.kme(CONTROLLER_NAME)),
                token=self._up.token(CONTROLLER_NAME),
                tapi_urls=switches,
                settings=dict(self._settings.controller),
            )
        )
        self._channel = loopback_channel(controller.control_address)
        nodes = [
            controller_pb2.NodeAddress(restconf_url=self._agents[kme_id].restconf_url, domain=site.domain)
            for kme_id, site in self._layout.sites.items()
        ]
        await self.call("AddNodes", controller_pb2.AddNodesRequest(nodes=nodes))

    async def _raise_agent(self, kme_id: str) -> None:
        site = self._layout.sites[kme_id]
        name = agent_name(site)
        request = vendor_pb2.ProvisionAgentRequest(
            instance_id=instance_id("agent", kme_id),
            qkdn_id=self.arrangement.qkdn_id(site.id),
            location_id=site.id,
            credentials=self._up.credentials(self._up.wallet.kme(name)),
            controllers=[CONTROLLER_NAME],
            token=self._up.token(name),
            settings=dict(self._settings.agent),
        )
        self._agents[kme_id] = await self._hosts.control[AGENT].provision_agent(request)

    async def connect(self) -> None:
        """Tells all agents where the parts of their nodes are; again when one has moved."""
        await abreast(self._connect(kme_id) for kme_id in self._layout.sites)

    async def _connect(self, kme_id: str) -> None:
        up, here = self._up, self._layout.sites[kme_id]
        request = vendor_pb2.ConnectAgentRequest(
            instance_id=instance_id("agent", kme_id),
            kme_id=kme_id,
            kme_grpc_address=up.kmes[kme_id].grpc_address,
            forwarder_address=up.forwarders[kme_id].control_address,
            forwarder_token=up.token(f"fwd {kme_id}"),
            local_sae_ids=here.saes,
            relay_module_id=relay_module(kme_id),
        )
        for one in self.arrangement.at(here.id):
            request.modules.add(
                qkdi_id=one.qkdi_id,
                module_id=one.module.id,
                control_address=up.modules[one.module.id].control_address,
                token=up.token(one.module.id),
                att_device=one.device,
                att_port=one.port,
            )
        for other, site in self._layout.sites.items():
            if other != kme_id:
                remote = request.remote_nodes.add(qkdn_id=self.arrangement.qkdn_id(site.id), kme_id=other)
                for one in self.arrangement.at(site.id):
                    remote.interfaces.add(qkdi_id=one.qkdi_id, module_id=one.module.id)
        await self._hosts.control[AGENT].connect_agent(request)

    async def _raise_switches(self) -> list[str]:
        """URLs of Transport API; none where there is no switch."""
        if not self.arrangement.ports:
            return []
        name = "optical-switches"
        pairs = {link.id: link.fibre_pairs for link in self._layout.topology.links if link.fibre_pairs > 1}
        answer = await self._hosts.control[OPTICAL_SWITCH].provision_optical_switch(
            vendor_pb2.ProvisionOpticalSwitchRequest(
                instance_id=name,
                credentials=self._up.credentials(self._up.wallet.kme(name)),
                controllers=[CONTROLLER_NAME],
                plant_address=self._up.plant.address,
                plant_token=self._up.plant.control_token,
                ports=self.arrangement.ports,
                settings={"fibre_pairs": ",".join(f"{link}={number}" for link, number in pairs.items())},
            )
        )
        return [answer.tapi_url]

    # -- asking -------------------------------------------------------------------------------------

    async def call(self, method: str, request: Any) -> Any:
        """Calls qkd.control.v1 of the controller.

        Raises:
            grpc.aio.AioRpcError: it refuses or does not answer.
        """
        if self._channel is None:
            raise RuntimeError("the controller is not raised")
        stub: Any = controller_pb2_grpc.ControllerServiceStub(self._channel)
        metadata = bearer_metadata(self._up.token(CONTROLLER_NAME))
        return await getattr(stub, method)(request, metadata=metadata, timeout=_CALL_S, wait_for_ready=True)

    async def network(self) -> controller_pb2.GetNetworkResponse:
        """The network as the controller knows it."""
        answer = await self.call("GetNetwork", controller_pb2.GetNetworkRequest())
        return cast(controller_pb2.GetNetworkResponse, answer)

    async def make(self, system: System, qkdl_id: str = "") -> None:
        """Has the controller make the link of a system; raises as `call`.

        Args:
            system: whose modules are joined.
            qkdl_id: name of the link; empty = the one that it always has.
        """
        sender, receiver = map(self.arrangement.end, system.modules)
        request = controller_pb2.CreatePhysicalLinkRequest(
            qkdl_id=qkdl_id or self.arrangement.qkdl_id(system),
            one=sender,
            other=receiver,
            wavelength=wavelength_of(system.channel),
        )
        await self.call("CreatePhysicalLink", request)

    async def relay(self, ends: tuple[str, str]) -> None:
        """Has it make a virtual link between two KMEs; raises as `call`."""
        one, other = (self.arrangement.qkdn_id(self._layout.sites[end].id) for end in ends)
        request = controller_pb2.CreateVirtualLinkRequest(
            qkdl_id=self.arrangement.virtual_id(ends), from_qkdn_id=one, to_qkdn_id=other
        )
        await self.call("CreateVirtualLink", request)

    async def delete(self, qkdl_id: str) -> None:
        """Has it take a link down; raises as `call`."""
        await self.call("DeleteLink", controller_pb2.DeleteLinkRequest(qkdl_id=qkdl_id))

    async def clear(self) -> None:
        """Has it take all links down, those that are relayed first; raises as `call`."""
        links = (await self.network()).links
        virtual = [one.qkdl_id for one in links if one.type == agent_pb2.LINK_TYPE_VIRT]
        for wave in (virtual, [one.qkdl_id for one in links if one.qkdl_id not in virtual]):
            await abreast(self.delete(qkdl_id) for qkdl_id in wave)

    # -- bringing up --------------------------------------------------------------------------------

    async def bring_up(self) -> None:
        """Makes the links of all active systems, waits until they are up, then has keys of all other pairs relayed.

        What cannot be had is in `troubles`; no more than `TwinSettings.links_s` is waited for each step. What is
        refused is asked for again until then: a node that has just come up may not know its modules yet.
        """
        self.troubles.clear()
        systems = self._layout.topology.active_systems
        await self._asked({system.id: partial(self.make, system) for system in systems})
        await self.until_up()
        await self._asked({link.id: partial(self.relay, link.ends) for link in self._layout.links if link.relayed})

    async def until_up(self) -> None:
        """Waits until the controller sees all links up; those that are not within `links_s` are in `troubles`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.links_s
        while waiting := [one for one in (await self.network()).links if one.state != controller_pb2.LINK_STATE_UP]:
            if loop.time() > until:
                self.troubles += [f"link {one.qkdl_id} is not up: {one.trouble}" for one in waiting]
                return
            await asyncio.sleep(_POLL_S)

    async def _asked(self, wanted: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
        """Asks for all of it until there is all, or time is over."""
        loop = asyncio.get_running_loop()
        until, refused = loop.time() + self._settings.links_s, dict[str, str]()

        async def one(name: str) -> None:
            if trouble := await refusal(wanted[name]()):
                refused[name] = trouble

        left = list(wanted)
        while left and loop.time() < until:
            refused.clear()
            await abreast(one(name) for name in left)
            left = [name for name in left if name in refused]
            if left:
                await asyncio.sleep(_AGAIN_S)
        self.troubles += [f"{name}: {refused[name]}" for name in left]

    async def close(self) -> None:
        """Hangs up."""
        if self._channel is not None:
            await self._channel.close()


async def refusal(work: Coroutine[Any, Any, None]) -> str:
    """Does it; gives why it was refused, for people, and nothing when it was not."""
    try:
        await work
    except grpc.aio.AioRpcError as error:
        said = read_error(error)
        return f"{said.reason or said.code.name}: {said.message}"
    return ""
