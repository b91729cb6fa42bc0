"""The collection as the harness hosts it: every variant of `catalogue`, by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from qkd.vendor.v1.vendor_pb2 import ConnectAgentRequest, ProvisionAgentRequest, ProvisionAgentResponse
from vendors.reference.agent.agent import Agent, NodeMaker
from vendors.reference.agent.live import LiveNode
from vendors.reference.agent.vendor import CLAIMS, AgentVendor

from .catalogue import Recipe
from .shelf import RECIPES

SUITE = "etsi015"
_PLAIN = Recipe("", "the reference agent itself")


class FaultyAgents(AgentVendor):
    """Raises reference agents with one difference each; without a variant, the reference agent itself."""

    name = "faulty-agents"
    variants = tuple(RECIPES)

    def ics(self) -> dict[str, dict[str, object]]:
        """How it is set up, and under "selfcheck" what each variant is for."""
        faults = {
            one.name: {"caught_by": list(one.caught_by), "about": one.about}
            for one in RECIPES.values()
            if one.caught_by
        }
        variants = {one.name: {"about": one.about} for one in RECIPES.values() if not one.caught_by}
        return {SUITE: dict(CLAIMS), "selfcheck": {SUITE: {"faults": faults, "variants": variants}}}

    async def provision_agent(self, request: ProvisionAgentRequest, state: Path) -> ProvisionAgentResponse:
        """As the reference, without what the variant does not offer."""
        answer = await super().provision_agent(request, state)
        if not _recipe(request).grpc:
            answer.ClearField("grpc_address")
        return answer

    def agent_of(self, request: ProvisionAgentRequest, state: Path) -> Agent:
        """The agent of a variant: a part of another class takes the place of the reference's."""
        recipe = _recipe(request)
        asked = ProvisionAgentRequest()
        asked.CopyFrom(request)
        asked.settings.update(recipe.settings)
        made_agent = Agent(asked, state, _node_maker(self.node_maker(), recipe))
        _replace(made_agent, recipe)
        return made_agent


def _recipe(request: ProvisionAgentRequest) -> Recipe:
    return RECIPES[request.variant] if request.variant else _PLAIN


def _node_maker(make: NodeMaker, recipe: Recipe) -> NodeMaker:
    """What raises the node, with the variant's before it."""

    @asynccontextmanager
    async def made(
        request: ProvisionAgentRequest, connect: ConnectAgentRequest, state: Path
    ) -> AsyncIterator[LiveNode]:
        async with make(request, connect, state) as real:
            yield recipe.parts["node"](real, connect) if "node" in recipe.parts else real

    return made


def _replace(agent: Agent, recipe: Recipe) -> None:
    """The agent makes its parts itself: what a variant replaces takes another class."""
    server: Any = agent._restconf  # noqa: SLF001 - as above
    parts = {"store": agent.store, "server": server, "stream": server._stream}  # noqa: SLF001
    for place, part in parts.items():
        if place in recipe.parts:
            part.__class__ = recipe.parts[place]
