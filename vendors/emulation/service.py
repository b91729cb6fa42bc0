"""qkd.device.v1.QkdModuleService in front of an `EmulatedModule`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc

from harness.sdk import ContractError
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1.module_pb2_grpc import QkdModuleServiceServicer

from .module import EmulatedModule
from .store import KeyBlockStore


class ModuleService(QkdModuleServiceServicer):
    """Answers for one module. Key blocks only where the module hands over by stream."""

    def __init__(self, module: EmulatedModule) -> None:
        self._module = module

    async def GetCapabilities(self, request: pb.GetCapabilitiesRequest, context: object) -> pb.GetCapabilitiesResponse:
        """What it is and can do."""
        return self._module.capabilities()

    async def Configure(self, request: pb.ConfigureRequest, context: object) -> pb.ConfigureResponse:
        """Peer and channel."""
        self._module.configure(tuple(request.peer_module_ids), request.channel)
        return pb.ConfigureResponse()

    async def Start(self, request: pb.StartRequest, context: object) -> pb.StartResponse:
        """On."""
        self._module.start()
        return pb.StartResponse()

    async def Stop(self, request: pb.StopRequest, context: object) -> pb.StopResponse:
        """Off."""
        self._module.stop()
        return pb.StopResponse()

    async def Resync(self, request: pb.ResyncRequest, context: object) -> pb.ResyncResponse:
        """Aligns anew."""
        self._module.resync()
        return pb.ResyncResponse()

    async def SetMaintenance(self, request: pb.SetMaintenanceRequest, context: object) -> pb.SetMaintenanceResponse:
        """Into maintenance, or out of it."""
        self._module.set_maintenance(maintenance=request.maintenance)
        return pb.SetMaintenanceResponse()

    async def GetStatus(self, request: pb.GetStatusRequest, context: object) -> pb.GetStatusResponse:
        """State, figures, account."""
        return self._module.status()

    async def StreamKeyBlocks(
        self, request: pb.StreamKeyBlocksRequest, context: object
    ) -> AsyncIterator[pb.StreamKeyBlocksResponse]:
        """The blocks from a sequence number on; what was released is passed over.

        OUT_OF_RANGE / SEQUENCE_AHEAD above the next to come, as after a restart of the module; the metadata say
        which numbers are to be had. ABORTED / NEW_PAIRING once blocks with another peer come, numbered from 0.
        """
        store = self._with_stream().store
        following = request.first_sequence
        _check_known(store, following)
        async for block in store.blocks(following):
            if block.sequence < following:
                text = "the module has a new peer, and counts its blocks from 0"
                raise ContractError(grpc.StatusCode.ABORTED, "NEW_PAIRING", message=text)
            following = block.sequence + 1
            yield pb.StreamKeyBlocksResponse(
                sequence=block.sequence,
                block_id=block.block_id,
                octets=block.octets,
                time_s=block.time_s,
                peer_module_id=self._module.peers[0],
            )

    async def ReleaseKeyBlocks(
        self, request: pb.ReleaseKeyBlocksRequest, context: object
    ) -> pb.ReleaseKeyBlocksResponse:
        """Destroys blocks that are stored elsewhere; OUT_OF_RANGE / SEQUENCE_AHEAD for blocks that never were."""
        store = self._with_stream().store
        _check_known(store, request.next_sequence)
        store.release(request.next_sequence)
        return pb.ReleaseKeyBlocksResponse()

    async def WatchPerformance(
        self, request: pb.WatchPerformanceRequest, context: object
    ) -> AsyncIterator[pb.WatchPerformanceResponse]:
        """The latest figures, then those of each interval."""
        async for response in self._module.watch_performance():
            yield response

    async def WatchAlarms(
        self, request: pb.WatchAlarmsRequest, context: object
    ) -> AsyncIterator[pb.WatchAlarmsResponse]:
        """The alarms that stand, then every change."""
        async for response in self._module.alarms.watch():
            yield response

    def _with_stream(self) -> EmulatedModule:
        if pb.HANDOVER_STREAM not in self._module.capabilities().handovers:
            raise NotImplementedError
        return self._module


def _check_known(store: KeyBlockStore, sequence: int) -> None:
    if sequence > store.next_sequence:
        raise ContractError(
            grpc.StatusCode.OUT_OF_RANGE,
            "SEQUENCE_AHEAD",
            metadata={"first_sequence": str(store.first_sequence), "next_sequence": str(store.next_sequence)},
            message=f"blocks can be had from {store.first_sequence} on; the next to come is {store.next_sequence}",
        )
