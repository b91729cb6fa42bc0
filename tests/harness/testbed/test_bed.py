"""Raising a network: everybody is told everything, at the same time, and nothing is left behind."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from harness.hosting import HostingError, LaunchSpec
from harness.hosting.in_process import InProcessHost, host_in_process
from harness.testbed.bed import Bed
from harness.testbed.blocking import blocking_bed, blocking_host
from harness.testbed.pair import Supply, provision_pair, raise_pair
from tests.harness.testbed.toy import Toy

_ROOT = Path(__file__).parents[3]
TOY = LaunchSpec(
    ("{python}", str(Path(__file__).with_name("toy.py"))),
    name="toy",
    env={"PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "protos")])},
)
SEED = bytes(range(32))


@pytest.fixture
def toys() -> list[Toy]:
    """The vendors that were made, one a start."""
    return []


@pytest.fixture
async def host(toys: list[Toy]) -> AsyncIterator[InProcessHost]:
    def make() -> Toy:
        toys.append(Toy())
        return toys[-1]

    async with host_in_process(make) as host:
        yield host


@pytest.mark.anyio
async def test_every_kme_is_told_all_it_needs(host: InProcessHost, toys: list[Toy]) -> None:
    supply = Supply(seed=SEED)
    async with provision_pair(host, settings={"colour": "red"}, supply=supply) as bed:
        a, b = (toys[0].up[kme] for kme in ("kme-a", "kme-b"))
        assert a.instance_id != b.instance_id
        assert [(sae.sae_id, sae.kme_id) for sae in a.saes] == [
            ("sae-1", "kme-a"),
            ("sae-2", "kme-b"),
            ("sae-3", "kme-b"),
        ]
        assert list(a.saes) == list(b.saes)
        assert a.credentials.trust_pem == b.credentials.trust_pem == bed.reached.trust_pem
        assert a.credentials.private_key_pem != b.credentials.private_key_pem
        assert (a.key_sources[0].peer_kme_id, b.key_sources[0].peer_kme_id) == ("kme-b", "kme-a")
        assert dict(a.settings) == {"colour": "red"}
        assert toys[0].peers == {a.instance_id: {"kme-b": "kme-b@1"}, b.instance_id: {"kme-a": "kme-a@1"}}
        assert toys[0].blocks["kme-a"] == toys[0].blocks["kme-b"] == bed.key_source.block("kme-a--kme-b", 0)
        assert [kme.url for kme in bed.reached.kmes] == ["https://127.0.0.1:1"] * 2
        assert bed.pids == {"kme-a": None, "kme-b": None}
    assert toys[0].up == {}


@pytest.mark.anyio
async def test_kmes_are_provisioned_at_the_same_time(host: InProcessHost) -> None:
    async with provision_pair(host, variant="meets"):
        pass


@pytest.mark.anyio
@pytest.mark.parametrize("variant", ["refuses", "refuses-b"])
async def test_a_kme_that_does_not_come_up_is_one_clear_error(
    host: InProcessHost, toys: list[Toy], variant: str
) -> None:
    with pytest.raises(HostingError, match=r"refused ProvisionKme kme-.* NO_LICENCE"):
        async with provision_pair(host, variant=variant):
            pass
    assert toys[0].up == {}
    async with provision_pair(host):  # the host is as good as new
        assert set(toys[0].up) == {"kme-a", "kme-b"}


@pytest.mark.anyio
async def test_a_kme_that_cannot_be_released_does_not_spoil_the_next(host: InProcessHost) -> None:
    for variant in ("hates-release", ""):
        async with provision_pair(host, variant=variant) as bed:
            assert isinstance(bed, Bed)


@pytest.mark.anyio
async def test_many_beds_on_one_host_share_certificates_and_nothing_else(host: InProcessHost) -> None:
    async with provision_pair(host) as one:
        first = one.reached, one.key_source.token("kme-a--kme-b")
    async with provision_pair(host) as other:
        assert other.reached.saes == first[0].saes
        assert other.key_source.token("kme-a--kme-b") != first[1]


@pytest.mark.anyio
async def test_after_a_restart_everybody_is_told_again(host: InProcessHost, toys: list[Toy]) -> None:
    async with provision_pair(host) as bed:
        instances = {kme: request.instance_id for kme, request in toys[0].up.items()}
        await bed.restart("kme-a")
        assert {kme: request.instance_id for kme, request in toys[1].up.items()} == instances
        assert [kme.url for kme in bed.reached.kmes] == ["https://127.0.0.1:2"] * 2
        assert toys[1].peers[instances["kme-a"]] == {"kme-b": "kme-b@2"}


@pytest.mark.anyio
async def test_separate_processes_are_restarted_one_by_one() -> None:
    async with raise_pair(TOY, separate_processes=True) as bed:
        before = bed.pids
        assert len(set(before.values())) == 2
        await bed.kill("kme-b")
        await bed.restart("kme-b")
        assert bed.pids["kme-a"] == before["kme-a"]
        assert bed.pids["kme-b"] != before["kme-b"]
        assert [kme.url for kme in bed.reached.kmes] == ["https://127.0.0.1:1", "https://127.0.0.1:2"]
        assert "toy is up" in bed.log_tail("kme-a").text
        pids = list(bed.pids.values())
    assert not [pid for pid in pids if pid is not None and psutil.pid_exists(pid)]


@pytest.mark.anyio
async def test_one_of_two_processes_that_does_not_start_ends_the_other(tmp_path: Path) -> None:
    # the second process to come finds the mark of the first one, and fails
    script = "mkdir mark 2>/dev/null || exit 7; exec {python} " + TOY.command[1]
    spec = LaunchSpec(("sh", "-c", script), name="toy", env=TOY.env, cwd=tmp_path)
    with pytest.raises(HostingError, match="toy: ended with exit status 7 before it registered"):
        async with raise_pair(spec, separate_processes=True):
            pass
    assert not [process for process in psutil.process_iter() if _started_by_this_test(process, tmp_path)]


def _started_by_this_test(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder)
    except psutil.Error:
        return False


@pytest.mark.anyio
async def test_the_folder_of_a_launch_has_a_part_for_each_process(tmp_path: Path) -> None:
    spec = LaunchSpec(TOY.command, name="toy", env=TOY.env, folder=tmp_path / "kept")
    async with raise_pair(spec, separate_processes=True):
        pass
    assert _logs_in(tmp_path) == ["kept/1/process.log", "kept/2/process.log"]


def _logs_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("process.log"))


def test_a_bed_for_synchronous_code() -> None:
    with blocking_bed(TOY, separate_processes=True, supply=Supply(seed=SEED, total_blocks=5)) as bed:
        pids = bed.pids
        bed.restart("kme-a", graceful=True)
        bed.kill("kme-b")
        bed.restart("kme-b")
        bed.extend_link("kme-a--kme-b", 3)
        assert bed.pids != pids
        assert bed.reached.kme("kme-a").url == "https://127.0.0.1:2"
        assert "toy is up" in bed.log_tail("kme-a").text


def test_a_host_for_synchronous_code_raises_one_bed_after_the_other() -> None:
    with blocking_host(TOY) as host:
        assert host.variants == ("refuses", "refuses-b", "meets", "hates-release")
        assert [digest.path.name for digest in host.digests][1:] == ["toy.py"]
        for variant in ("", "meets"):
            with host.bed(variant=variant) as bed:
                assert len(bed.reached.kmes) == 2
        with pytest.raises(HostingError, match="NO_LICENCE"), host.bed(variant="refuses"):
            pass
        with host.bed() as one, host.bed() as other:
            assert one.reached.kmes == other.reached.kmes
            assert one.key_source is not other.key_source


def test_a_launch_that_fails_is_one_clear_error_for_synchronous_code() -> None:
    spec = LaunchSpec((sys.executable, "-c", "raise SystemExit(9)"), name="toy")
    with pytest.raises(HostingError, match="toy: ended with exit status 9"), blocking_bed(spec):
        pass


def test_an_error_in_the_body_comes_through() -> None:
    with pytest.raises(ZeroDivisionError), blocking_bed(TOY):
        raise ZeroDivisionError
