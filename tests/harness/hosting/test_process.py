"""Hosting as a process: what goes right, and a clear message for each way in which it can go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.hosting import Bounds, HostingError, LaunchSpec, launch
from harness.hosting.log import LIMIT_OCTETS
from qkd.vendor.v1 import vendor_pb2

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

Eventually = Callable[[Callable[[], bool]], Awaitable[bool]]
Maker = Callable[..., LaunchSpec]
Shell = Callable[[str], LaunchSpec]


def kme(instance_id: str = "i1", variant: str = "") -> vendor_pb2.ProvisionKmeRequest:
    return vendor_pb2.ProvisionKmeRequest(
        instance_id=instance_id,
        kme_id="kme-a",
        variant=variant,
        credentials=vendor_pb2.Credentials(
            certificate_pem=b"c",
            private_key_pem=b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n",
            trust_pem=b"t",
        ),
        saes=[vendor_pb2.Sae(sae_id="sae-1", kme_id="kme-a", certificate_pem=b"c")],
        key_sources=[vendor_pb2.KeySource(link_id="l", address="127.0.0.1:1", token="tok-of-link", peer_kme_id="b")],
    )


async def failure(spec: LaunchSpec, bounds: Bounds) -> HostingError:
    """The error with which launching `spec` ends."""
    with pytest.raises(HostingError) as caught:
        async with launch(spec, bounds=bounds):
            pass
    return caught.value


async def test_a_good_process_registers_is_described_and_ends_when_asked(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("good"), bounds=bounds, strict_end=True) as host:
        assert (host.description.name, list(host.description.variants)) == ("good", ["odd"])
        assert host.pid is not None
        assert psutil.pid_exists(host.pid)
        assert (await host.provision_kme(kme())).etsi014_url == "https://127.0.0.1:1"
        await host.release_kme("i1")
    assert host.ending is not None
    assert host.ending.how == "asked"


async def test_the_digests_are_those_of_the_program_and_its_script(maker: Maker, bounds: Bounds) -> None:
    spec = maker("good")
    async with launch(spec, bounds=bounds) as host:
        expected = [_digest(sys.executable), _digest(spec.command[1])]
        assert [(digest.path, digest.sha256) for digest in host.digests] == expected


def _digest(file: str) -> tuple[Path, str]:
    path = Path(file).resolve()
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_proxy_in_the_environment_does_not_stand_between(
    maker: Maker, bounds: Bounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    async with launch(maker("good"), bounds=bounds) as host:
        await host.provision_kme(kme())


async def test_exit_before_registration_gives_status_and_log(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("echo no licence found >&2; exit 3"), bounds)
    assert "maker: ended with exit status 3 before it registered (waited" in str(error)
    assert "| no licence found" in str(error)
    assert "do: " in str(error)


async def test_death_by_signal_is_named(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("kill -SEGV $$"), bounds)
    assert "ended by signal 11 (SIGSEGV) before it registered" in str(error)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/no/such/program",), "No such file or directory: /no/such/program"),
        (("no-such-program-on-path",), "No such file or directory: no-such-program-on-path"),
    ],
)
async def test_a_command_that_cannot_be_started(command: tuple[str, ...], said: str, bounds: Bounds) -> None:
    error = await failure(LaunchSpec(command), bounds)
    assert "could not be started" in error.what
    assert said in error.what
    assert error.advice


async def test_a_command_that_is_not_executable(bounds: Bounds, tmp_path: Path) -> None:
    script = tmp_path / "kme.sh"
    script.write_text("#!/bin/sh\n")
    error = await failure(LaunchSpec((str(script),)), bounds)
    assert "could not be started: Permission denied" in error.what
    assert "chmod +x" in error.advice


async def test_a_working_directory_that_is_not_there(bounds: Bounds, tmp_path: Path) -> None:
    error = await failure(LaunchSpec(("true",), cwd=tmp_path / "nowhere"), bounds)
    assert "nowhere" in error.what
    assert "working directory" in error.advice


async def test_a_process_that_never_registers(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("echo still thinking; sleep 600"), replace(bounds, registration_s=0.5))
    assert error.what == "maker: has not registered"
    assert error.waited_s is not None
    assert 0.5 <= error.waited_s < 5
    assert error.process.startswith("still running, pid ")
    assert "| still thinking" in str(error)
    assert "Register" in error.advice


async def test_a_wrong_token_is_refused_and_said(maker: Maker, bounds: Bounds) -> None:
    error = await failure(maker("wrong-token"), bounds)
    assert error.what.startswith("maker: ended with exit status 4 before it registered; ")
    assert error.what.endswith("1 call(s) with a wrong or missing token were refused")
    assert "| UNAUTHENTICATED" in str(error)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("wrong-contract", "speaks the contract 'acme.v7', this harness speaks 'qkd.vendor.v1'"),
        ("elsewhere", "registered the address '192.0.2.1:80', which is not host:port on loopback"),
        ("no-token-asked", "Describe without the token answers OK instead of UNAUTHENTICATED"),
        ("answers-everything", "a method of a random name answers OK instead of UNIMPLEMENTED"),
        ("not-a-kme", "claims the roles kme but ConnectKme answers UNIMPLEMENTED"),
    ],
)
async def test_a_broken_contract_is_named(maker: Maker, bounds: Bounds, mode: str, said: str) -> None:
    error = await failure(maker(mode), bounds)
    assert said in error.what
    assert error.advice


async def test_registering_twice_makes_the_launch_unusable(maker: Maker, bounds: Bounds) -> None:
    async def use() -> None:
        async with launch(maker("twice"), bounds=bounds) as host:
            while True:
                await host.provision_kme(kme())

    with pytest.raises(HostingError, match="registered twice"):  # at the launch, or in the calls after it
        await use()


async def test_a_hang_in_provision_is_bounded(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("hangs-in-provision"), bounds=replace(bounds, provision_s=0.5)) as host:
        with pytest.raises(HostingError) as caught:
            await host.provision_kme(kme())
    assert caught.value.what == "maker: has not answered ProvisionKme i1"
    assert caught.value.waited_s is not None
    assert 0.5 <= caught.value.waited_s < 5


async def test_a_death_in_provision_is_told_with_its_signal(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("dies-in-provision"), bounds=bounds) as host:
        with pytest.raises(HostingError) as caught:
            await host.provision_kme(kme())
    assert caught.value.what == "maker: ended by signal 11 (SIGSEGV) during ProvisionKme i1"
    assert host.ending is not None
    assert host.ending.how == "gone"


async def test_an_exception_in_provision_is_told_without_its_text(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("fails-in-provision"), bounds=bounds) as host:
        with pytest.raises(HostingError) as caught:
            await host.provision_kme(kme())
    assert "refused ProvisionKme i1: INTERNAL INTERNAL" in str(caught.value)
    assert "RuntimeError" in str(caught.value)  # from its log
    assert "hunter2" not in str(caught.value)


async def test_an_unknown_variant_is_refused(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        await host.provision_kme(kme("i1", "odd"))
        with pytest.raises(HostingError, match="VARIANT_UNKNOWN"):
            await host.provision_kme(kme("i2", "even"))


async def test_an_answer_that_breaks_its_constraints_is_refused(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("answers-nothing"), bounds=bounds) as host:
        with pytest.raises(HostingError, match="etsi014_url is required"):
            await host.provision_kme(kme())


async def test_refusing_shutdown_is_told_and_sigterm_ends_it(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("refuses-shutdown"), bounds=bounds) as host:
        pass
    assert host.ending is not None
    assert host.ending.how == "terminated"
    assert host.ending.complaint == "refused Shutdown with FAILED_PRECONDITION; it ended at SIGTERM"


async def test_ignoring_shutdown_and_sigterm_ends_in_a_kill(maker: Maker, bounds: Bounds) -> None:
    short = replace(bounds, shutdown_s=0.5, terminate_s=0.5)
    with pytest.raises(HostingError, match=r"SIGTERM did not end it within 0\.5 s; it was killed"):
        async with launch(maker("never-ends"), bounds=short, strict_end=True):
            pass


async def test_sigterm_ends_a_process_of_the_sdk_in_good_order(
    maker: Maker, bounds: Bounds, eventually: Eventually
) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        assert host.pid is not None
        os.kill(host.pid, signal.SIGTERM)
        assert await eventually(lambda: host.state_line() == "ended with exit status 0")


async def test_a_bad_end_does_not_hide_the_error_of_the_body(maker: Maker, bounds: Bounds) -> None:
    with pytest.raises(ZeroDivisionError):
        async with launch(maker("refuses-shutdown"), bounds=bounds, strict_end=True):
            raise ZeroDivisionError


async def test_a_flood_neither_blocks_nor_fills_the_disk(
    maker: Maker, bounds: Bounds, tmp_path: Path, eventually: Eventually
) -> None:
    flood = 100_000_000 // 65536 * 65536
    spec = replace(maker("flood", "100000000"), folder=tmp_path)
    async with launch(spec, bounds=replace(bounds, registration_s=60)) as host:
        assert await eventually(lambda: "registered with qkd-harness" in host.log_tail().text)
        tail = host.log_tail()
        on_disk = _octets_in(tmp_path)
    assert len(tail.text) <= LIMIT_OCTETS
    assert tail.dropped > flood - 2 * LIMIT_OCTETS
    assert on_disk < 3 * LIMIT_OCTETS


def _octets_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


async def test_grandchildren_that_ignore_sigterm_do_not_survive(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("forks"), bounds=bounds, strict_end=True) as host:
        assert host.pid is not None
        assert len(psutil.Process(host.pid).children(recursive=True)) >= 4


async def test_a_process_without_output_is_watched_all_the_same(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("exec >&- 2>&-; sleep 0.3; exit 5"), bounds)
    assert "ended with exit status 5" in error.what


async def test_a_stopped_process_is_killed(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("kill -STOP $$"), replace(bounds, registration_s=0.5))
    assert error.what == "maker: has not registered"


async def test_a_launcher_that_leaves_a_daemon_behind_has_ended(shell: Shell, bounds: Bounds) -> None:
    error = await failure(shell("setsid sh -c 'trap \"\" TERM; sleep 600' & exit 0"), bounds)
    assert "ended with exit status 0 before it registered" in error.what


async def test_killing_the_supervisor_kills_everything(maker: Maker, bounds: Bounds, eventually: Eventually) -> None:
    async with launch(maker("forks"), bounds=bounds) as host:
        assert host.pid is not None
        psutil.Process(host.pid).parent().kill()  # type: ignore[union-attr]
        assert await eventually(lambda: "supervisor was killed" in host.state_line())
        with pytest.raises(HostingError, match="its supervisor was killed during ProvisionKme"):
            await host.provision_kme(kme())


async def test_a_restart_keeps_the_state_and_the_log(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        await host.provision_kme(kme())
        first = host.pid
        await host.restart()
        assert host.pid != first
        assert (await host.provision_kme(kme())).etsi014_url == "https://127.0.0.1:2"
        assert host.log_tail().text.count("registered with qkd-harness") == 2
        await host.restart(graceful=True)
        assert (await host.provision_kme(kme())).etsi014_url == "https://127.0.0.1:3"


async def test_a_killed_process_can_be_restarted(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        assert host.pid is not None
        os.kill(host.pid, signal.SIGKILL)
        with pytest.raises(HostingError, match="ended by signal 9"):
            await host.provision_kme(kme())
        await host.restart()
        assert (await host.provision_kme(kme())).etsi014_url


async def test_cancelling_a_launch_leaves_nothing(shell: Shell, bounds: Bounds) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), launch(shell("sleep 600"), bounds=bounds):
            pass


async def test_the_folder_is_private_and_removed(maker: Maker, bounds: Bounds) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        folder = host.log_path.parent
        assert folder.stat().st_mode & 0o077 == 0
        assert host.log_path.stat().st_mode & 0o077 == 0
    assert not folder.exists()
