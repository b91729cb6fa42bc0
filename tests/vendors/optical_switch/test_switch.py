"""The emulated switches, hosted as the harness does, over a real plant."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.pki import Authority, Issued
from harness.plant import FibrePlant, PlantPlan, PortPlan, Span, SwitchPlan
from harness.plant.plan import ClassicalPort, line_port
from qkd.vendor.v1.vendor_pb2 import Credentials, ProvisionOpticalSwitchRequest, SwitchPort
from vendors.optical_switch.layout import Layout, Port
from vendors.optical_switch.plant import PlantError
from vendors.optical_switch.services import Services
from vendors.optical_switch.settings import SwitchSettings
from vendors.optical_switch.vendor import OpticalSwitchVendor

AUTHORITY = Authority()
CONTROLLER = AUTHORITY.issue_kme("controller")
CONTEXT, CONNECTIVITY = "tapi-common:context", "tapi-connectivity:connectivity-context"
SERVICE = "tapi-connectivity:connectivity-service"
BASE = f"{CONTEXT}/{CONNECTIVITY}"
Answer = tuple[int, Any]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*arguments, **named)

        asyncio.run(bounded())

    return run


def ring() -> PlantPlan:
    """Sites a, b and c with a switch each, links ab, bc and ac; modules a1, a2, b1, c1, c2; classical on ac."""
    sites = "abc"
    spans = [
        Span(
            link_id=f"{one}{other}", one_site=one, other_site=other, length_km=10, loss_c_db=3, loss_o_db=5,
            classical_channels=("C-40",) if one + other == "ac" else (),
        )
        for one, other in ("ab", "bc", "ac")
    ]  # fmt: skip
    ports = [PortPlan(port_id=name, site=name[0], switch=f"sw-{name[0]}") for name in ("a1", "a2", "b1", "c1", "c2")]
    classical = (ClassicalPort(port_id="sw-a/classical", channel="C-40"),)
    switches = [
        SwitchPlan(switch_id=f"sw-{site}", site=site, lines=2, classical=classical if site == "a" else ())
        for site in sites
    ]
    return PlantPlan(spans=tuple(spans), ports=tuple(ports), switches=tuple(switches))


def switch_ports(*, lines: int = 2) -> list[SwitchPort]:
    found = [SwitchPort(device=f"sw-{n[0]}", port=int(n[1]), switch_id=f"sw-{n[0]}", port_id=n) for n in
             ("a1", "a2", "b1", "c1", "c2")]  # fmt: skip
    for site in "abc":
        number = 100
        for link in ("ab", "bc", "ac"):
            for line in range(1, lines + 1) if site in link else ():
                switch, number = f"sw-{site}", number + 1
                name = line_port(switch, link, line)
                found.append(
                    SwitchPort(device=switch, port=number, switch_id=switch, port_id=name, link_id=link, line=line)
                )
    return found


def client_context(issued: Issued) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(issued.private_key_pem + b"\n" + issued.certificate_pem)
        context.load_cert_chain(chain)
    return context


@dataclass
class Rig:
    """A controller's client of the switches, and the plant."""

    url: str
    session: aiohttp.ClientSession
    plant: FibrePlant
    vendor: OpticalSwitchVendor

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        headers = {"Content-Type": "application/yang-data+json"}
        async with self.session.request(method, f"{self.url}/restconf/data/{path}", json=body, headers=headers) as one:
            return one.status, await one.json(content_type=None) if one.content_length else None

    async def points(self) -> dict[str, str]:
        _, body = await self.ask("GET", CONTEXT)
        names = {}
        for point in body[CONTEXT]["service-interface-point"]:
            name = {one["value-name"]: one["value"] for one in point["name"]}
            names[f"{name['device'][-1]}{name['port']}"] = point["uuid"]
        return names

    async def order(self, one: str, other: str, channel: int = 0, name: str = "") -> Answer:
        points = await self.points()
        return await self.ask("POST", BASE, service(points[one], points[other], channel, name))

    def connections(self) -> list[tuple[str, str, str]]:
        return [(c.switch_id, c.one_port, c.other_port) for c in self.plant.state().connections]


