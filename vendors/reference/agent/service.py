"""`qkd.node.v1.AgentService` on the datastore of an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from harness.sdk import ContractError
from harness.sdk.yang import NODE, Step
from qkd.node.v1 import agent_pb2, agent_pb2_grpc

from .datastore import Datastore
from .hub import Hub, TooManyReadersError
from .mapping import APPLICATION, LINK, NODE_TABLE, from_json, to_json
from .refusals import RefusedError
from .tree import Edit, Operation


class AgentService(agent_pb2_grpc.AgentServiceServicer):
    """The same node as over RESTCONF, for those that speak gRPC.

    Args:
        store: the datastore.
        hub: the notifications.
    """

    def __init__(self, store: Datastore, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def GetNode(self, request: agent_pb2.GetNodeRequest, context: object) -> agent_pb2.GetNodeResponse:
        """The node as it is."""
        node = from_json(self._store.read()[NODE], NODE_TABLE, agent_pb2.SdNode())
        return agent_pb2.GetNodeResponse(node=node)

    async def PutLink(self, request: agent_pb2.PutLinkRequest, context: object) -> agent_pb2.PutLinkResponse:
        """Makes or replaces a link."""
        await self._put(self._link(request.link.qkdl_id), to_json(request.link, LINK))
        return agent_pb2.PutLinkResponse()

    async def DeleteLink(self, request: agent_pb2.DeleteLinkRequest, context: object) -> agent_pb2.DeleteLinkResponse:
        """Takes a link away."""
        await self._edit(Edit(Operation.DELETE, self._link(request.qkdl_id)))
        return agent_pb2.DeleteLinkResponse()

    async def PutApplication(
        self, request: agent_pb2.PutApplicationRequest, context: object
    ) -> agent_pb2.PutApplicationResponse:
        """Makes or replaces an application."""
        await self._put(self._application(request.application.app_id), to_json(request.application, APPLICATION))
        return agent_pb2.PutApplicationResponse()

    async def DeleteApplication(
        self, request: agent_pb2.DeleteApplicationRequest, context: object
    ) -> agent_pb2.DeleteApplicationResponse:
        """Takes an application away."""
        await self._edit(Edit(Operation.DELETE, self._application(request.app_id)))
        return agent_pb2.DeleteApplicationResponse()

    async def WatchNotifications(
        self, request: agent_pb2.WatchNotificationsRequest, context: Any
    ) -> AsyncIterator[agent_pb2.WatchNotificationsResponse]:
        """The notifications from now on."""
        try:
            reader = self._hub.open()
        except TooManyReadersError as error:
            raise ContractError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", message=str(error)) from None
        try:
            await context.send_initial_metadata(())  # the caller knows from here on that nothing is missed
            async for one in reader:
                yield one
            if reader.cut:
                text = "the reader fell behind; read faster, or call again"
                raise ContractError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_SLOW", message=text)
        finally:
            self._hub.close(reader)

    def _link(self, name: str) -> tuple[Step, ...]:
        return self._steps("qkd_links", "qkd_link", name)

    def _application(self, name: str) -> tuple[Step, ...]:
        return self._steps("qkd_applications", "qkd_app", name)

    def _steps(self, container: str, name: str, key: str) -> tuple[Step, ...]:
        node = self._store.model.schema[NODE]
        holder = node.children[container]
        return Step(node), Step(holder), Step(holder.children[name], (key.lower(),))

    async def _put(self, steps: tuple[Step, ...], value: dict[str, Any]) -> None:
        await self._edit(Edit(Operation.REPLACE, steps, value))

    async def _edit(self, edit: Edit) -> None:
        try:
            await self._store.edit([edit])
        except RefusedError as refused:
            raise _refusal(refused) from None


def _refusal(refused: RefusedError) -> ContractError:
    code, reason = grpc.StatusCode.INVALID_ARGUMENT, "MODEL_FORBIDS"
    if refused.status == 404:
        code, reason = grpc.StatusCode.NOT_FOUND, "ENTRY_UNKNOWN"
    elif refused.app_tag in ("semantics", "node-refused") or refused.status == 409:
        code, reason = grpc.StatusCode.FAILED_PRECONDITION, "NODE_CANNOT"
    elif refused.status == 500:
        code, reason = grpc.StatusCode.INTERNAL, "NOT_STORED"
    text = f"{refused.path}: {refused.text}" if refused.path else refused.text
    return ContractError(code, reason, metadata={"error_tag": refused.tag, "error_path": refused.path}, message=text)
