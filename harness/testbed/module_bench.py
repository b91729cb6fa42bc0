"""Two QKD modules (and a hub) on a fibre plant of their own, as an operator and a KMS at each end see them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import grpc

from harness.contract import bearer_metadata, read_error
from harness.hosting.host import Host
from harness.plant import FibrePlant
from harness.testbed.module_keys import Intake, KeyBlock
from qkd.device.v1 import module_pb2 as pb
from qkd.optical.v1 import plant_pb2
from qkd.vendor.v1 import vendor_pb2

ONE, OTHER, HUB = "one", "other", "hub"
"""The ends that have keys, and the hub of an MDI bench. `ONE` transmits."""
PAIR = (ONE, OTHER)
LINK = "link-1"
"""The fibre that is disturbed: of the pair, or the first arm of a hub."""
_CALL_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fibre:
    """Each fibre of the bench.

    Attributes:
        loss_db: of the C and of the O band, dB.
        length_km: its length.
        tick_s: length of the plant's ticks, seconds of its time.
    """

    loss_db: float = 3.0
    length_km: float = 10.0
    tick_s: float = 1.0


@dataclass(slots=True)
class RaisedModule:
    """One module of the bench.

    Attributes:
        module_id, model, role: as it was provisioned.
        kme_id: the KMS that it hands keys to; empty = a hub's.
        token: of its control interface.
        response: where it answers.
        stub: of QkdModuleService.
        alarms: what `WatchAlarms` has said so far.
    """

    module_id: str
    model: str
    role: pb.ModuleRole.ValueType
    instance_id: str
    kme_id: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    response: vendor_pb2.ProvisionModuleResponse = field(default_factory=vendor_pb2.ProvisionModuleResponse)
    stub: Any = None
    alarms: list[pb.WatchAlarmsResponse] = field(default_factory=list)


class ModuleBench:
    """Made by `raise_modules`. Ends are `ONE`, `OTHER` and, with MDI, `HUB`.

    Attributes:
        modules: by end.
        plant: in this process; stands still unless it is advanced.
        capabilities: of each end, as of when it was raised.
    """

    def __init__(self, host: Host, plant: FibrePlant, modules: Mapping[str, RaisedModule]) -> None:
        self.host = host
        self.plant = plant
        self.modules = modules
        self.capabilities: dict[str, pb.GetCapabilitiesResponse] = {}
        self.intake: Intake | None = None
        self.taken: dict[str, list[KeyBlock]] = {end: [] for end in PAIR}
        self._released: dict[str, int] = dict.fromkeys(PAIR, 0)
        self._told = asyncio.Event()

    @property
    def handover(self) -> pb.Handover.ValueType:
        """How keys leave the modules: the first way that they name."""
        return next(iter(self.capabilities[ONE].handovers), pb.HANDOVER_UNSPECIFIED)

    @property
    def ends(self) -> tuple[str, ...]:
        """Of all modules, the hub first: whoever receives is started before who sends."""
        return tuple(sorted(self.modules, key=(HUB, OTHER, ONE).index))

    @property
    def channel(self) -> str:
        """The first that all modules can be set to.

        Raises:
            LookupError: there is none.
        """
        shared = [set(one.channels) for one in self.capabilities.values()]
        found = [name for name in self.capabilities[ONE].channels if all(name in one for one in shared)]
        if not found:
            raise LookupError("the modules have no channel in common")
        return found[0]

    def peers_of(self, end: str) -> tuple[str, ...]:
        """Module IDs that an end has to be configured with."""
        return tuple(self.modules[other].module_id for other in PAIR if other != end)

    # -- what an operator does --------------------------------------------------------------------------

    async def call(self, end: str, method: str, request: Any = None, *, token: str | None = None) -> Any:
        """Calls QkdModuleService; `request` defaults to the empty one, `token` to the right one.

        Raises:
            ContractError: how the module refuses.
        """
        module = self.modules[end]
        request = request if request is not None else getattr(pb, f"{method}Request")()
        metadata = bearer_metadata(module.token if token is None else token)
        try:
            return await getattr(module.stub, method)(request, metadata=metadata, timeout=_CALL_S)
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from None

    async def first_of(self, end: str, method: str, *, token: str | None = None, bound_s: float = _CALL_S) -> Any:
        """The first message of a stream of QkdModuleService; None = nothing came within the bound.

        Raises:
            ContractError: how the module refuses.
        """
        module = self.modules[end]
        metadata = bearer_metadata(module.token if token is None else token)
        call = getattr(module.stub, method)(getattr(pb, f"{method}Request")(), metadata=metadata)
        try:
            async with asyncio.timeout(bound_s):
                return await anext(aiter(call), None)
        except TimeoutError:
            return None
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from None
        finally:
            call.cancel()

    async def status(self, end: str) -> pb.GetStatusResponse:
        """`GetStatus`; raises as `call`."""
        return cast(pb.GetStatusResponse, await self.call(end, "GetStatus"))

    async def configure(self, end: str, *, peers: Sequence[str] | None = None, channel: str | None = None) -> None:
        """`Configure`; by default with the other end on the common channel. Raises as `call`."""
        chosen = self.peers_of(end) if peers is None else peers
        channel = self.channel if channel is None else channel
        await self.call(end, "Configure", pb.ConfigureRequest(peer_module_ids=chosen, channel=channel))

    async def power_on(self) -> None:
        """Configures all and starts them; returns when the plant has heard of the channel."""
        for end in self.ends:
            await self.configure(end)
        for end in self.ends:
            await self.call(end, "Start")
        await self.lit()

    async def lit(self) -> None:
        """Waits (bounded) until the plant has heard of every sender's channel; what does not tune is not waited for."""
        senders = {self.modules[end].module_id for end in PAIR if self.modules[end].role == pb.MODULE_ROLE_TRANSMITTER}
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while not all(port.channel for port in self.plant.state().ports if port.port_id in senders):  # noqa: ASYNC110 - the plant tells nobody
                    await asyncio.sleep(0.001)

    async def maintenance(self, end: str, *, on: bool) -> None:
        """`SetMaintenance`; raises as `call`."""
        await self.call(end, "SetMaintenance", pb.SetMaintenanceRequest(maintenance=on))

    # -- time and the world -----------------------------------------------------------------------------

    async def advance(self, seconds: float) -> float:
        """See `FibrePlant.advance`; raises as it does."""
        return await self.plant.advance(seconds)

    async def observe(self, steps: int, seconds: float) -> list[tuple[float, dict[str, pb.GetStatusResponse]]]:
        """Time and `GetStatus` of all ends, now and after each of so many steps (seconds each); raises as `call`."""

        async def look() -> tuple[float, dict[str, pb.GetStatusResponse]]:
            said = await asyncio.gather(*(self.status(end) for end in self.ends))
            return self.plant.time_s, dict(zip(self.ends, said, strict=True))

        seen = [await look()]
        for _ in range(steps):
            await self.advance(seconds)
            seen.append(await look())
        return seen

    def disturb(self, **kind: Any) -> None:
        """Puts a disturbance on the fibre, for instance ``cut=plant_pb2.Cut()`` or ``added_loss_db=3.0``."""
        self.plant.disturb(plant_pb2.Disturbance(link_id=LINK, **kind))

    def clear(self) -> None:
        """Takes all disturbances away."""
        for one in self.plant.state().disturbances:
            self.plant.disturb(one, clear=True)

    # -- watching ---------------------------------------------------------------------------------------

    async def watch(self, end: str) -> None:
        """Keeps `RaisedModule.alarms` up to date, without end."""
        module = self.modules[end]
        with suppress(grpc.aio.AioRpcError):
            async for alarm in module.stub.WatchAlarms(pb.WatchAlarmsRequest(), metadata=bearer_metadata(module.token)):
                module.alarms.append(alarm)
                self._told.set()

    def standing(self, end: str) -> frozenset[str]:
        """Codes of the alarms that stand at an end, as far as it has told."""
        codes: dict[str, bool] = {alarm.code: not alarm.cleared for alarm in self.modules[end].alarms}
        return frozenset(code for code, stands in codes.items() if stands)

    async def alarmed(self, holds: Callable[[ModuleBench], bool], bound_s: float = 3.0) -> bool:
        """Waits until what the ends told of alarms is so; False when `bound_s` wall seconds are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                while not holds(self):
                    self._told.clear()
                    await self._told.wait()
        return holds(self)

    async def performances(
        self, end: str, seconds: float, *, bound_s: float = 3.0
    ) -> list[pb.WatchPerformanceResponse]:
        """What `WatchPerformance` says while time passes, the message that it begins with among it.

        Waits until the figures of `GetStatus` have come, at most `bound_s` wall seconds.
        """
        module = self.modules[end]
        call = module.stub.WatchPerformance(pb.WatchPerformanceRequest(), metadata=bearer_metadata(module.token))
        said: list[pb.WatchPerformanceResponse] = []
        try:
            async with asyncio.timeout(bound_s):
                said.append(await anext(aiter(call)))
            await self.advance(seconds)
            latest = (await self.status(end)).performance.time_s
            async with asyncio.timeout(bound_s):
                while said[-1].performance.time_s < latest:
                    said.append(await anext(aiter(call)))
        except (TimeoutError, StopAsyncIteration, grpc.aio.AioRpcError):
            pass
        finally:
            call.cancel()
        return said

    # -- keys -------------------------------------------------------------------------------------------

    async def collect(self, *, bound_s: float = 3.0, linger_s: float = 0.0) -> dict[str, list[KeyBlock]]:
        """By end the blocks that became ready since the last time, in their order. They are not released yet.

        Where the hand-over has no other way (ETSI 014), taking a block releases it.

        Args:
            bound_s: wall seconds to wait for what `GetStatus` says is there.
            linger_s: wall seconds to wait for more than that.
        """
        assert self.intake is not None  # noqa: S101 - made with the bench
        wanted = {}
        for end in PAIR:
            bits = 8 * max(1, self.capabilities[end].block_octets)
            held = len(self.taken[end]) - self._released[end]
            wanted[end] = (await self.status(end)).in_store_bits // bits - held
        found = await self.intake.collect(wanted, bound_s)
        if linger_s:
            more = await self.intake.collect(dict.fromkeys(PAIR, 1), linger_s)
            found = {end: [*blocks, *more[end]] for end, blocks in found.items()}
        for end, blocks in found.items():
            self.taken[end] += blocks
        return found

    async def blocks(self, end: str) -> list[KeyBlock]:
        """All blocks that an end has handed over up to now."""
        await self.collect()
        return list(self.taken[end])

    async def again(self, end: str, first: int, count: int, *, bound_s: float = 3.0) -> list[KeyBlock]:
        """Asks for blocks once more, see `Intake.again`."""
        assert self.intake is not None  # noqa: S101 - made with the bench
        return await self.intake.again(end, first, count, bound_s)

    def forget(self) -> None:
        """The blocks begin anew: what was taken before counts no longer."""
        assert self.intake is not None  # noqa: S101 - made with the bench
        self.intake.forget()
        for end in PAIR:
            self.taken[end] = []
            self._released[end] = 0

    async def release(self) -> None:
        """Releases at both ends all that was collected; raises as `call`."""
        assert self.intake is not None  # noqa: S101 - made with the bench
        for end in PAIR:
            try:
                await self.intake.release(end)
            except grpc.aio.AioRpcError as error:
                raise read_error(error) from None
            self._released[end] = len(self.taken[end])