def service(one: str, other: str, channel: int = 0, name: str = "") -> dict[str, Any]:
    points = [
        {
            "local-id": str(number),
            "layer-protocol-name": "PHOTONIC_MEDIA",
            "layer-protocol-qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_MC",
            "service-interface-point": {"service-interface-point-uuid": point},
            "direction": direction,
        }
        for number, (point, direction) in enumerate(((one, "INPUT"), (other, "OUTPUT")), 1)
    ]
    if channel:
        middle = 190_000_000 + channel * 100_000
        spectrum = {"lower-frequency": str(middle - 50_000), "upper-frequency": str(middle + 50_000)}
        for point in points:
            point["tapi-photonic-media:media-channel-connectivity-service-end-point-spec"] = {
                "mc-config": {"spectrum": spectrum}
            }
    body = {
        "uuid": name or str(uuid.uuid4()),
        "service-layer": "PHOTONIC_MEDIA",
        "connectivity-direction": "UNIDIRECTIONAL",
        "end-point": points,
    }
    return {SERVICE: [body]}


def request_of(plant: FibrePlant, **changes: Any) -> ProvisionOpticalSwitchRequest:
    own = AUTHORITY.issue_kme("switches")
    fields: dict[str, Any] = {
        "instance_id": "switches",
        "credentials": Credentials(
            certificate_pem=own.certificate_pem,
            private_key_pem=own.private_key_pem,
            trust_pem=AUTHORITY.certificate_pem,
        ),
        "controllers": ["controller"],
        "plant_address": plant.address,
        "plant_token": plant.control_token,
        "ports": switch_ports(),
    }
    return ProvisionOpticalSwitchRequest(**(fields | changes))


@asynccontextmanager
async def raised(folder: Path, **changes: Any) -> AsyncIterator[Rig]:
    vendor = OpticalSwitchVendor()
    async with FibrePlant(ring(), speed=None) as plant:
        try:
            answer = await vendor.provision_optical_switch(request_of(plant, **changes), folder)
            connector = aiohttp.TCPConnector(ssl=client_context(CONTROLLER))
            async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
                yield Rig(answer.tapi_url, session, plant, vendor)
        finally:
            await vendor.shutdown()


def reason(answer: Answer) -> tuple[int, str, str]:
    status, body = answer
    error = body["ietf-restconf:errors"]["error"][0]
    assert error["error-message"]
    return status, error["error-tag"], error.get("error-app-tag", "")


