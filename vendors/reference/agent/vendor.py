"""The reference SDN agent as the harness hosts it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import grpc

from harness.sdk import ContractError, Vendor
from harness.sdk.yang import ModelFilesError
from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, ProvisionAgentRequest, ProvisionAgentResponse

from .agent import Agent, NodeMaker
from .node import live_node

_log = logging.getLogger(__name__)
CLAIMS: dict[str, object] = {
    "agent_settings": [
        "node_poll_s=0.1",
        "node_perf_interval_s=0.1",
        "node_statistics_period_s=1",
        "node_longest_pause_s=0.5",
    ],
    "period_s": 1,
}
"""How the 015 suite has it set up: short intervals make quick tests. See `conformance.etsi015.survey`."""


class AgentVendor(Vendor):
    """Raises any number of SDN agents in one process.

    Args:
        make_node: what stands behind the agents; None = the reference node.
    """

    name = "reference-agent"
    vendor = "qkd-harness"
    version = "1.0.0"
    roles = ("agent",)

    def __init__(self, make_node: NodeMaker | None = None) -> None:
        self._make_node: NodeMaker = make_node or live_node
        self._agents: dict[str, Agent] = {}

    def ics(self) -> dict[str, dict[str, object]]:
        """How it is set up for the 015 suite."""
        variants = {"": {"about": "the reference SDN agent"}}
        return {"etsi015": dict(CLAIMS), "selfcheck": {"etsi015": {"variants": variants}}}

    def node_maker(self) -> NodeMaker:
        """What raises the nodes."""
        return self._make_node

    def agent_of(self, request: ProvisionAgentRequest, state: Path) -> Agent:
        """The agent of a variant.

        Raises:
            ValueError, ModelFilesError: as of `Agent`.
        """
        return Agent(request, state, self.node_maker())

    async def provision_agent(self, request: ProvisionAgentRequest, state: Path) -> ProvisionAgentResponse:
        """Starts an agent with an empty node."""
        try:
            agent = self.agent_of(request, state)
            try:
                endpoints = await agent.start()
            except BaseException:
                await agent.stop()
                raise
        except (ValueError, ModelFilesError) as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PROVISION_INVALID", message=str(error)) from None
        self._agents[request.instance_id] = agent
        _log.info("the agent of node %s is up", request.qkdn_id)
        return ProvisionAgentResponse(
            restconf_url=endpoints.restconf_url,
            grpc_address=endpoints.grpc_address,
            netconf_address=endpoints.netconf_address,
            netconf_host_key=endpoints.netconf_host_key,
        )

    async def connect_agent(self, request: ConnectAgentRequest) -> None:
        """Tells an agent where the parts of its node are."""
        try:
            await self._agents[request.instance_id].connect(request)
        except ValueError as error:
            raise ContractError(grpc.StatusCode.INVALID_ARGUMENT, "PARTS_INVALID", message=str(error)) from None

    async def release_instance(self, instance_id: str) -> None:
        """Stops an agent."""
        agent = self._agents.pop(instance_id, None)
        if agent is not None:
            await agent.stop()

    async def shutdown(self) -> None:
        """Stops all of them."""
        await asyncio.gather(*map(self.release_instance, list(self._agents)))
