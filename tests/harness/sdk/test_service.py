"""What the SDK does for every maker, over the real contract in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf import json_format

from harness.hosting import Bounds, HostingError
from harness.hosting.in_process import InProcessHost, host_in_process
from harness.hosting.registration import Registration
from harness.sdk import Vendor
from harness.sdk.life import Launch, run_vendor
from qkd.vendor.v1 import vendor_pb2

pytestmark = pytest.mark.anyio


class Noting(Vendor):
    """Notes what it is asked, and does it slowly enough for calls to overlap."""

    name, vendor, version = "noting", "tests", "1"
    variants = ("odd",)

    def __init__(self) -> None:
        self.done: list[str] = []
        self.folders: dict[str, Path] = {}
        self.fails = False

    def ics(self) -> dict[str, dict[str, object]]:
        return {"etsi014": {"multicast": True, "max_key_size": 1024}}

    async def provision_kme(
        self, request: vendor_pb2.ProvisionKmeRequest, state: Path
    ) -> vendor_pb2.ProvisionKmeResponse:
        assert await asyncio.to_thread(lambda: list(state.iterdir())) == []
        self.folders[request.instance_id] = state
        (state / "store").touch()
        self.done.append(f"provision {request.instance_id}")
        if self.fails:
            raise OSError("disk full")
        return vendor_pb2.ProvisionKmeResponse(etsi014_url="https://127.0.0.1:1")

    async def connect_kme(self, request: vendor_pb2.ConnectKmeRequest) -> None:
        self.done.append(f"connect {request.instance_id} begins")
        await asyncio.sleep(0)
        self.done.append(f"connect {request.instance_id} ends")

    async def release_kme(self, instance_id: str) -> None:
        self.done.append(f"release {instance_id}")

    async def shutdown(self) -> None:
        self.done.append("shutdown")


@pytest.fixture
def vendor() -> Noting:
    return Noting()


@pytest.fixture
async def host(vendor: Noting) -> AsyncIterator[InProcessHost]:
    async with host_in_process(lambda: vendor) as host:
        yield host


def request(instance_id: str = "i", kme_id: str = "kme-a") -> vendor_pb2.ProvisionKmeRequest:
    credentials = vendor_pb2.Credentials(certificate_pem=b"c", private_key_pem=b"k", trust_pem=b"t")
    saes = [vendor_pb2.Sae(sae_id="s", kme_id="kme-a", certificate_pem=b"c")]
    return vendor_pb2.ProvisionKmeRequest(instance_id=instance_id, kme_id=kme_id, credentials=credentials, saes=saes)


def peers(instance_id: str) -> vendor_pb2.ConnectKmeRequest:
    return vendor_pb2.ConnectKmeRequest(instance_id=instance_id, peers=[vendor_pb2.Peer(kme_id="b")])


async def test_describe_says_what_the_vendor_says(host: InProcessHost) -> None:
    description = host.description
    assert (description.name, description.vendor, description.version) == ("noting", "tests", "1")
    assert (list(description.roles), list(description.variants)) == (["kme"], ["odd"])
    assert json_format.MessageToDict(description.ics) == {"etsi014": {"multicast": True, "max_key_size": 1024}}


async def test_an_instance_has_a_private_folder_that_goes_with_it(host: InProcessHost, vendor: Noting) -> None:
    await host.provision_kme(request())
    folder = vendor.folders["i"]
    assert folder.stat().st_mode & 0o077 == 0
    await host.release_kme("i")
    assert not folder.exists()


@pytest.mark.parametrize("name", [".", "..", "...", "-", "a" * 128])
async def test_no_instance_id_leads_out_of_the_state_folder(host: InProcessHost, vendor: Noting, name: str) -> None:
    await host.provision_kme(request("i"))
    await host.provision_kme(request(name))
    assert vendor.folders[name].parent == vendor.folders["i"].parent
    assert vendor.folders[name] != vendor.folders["i"]


async def test_provisioning_again_in_the_same_words_answers_the_same(host: InProcessHost, vendor: Noting) -> None:
    answers = [await host.provision_kme(request()) for _ in range(2)]
    assert answers[0] == answers[1]
    assert vendor.done == ["provision i"]
    with pytest.raises(HostingError, match="INSTANCE_EXISTS"):
        await host.provision_kme(request(kme_id="kme-b"))


async def test_a_failed_provisioning_leaves_nothing_behind(host: InProcessHost, vendor: Noting) -> None:
    vendor.fails = True
    with pytest.raises(HostingError, match="INTERNAL"):
        await host.provision_kme(request())
    assert not vendor.folders["i"].exists()
    vendor.fails = False
    await host.provision_kme(request())


async def test_unknown_instances_are_refused(host: InProcessHost) -> None:
    with pytest.raises(HostingError, match="INSTANCE_UNKNOWN"):
        await host.connect_kme(peers("i"))
    with pytest.raises(HostingError, match="INSTANCE_UNKNOWN"):
        await host.release_kme("i")


async def test_calls_for_one_instance_do_not_overlap(host: InProcessHost, vendor: Noting) -> None:
    await host.provision_kme(request())
    await asyncio.gather(*(host.connect_kme(peers("i")) for _ in range(5)))
    assert vendor.done[1:] == ["connect i begins", "connect i ends"] * 5


async def test_shutdown_is_asked_for_once(vendor: Noting) -> None:
    async with host_in_process(lambda: vendor) as host:
        pass
    assert vendor.done == ["shutdown"]
    assert host.ending is not None
    assert host.ending.how == "asked"


async def test_a_restart_makes_a_new_vendor_and_keeps_its_folders() -> None:
    made: list[Noting] = []

    def make() -> Noting:
        made.append(Noting())
        return made[-1]

    async with host_in_process(make) as host:
        await host.provision_kme(request())
        store = made[0].folders["i"] / "store"
        for graceful in (False, True):
            await host.restart(graceful=graceful)
            assert store.exists()
    assert len(made) == 3
    assert [vendor.done[-1] for vendor in made] == ["shutdown"] * 3


async def test_a_vendor_ends_by_itself_when_the_harness_is_gone(vendor: Noting, tmp_path: Path) -> None:
    async with Registration() as registration:
        launch = Launch(registration.address, registration.token, tmp_path)
        running = asyncio.ensure_future(run_vendor(vendor, launch))
        async with asyncio.timeout(10):
            await registration.registered
        assert not running.done()
    async with asyncio.timeout(10):
        await running
    assert vendor.done == ["shutdown"]


async def test_a_shutdown_that_hangs_is_bounded(vendor: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "shutdown", asyncio.Event().wait)
    async with host_in_process(lambda: vendor, bounds=Bounds(shutdown_s=0.2)) as host:
        pass
    assert host.ending is not None


class Bare(Vendor):
    name, vendor, version = "bare", "tests", "1"
    roles = ("consumer",)


async def test_what_is_not_overridden_is_unimplemented() -> None:
    async with host_in_process(Bare, bounds=Bounds()) as host:  # the probes agree with its roles
        with pytest.raises(HostingError, match="UNIMPLEMENTED"):
            await host.provision_kme(request())
        with pytest.raises(HostingError, match="UNIMPLEMENTED"):
            await host.connect_kme(peers("i"))
        with pytest.raises(HostingError, match="UNIMPLEMENTED"):
            await host.release_kme("i")


class Claiming(Vendor):
    name, vendor, version = "claiming", "tests", "1"


async def test_a_claim_without_its_methods_is_refused() -> None:
    with pytest.raises(HostingError, match="claims the roles kme but ConnectKme answers UNIMPLEMENTED"):
        async with host_in_process(Claiming):
            pass
