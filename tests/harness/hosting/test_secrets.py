"""The token and the keys that a maker is given: where they must not be seen."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from harness.hosting import Bounds, HostingError, LaunchSpec, launch
from harness.hosting.registration import Registration
from harness.pki import Wallet
from qkd.vendor.v1 import vendor_pb2

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens of the launches that follow."""
    seen: list[str] = []
    enter = Registration.__aenter__

    async def noting(self: Registration) -> Registration:
        seen.append(self.token)
        return await enter(self)

    monkeypatch.setattr(Registration, "__aenter__", noting)
    return seen


def _request() -> vendor_pb2.ProvisionKmeRequest:
    issued = Wallet().kme("kme-a")
    return vendor_pb2.ProvisionKmeRequest(
        instance_id="i1",
        kme_id="kme-a",
        credentials=vendor_pb2.Credentials(
            certificate_pem=issued.certificate_pem, private_key_pem=issued.private_key_pem, trust_pem=b"t"
        ),
        saes=[vendor_pb2.Sae(sae_id="sae-1", kme_id="kme-a", certificate_pem=b"c")],
        key_sources=[vendor_pb2.KeySource(link_id="l", address="127.0.0.1:1", token="tok-of-link", peer_kme_id="b")],
    )


async def test_no_secret_is_in_an_error_even_when_the_maker_says_it(
    maker: Callable[..., LaunchSpec], bounds: Bounds, tokens: list[str]
) -> None:
    request = _request()
    async with launch(maker("says-its-secrets"), bounds=bounds) as host:
        with pytest.raises(HostingError) as caught:
            await host.provision_kme(request)
        shown = f"{caught.value} {caught.value!r} {host.log_tail().text}"
    assert shown.count("(redacted)") >= 6  # three secrets, in the refusal and in the log
    secrets = [tokens[0], "tok-of-link", *_body_of(request.credentials.private_key_pem)]
    assert not [secret for secret in secrets if secret in shown]


def _body_of(pem: bytes) -> list[str]:
    return [line for line in pem.decode().splitlines() if "-----" not in line]


async def test_the_token_is_in_no_process_arguments(
    maker: Callable[..., LaunchSpec], bounds: Bounds, tokens: list[str]
) -> None:
    async with launch(maker("forks"), bounds=bounds):
        everywhere = [_arguments(process) for process in psutil.process_iter()]
    assert len(tokens) == 1
    assert len(everywhere) > 5
    assert not [line for line in everywhere if tokens[0] in line]


def _arguments(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


async def test_children_of_a_maker_do_not_inherit_the_token(
    maker: Callable[..., LaunchSpec], bounds: Bounds, tokens: list[str]
) -> None:
    async with launch(maker("forks-later"), bounds=bounds) as host:
        await host.provision_kme(_request())
        assert host.pid is not None
        maker_process = psutil.Process(host.pid)
        children = maker_process.children(recursive=True)
        assert children
        assert tokens[0] in maker_process.environ().values()
        assert not [child for child in children if tokens[0] in child.environ().values()]


async def test_each_launch_has_a_token_of_its_own(
    maker: Callable[..., LaunchSpec], bounds: Bounds, tokens: list[str]
) -> None:
    async with launch(maker("good"), bounds=bounds) as host:
        await host.restart()
    assert len(set(tokens)) == 2
    assert all(len(token) >= 40 for token in tokens)


async def test_the_environment_of_a_launch_is_in_no_repr() -> None:
    assert "hunter2" not in repr(LaunchSpec(("acme",), env={"PASSWORD": "hunter2"}))