@in_loop
async def test_a_service_leads_light_through_the_switches_and_its_end_opens_them(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        name = str(uuid.uuid4())
        assert (await rig.order("a1", "c1", 37, name))[0] == 201
        assert rig.plant.path_state("a1", "C-37").length_km == 10
        status, body = await rig.ask("GET", f"{BASE}/connectivity-service={name}")
        (shown,) = body[SERVICE]
        assert (status, shown["lifecycle-state"], shown["operational-state"]) == (200, "INSTALLED", "ENABLED")
        (connection,) = shown["connection"]
        status, body = await rig.ask("GET", f"{BASE}/connection={connection['connection-uuid']}")
        assert (status, body["tapi-connectivity:connection"][0]["lifecycle-state"]) == (200, "INSTALLED")
        assert (await rig.ask("DELETE", f"{BASE}/connectivity-service={name}"))[0] == 204
        assert rig.connections() == []
        assert (await rig.ask("GET", f"{BASE}/connectivity-service={name}"))[0] == 404
        assert (await rig.ask("DELETE", f"{BASE}/connectivity-service={name}"))[0] == 404


@in_loop
async def test_a_port_has_one_service_and_a_channel_one_fibre(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        name = str(uuid.uuid4())
        assert (await rig.order("a1", "c1", 37, name))[0] == 201
        assert reason(await rig.order("a1", "b1")) == (409, "in-use", "PORT_IN_USE")
        points = await rig.points()
        again = service(points["a2"], points["c2"], 38, name)
        assert reason(await rig.ask("POST", BASE, again)) == (409, "data-exists", "")
        # the direct link has C-37 lit in this direction: the other way round goes
        assert (await rig.order("a2", "c2", 37))[0] == 201
        assert rig.plant.path_state("a2", "C-37").length_km == 20


@in_loop
async def test_what_the_plant_or_the_agreement_forbids_is_refused_with_its_reason_and_nothing_stays(
    tmp_path: Path,
) -> None:
    async with raised(tmp_path, ports=[p for p in switch_ports() if p.link_id in ("", "ac")]) as rig:
        assert reason(await rig.order("a1", "c1", 40)) == (409, "in-use", "SLA_CLASSICAL")
        assert reason(await rig.order("a1", "b1", 37)) == (409, "in-use", "NO_PATH")
        assert (await rig.order("a1", "c1", 37))[0] == 201
        assert reason(await rig.order("a2", "c2", 37)) == (409, "in-use", "WAVELENGTH_OCCUPIED")
        assert (await rig.order("c2", "a2", 37))[0] == 201  # the other fibre of the pair
        await rig.vendor.release_instance("switches")
        before = rig.connections()
    async with raised(tmp_path / "new") as rig:
        rig.plant.cross_connect("sw-c", "c1", "c2")  # somebody else's
        before = rig.connections()
        assert reason(await rig.order("a1", "c1", 37)) == (409, "in-use", "PORT_IN_USE")
        assert rig.connections() == before


@in_loop
async def test_put_creates_replaces_and_restores_what_it_cannot_replace(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        points, name = await rig.points(), str(uuid.uuid4())
        path = f"{BASE}/connectivity-service={name}"
        first = service(points["a1"], points["c1"], 37, name)
        assert (await rig.ask("PUT", path, first))[0] == 201
        assert (await rig.ask("PUT", path, first))[0] == 204
        assert (await rig.order("a2", "c2", 38))[0] == 201
        before = sorted(rig.connections())
        assert reason(await rig.ask("PUT", path, service(points["a1"], points["c2"], 37, name)))[0] == 409
        assert sorted(rig.connections()) == before
        assert (await rig.ask("PUT", path, service(points["a1"], points["b1"], 37, name)))[0] == 204
        assert rig.plant.path_state("a1", "C-37").length_km == 10
        assert reason(await rig.ask("PUT", path, service(points["a1"], points["b1"])))[0] == 400


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        ({"uuid": "no uuid"}, "missing-element"),
        ({"colour": "red"}, "unknown-element"),
        ({"lifecycle-state": "INSTALLED"}, "invalid-value"),
        ({"service-layer": "ETH"}, "invalid-value"),
        ({"connectivity-direction": "SIDEWAYS"}, "invalid-value"),
        ({"end-point": []}, "invalid-value"),
        ({"requested-capacity": {"total-size": {"value": "100", "unit": "GHz"}}}, ""),
        ({"administrative-state": "UNLOCKED", "name": [{"value-name": "x", "value": "y"}]}, ""),
    ],
)
def test_orders_are_checked(tmp_path: Path, change: dict[str, Any], tag: str) -> None:
    @in_loop
    async def run() -> None:
        async with raised(tmp_path) as rig:
            points = await rig.points()
            body = service(points["a1"], points["c1"])
            body[SERVICE][0] |= change
            answer = await rig.ask("POST", BASE, body)
            if tag:
                assert reason(answer)[:2] == (400, tag)
                assert rig.connections() == []
            else:
                assert answer[0] == 201

    run()


@in_loop
async def test_only_controllers_are_served(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        for issued, status in ((AUTHORITY.issue_kme("somebody"), 403), (CONTROLLER, 200)):
            connector = aiohttp.TCPConnector(ssl=client_context(issued))
            async with (
                aiohttp.ClientSession(connector=connector, trust_env=False) as session,
                session.get(f"{rig.url}/restconf/data/{CONTEXT}") as answer,
            ):
                assert answer.status == status
        connector = aiohttp.TCPConnector(ssl=client_context(Authority("another").issue_kme("controller")))
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"{rig.url}/restconf/data/{CONTEXT}")


@in_loop
async def test_services_survive_a_restart(tmp_path: Path) -> None:
    name = str(uuid.uuid4())
    async with raised(tmp_path) as rig:
        assert (await rig.order("a1", "c1", 37, name))[0] == 201
        await rig.vendor.release_instance("switches")
        answer = await rig.vendor.provision_optical_switch(request_of(rig.plant), tmp_path)
        rig.url = answer.tapi_url
        assert (await rig.ask("GET", f"{BASE}/connectivity-service={name}"))[0] == 200
        assert reason(await rig.order("a1", "b1")) == (409, "in-use", "PORT_IN_USE")


class Mirrors:
    """Switches that note what they do, and refuse what they are told to."""

    def __init__(self, refuses: str = "") -> None:
        self.joined: set[tuple[str, str]] = set()
        self._refuses = refuses

    async def connect(self, hop: Any) -> None:
        if hop.switch == self._refuses:
            raise PlantError("WAVELENGTH_OCCUPIED", "the light would come where it must not")
        self.joined.add((hop.one_port, hop.other_port))

    async def open(self, hop: Any) -> None:
        self.joined.discard((hop.one_port, hop.other_port))

    async def classical(self) -> dict[str, frozenset[str]]:
        return {}

    async def close(self) -> None:
        pass


def layout() -> Layout:
    return Layout(Port(p.device, p.port, p.switch_id, p.port_id, p.link_id, p.line) for p in switch_ports())


@in_loop
async def test_installed_comes_after_the_delay_of_the_clock(tmp_path: Path) -> None:
    from vendors.optical_switch.payload import orders  # noqa: PLC0415

    now = [100.0]
    settings = SwitchSettings(setup_s=30)
    services = Services(layout(), Mirrors(), settings, clock=lambda: now[0], file=tmp_path / "s.json")
    sips = [Port("sw-a", 1, "", "").sip, Port("sw-c", 1, "", "").sip]
    await services.create(orders(service(sips[0], sips[1]), layout()))
    for later, state in ((0.0, "PLANNED"), (29.9, "PLANNED"), (30.0, "INSTALLED")):
        now[0] = 100.0 + later
        shown = services.shown()
        assert shown.services[0]["lifecycle-state"] == state
        assert len(shown.connections) == (state == "INSTALLED")


@in_loop
async def test_a_switch_that_refuses_leaves_none_connected(tmp_path: Path) -> None:
    from vendors.optical_switch.payload import orders  # noqa: PLC0415
    from vendors.optical_switch.refusals import RefusalError  # noqa: PLC0415

    mirrors = Mirrors(refuses="sw-c")
    services = Services(layout(), mirrors, SwitchSettings(), clock=lambda: 0.0, file=tmp_path / "s.json")
    sips = [Port("sw-a", 1, "", "").sip, Port("sw-c", 1, "", "").sip]
    with pytest.raises(RefusalError) as caught:
        await services.create(orders(service(sips[0], sips[1]), layout()))
    assert (caught.value.status, caught.value.reason) == (409, "WAVELENGTH_OCCUPIED")
    assert not mirrors.joined
    assert not services.shown().services


@pytest.mark.parametrize(("variant", "state"), [("stuck", "PLANNED"), ("", "INSTALLED")])
def test_failures_are_injected(tmp_path: Path, variant: str, state: str) -> None:
    @in_loop
    async def run() -> None:
        async with raised(tmp_path, variant=variant) as rig:
            name = str(uuid.uuid4())
            assert (await rig.order("a1", "c1", 37, name))[0] == 201
            _, body = await rig.ask("GET", f"{BASE}/connectivity-service={name}")
            assert body[SERVICE][0]["lifecycle-state"] == state
        async with raised(tmp_path / "other", variant="refuse") as rig:
            assert reason(await rig.order("a1", "c1"))[:2] == (409, "operation-failed")

    run()


@pytest.mark.skipif("QKD_OFFICIAL_YANG" not in os.environ, reason="QKD_OFFICIAL_YANG names no folder of models")
@in_loop
async def test_the_context_is_valid_against_the_official_model(tmp_path: Path) -> None:
    import oopt_gnpy_libyang as libyang  # type: ignore[import-not-found]  # noqa: PLC0415

    folder = Path(os.environ["QKD_OFFICIAL_YANG"])
    places = ":".join(map(str, [folder / "tapi-2.1.3", folder / "ietf"]))
    model = libyang.Context(places, libyang.ContextOptions.NoYangLibrary)
    for module in ("tapi-common", "tapi-topology", "tapi-connectivity", "tapi-photonic-media"):
        model.load_module(module)

    def validate(body: dict[str, Any]) -> None:
        import json  # noqa: PLC0415

        model.parse_data(
            json.dumps(body), libyang.DataFormat.JSON, libyang.ParseOptions.Strict, libyang.ValidationOptions.Present
        )

    async with raised(tmp_path) as rig:
        await rig.order("a1", "c1", 37)
        await rig.order("a2", "b1", 38)
        _, body = await rig.ask("GET", CONTEXT)
        assert len(body[CONTEXT][CONNECTIVITY]["connectivity-service"]) == 2
        validate(body)
        body[CONTEXT]["service-interface-point"][0]["direction"] = "SIDEWAYS"
        with pytest.raises(libyang.Error):
            validate(body)
