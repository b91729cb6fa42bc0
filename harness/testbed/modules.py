"""Two QKD modules on a fibre plant of their own: raised, driven, watched, and emptied of their key blocks.

Time passes by `ModuleBench.advance` alone. A maker of MDI modules (it has a hub) gets two arms and a hub.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from google.protobuf.json_format import MessageToDict

from harness.hosting.errors import HostingError
from harness.hosting.host import Host
from harness.pki import Issued
from harness.plant import FibrePlant, HubPlan, Path, PlantPlan, PortPlan, Span
from harness.sdk.server import loopback_channel
from harness.testbed.module_bench import HUB, LINK, ONE, OTHER, PAIR, Fibre, ModuleBench, RaisedModule
from harness.testbed.module_keys import Etsi014Intake, Intake, PushIntake, StreamIntake
from harness.wire.etsi014 import KmeEndpoint, open_client
from harness.wire.evidence import EvidenceLog
from harness.wire.tls import Credentials
from qkd.device.v1 import module_pb2 as pb
from qkd.device.v1 import module_pb2_grpc
from qkd.vendor.v1 import vendor_pb2

_SECOND_ARM = "link-2"
_TX, _RX, _HUB = pb.MODULE_ROLE_TRANSMITTER, pb.MODULE_ROLE_RECEIVER, pb.MODULE_ROLE_HUB
_SITES = {ONE: "site-1", OTHER: "site-2", HUB: "hub"}
_KMES = {ONE: "kme-1", OTHER: "kme-2"}
SOURCE_ID = "bench/link-1"
"""Under which modules push."""


@asynccontextmanager
async def raise_modules(
    host: Host,
    *,
    variant: str = "",
    settings: Mapping[str, str] | None = None,
    model: str = "",
    fibre: Fibre | None = None,
) -> AsyncIterator[ModuleBench]:
    """Raises two modules (and a hub) on a host that runs, on a plant of their own, OFF and not configured.

    Args:
        host: of the maker.
        variant: of the implementation.
        settings: for every module, in the maker's own words.
        model: of the two ends; empty = the first that fits.
        fibre: what connects them.

    Raises:
        HostingError: a module does not come up.
        ContractError: its capabilities cannot be had.
    """
    fibre = fibre or Fibre()
    modules = _modules(host, model, variant)
    plan = _hub_plan(fibre) if HUB in modules else _pair_plan(fibre)
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(FibrePlant(plan, tick_s=fibre.tick_s, speed=None))
        push = PushIntake({end: secrets.token_urlsafe(24) for end in PAIR})
        await push.start()
        stack.push_async_callback(push.stop)
        bench = ModuleBench(host, plant, modules)
        for end, module in modules.items():
            request = _request(host, plant, module, variant, settings or {})
            if end != HUB:
                request.push_address, request.push_token = push.address, push.token_of(end)
            module.response = await host.provision_module(request)
            stack.push_async_callback(_released, host, module.instance_id)
            channel = await stack.enter_async_context(loopback_channel(module.response.control_address))
            module.stub = module_pb2_grpc.QkdModuleServiceStub(channel)
            bench.capabilities[end] = await bench.call(end, "GetCapabilities")
        bench.intake = _intake(bench, push, stack)
        watchers = [asyncio.create_task(bench.watch(end)) for end in modules]
        try:
            yield bench
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)


def claims_of(host: Host, variant: str = "") -> dict[str, dict[str, Any]]:
    """What a maker claims of its models, by model: ``ics.device.models``, as `GetCapabilities` words it.

    A variant that differs says so under ``ics.device.variants.VARIANT.models``. Empty = nothing is claimed.
    """
    told: Any = MessageToDict(host.description.ics).get("device", {})
    special: Any = told.get("variants", {}).get(variant, {}) if isinstance(told, dict) else {}
    models: Any = special.get("models", told.get("models", {})) if isinstance(told, dict) else {}
    return {name: one for name, one in models.items() if isinstance(one, dict)}


def _modules(host: Host, model: str, variant: str) -> dict[str, RaisedModule]:
    """Who is raised: by what the maker says of its models, otherwise a transmitter and a receiver."""
    models = {name: tuple(one.get("roles", ())) for name, one in claims_of(host, variant).items()}
    if model and models and model not in models:
        raise HostingError(f"{host.name} has no model {model!r}", advice=f"its models are {', '.join(models)}")
    with_hub = any("MODULE_ROLE_HUB" in roles for roles in models.values())
    roles = {HUB: _HUB, ONE: _TX, OTHER: _TX} if with_hub else {OTHER: _RX, ONE: _TX}
    salt = secrets.token_hex(4)
    made = {}
    for end, role in roles.items():
        fitting = [name for name, said in models.items() if pb.ModuleRole.Name(role) in said]
        chosen = model if model and (model in fitting or not models) else next(iter(fitting), "")
        name = f"{_SITES[end]}/m"
        made[end] = RaisedModule(name, chosen, role, f"{end}.{salt}", _KMES.get(end, ""))
    return made


def _pair_plan(fibre: Fibre) -> PlantPlan:
    return PlantPlan(
        spans=(_span(LINK, _SITES[ONE], _SITES[OTHER], fibre),),
        ports=tuple(PortPlan(port_id=f"{_SITES[end]}/m", site=_SITES[end]) for end in PAIR),
        paths=(Path(one_port="site-1/m", other_port="site-2/m", links=(LINK,)),),
    )


def _hub_plan(fibre: Fibre) -> PlantPlan:
    arms = ((ONE, LINK), (OTHER, _SECOND_ARM))
    return PlantPlan(
        spans=tuple(_span(link, _SITES[end], _SITES[HUB], fibre) for end, link in arms),
        ports=tuple(PortPlan(port_id=f"{_SITES[end]}/m", site=_SITES[end]) for end in (*PAIR, HUB)),
        paths=tuple(Path(one_port=f"{_SITES[end]}/m", other_port="hub/m", links=(link,)) for end, link in arms),
        hubs=(HubPlan(port_id="hub/m"),),
    )


def _span(link: str, one: str, other: str, fibre: Fibre) -> Span:
    loss = fibre.loss_db
    return Span(link_id=link, one_site=one, other_site=other, length_km=fibre.length_km, loss_c_db=loss, loss_o_db=loss)


def _request(
    host: Host,
    plant: FibrePlant,
    module: RaisedModule,
    variant: str,
    settings: Mapping[str, str],
) -> vendor_pb2.ProvisionModuleRequest:
    port = vendor_pb2.PlantPort(address=plant.address, token=plant.token_of(module.module_id), port_id=module.module_id)
    request = vendor_pb2.ProvisionModuleRequest(
        instance_id=module.instance_id,
        module_id=module.module_id,
        model=module.model,
        role=module.role,
        port=port,
        token=module.token,
        variant=variant,
        settings=settings,
    )
    if module.kme_id:
        request.credentials.CopyFrom(_credentials(host, host.wallet.kme(module.module_id)))
        request.local_kme_id = module.kme_id
        request.peer_kme_id = next(name for name in _KMES.values() if name != module.kme_id)
        request.source_id = SOURCE_ID
    return request


def _credentials(host: Host, issued: Issued) -> vendor_pb2.Credentials:
    return vendor_pb2.Credentials(
        certificate_pem=issued.certificate_pem,
        private_key_pem=issued.private_key_pem,
        trust_pem=host.wallet.trust_pem,
    )


def _intake(bench: ModuleBench, push: PushIntake, stack: AsyncExitStack) -> Intake:
    """By the first hand-over that the modules name."""
    if bench.handover == pb.HANDOVER_TCP_PUSH:
        return push
    if bench.handover == pb.HANDOVER_STREAM:
        return StreamIntake(
            {end: bench.modules[end].stub for end in PAIR}, {end: bench.modules[end].token for end in PAIR}
        )
    clients = {}
    for end in PAIR:
        module, wallet = bench.modules[end], bench.host.wallet
        issued = wallet.kme(module.kme_id)
        endpoint = KmeEndpoint(module.module_id, module.response.etsi014_url)
        mine = Credentials(issued.certificate_pem, issued.private_key_pem)
        clients[end] = open_client(module.kme_id, endpoint, mine, wallet.trust_pem, EvidenceLog(keep=0))
        stack.callback(clients[end].close)
    return Etsi014Intake(clients)


async def _released(host: Host, instance_id: str) -> None:
    await host.release_instance(instance_id)
