"""Reaching an implementation that runs already: each obstacle is told apart from the others."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest

from harness.hosting.attach import AttachError, Obstacle, Reachable, check_reachable, split_address
from harness.pki import Issued, Wallet, self_signed_sae, write
from harness.sdk import contract_server
from harness.testbed.key_source import KeySource

Serve = Callable[[Callable[[socket.socket], None]], str]
_ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves connections, one after the other, with a function; gives the address."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept(listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        with suppress(OSError):  # the end of the test closes the listener
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    talk(connection)

    def serving(talk: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=accept, args=(listener, talk)))
        threads[-1].start()
        return f"https://127.0.0.1:{listener.getsockname()[1]}"

    yield serving
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)


def mutual_tls(
    wallet: Wallet, folder: Path, version: ssl.TLSVersion, answer: bytes | None = _ANSWER
) -> Callable[[socket.socket], None]:
    """A server as a KME is one; `answer` None: it reads and closes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    folder.mkdir(exist_ok=True)
    context.load_cert_chain(*write(wallet.kme("kme-a"), folder, "kme"))
    context.load_verify_locations(cadata=wallet.trust_pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            if answer is not None:
                secure.sendall(answer)

    return talk


def reach(
    address: str,
    wallet: Wallet,
    folder: Path,
    *,
    client: Issued | None = None,
    trust: bytes = b"",
    timeout_s: float = 5.0,
) -> Reachable:
    certificate, key = write(client or wallet.sae("sae-1"), folder, "sae")
    (folder / "trust.pem").write_bytes(trust or wallet.trust_pem)
    return check_reachable(
        address, trust=folder / "trust.pem", certificate=certificate, private_key=key, timeout_s=timeout_s
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_kme_is_reached(wallet: Wallet, serve: Serve, tmp_path: Path, version: ssl.TLSVersion) -> None:
    found = reach(serve(mutual_tls(wallet, tmp_path / "s", version)), wallet, tmp_path)
    assert found.tls_version == version.name.replace("v1_", "v1.")
    assert found.answered
    assert found.took_s < 5


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_our_certificate_refused(wallet: Wallet, serve: Serve, tmp_path: Path, version: ssl.TLSVersion) -> None:
    address = serve(mutual_tls(wallet, tmp_path / "s", version))
    with pytest.raises(AttachError, match="refused our certificate") as caught:
        reach(address, wallet, tmp_path, client=self_signed_sae("sae-1"))
    assert caught.value.obstacle is Obstacle.CERTIFICATE_REFUSED
    assert caught.value.what.startswith(address)
    assert "client" in caught.value.advice


def test_a_certificate_that_the_trust_did_not_sign(wallet: Wallet, serve: Serve, tmp_path: Path) -> None:
    address = serve(mutual_tls(wallet, tmp_path / "s", ssl.TLSVersion.TLSv1_3))
    with pytest.raises(AttachError, match="does not verify: ") as caught:
        reach(address, wallet, tmp_path, trust=Wallet().trust_pem)
    assert caught.value.obstacle is Obstacle.UNTRUSTED


def _plain_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_not_tls(wallet: Wallet, serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(AttachError, match="does not speak TLS") as caught:
        reach(serve(_plain_http), wallet, tmp_path)
    assert caught.value.obstacle is Obstacle.NOT_TLS


def _at_once_closing(connection: socket.socket) -> None:
    connection.recv(1)


def test_closed_in_the_handshake(wallet: Wallet, serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(AttachError) as caught:
        reach(serve(_at_once_closing), wallet, tmp_path)
    assert caught.value.obstacle is Obstacle.CLOSED


def test_closed_after_the_handshake(wallet: Wallet, serve: Serve, tmp_path: Path) -> None:
    talk = mutual_tls(wallet, tmp_path / "s", ssl.TLSVersion.TLSv1_3, answer=None)
    with pytest.raises(AttachError, match="closed after TLS was set up") as caught:
        reach(serve(talk), wallet, tmp_path)
    assert caught.value.obstacle is Obstacle.CLOSED


def test_refused(wallet: Wallet, tmp_path: Path) -> None:
    with closing(socket.socket()) as bound:  # bound and not listening: nobody else takes the port
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(AttachError, match="the connection was refused") as caught:
            reach(f"https://127.0.0.1:{bound.getsockname()[1]}", wallet, tmp_path)
    assert caught.value.obstacle is Obstacle.REFUSED
    assert "running" in str(caught.value)


def test_silence(wallet: Wallet, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(AttachError, match="no answer to the TLS handshake") as caught:
            reach(address, wallet, tmp_path, timeout_s=0.3)
    assert caught.value.obstacle is Obstacle.TIMEOUT
    assert caught.value.waited_s is not None
    assert 0.3 <= caught.value.waited_s < 3


def test_a_name_that_nobody_knows(wallet: Wallet, tmp_path: Path) -> None:
    with pytest.raises(AttachError) as caught:
        reach("https://kme.invalid:8443", wallet, tmp_path)
    assert caught.value.obstacle is Obstacle.UNRESOLVED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("https://kme.example", ("kme.example", 443)),
        ("https://[::1]:8443/api", ("::1", 8443)),
        ("127.0.0.1:50051", ("127.0.0.1", 50051)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", "kme", "http://kme:80", "https://", "https://kme:99999", "https://[::1", "kme:x"])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(AttachError) as caught:
        split_address(text)
    assert caught.value.obstacle is Obstacle.BAD_ADDRESS


def test_files_that_cannot_be_used(wallet: Wallet, tmp_path: Path) -> None:
    certificate, key = write(wallet.sae("sae-1"), tmp_path, "sae")
    (tmp_path / "empty.pem").touch()
    for bad in ("empty.pem", "nowhere.pem"):
        for position in range(3):
            files = [certificate, certificate, key]
            files[position] = tmp_path / bad
            with pytest.raises(ValueError, match=bad.replace(".", r"\.")):
                check_reachable("https://127.0.0.1:1", trust=files[0], certificate=files[1], private_key=files[2])


@pytest.mark.anyio
@pytest.mark.parametrize("known", [True, False])
async def test_a_grpc_server_is_reached(wallet: Wallet, tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    issued = wallet.kme("kme-a")
    pairs = [(issued.private_key_pem, issued.certificate_pem)]
    credentials = grpc.ssl_server_credentials(pairs, wallet.trust_pem, require_client_auth=True)
    certificate, key = write(wallet.sae("sae-1") if known else self_signed_sae("sae-1"), tmp_path, "sae")
    (tmp_path / "trust.pem").write_bytes(wallet.trust_pem)
    files = {"trust": tmp_path / "trust.pem", "certificate": certificate, "private_key": key}
    async with contract_server(KeySource(()), credentials=credentials) as server:
        check = asyncio.to_thread(check_reachable, server.address, grpc=True, timeout_s=5.0, **files)
        if known:
            assert (await check).answered
        else:
            with pytest.raises(AttachError) as caught:
                await check
            assert caught.value.obstacle in (Obstacle.CERTIFICATE_REFUSED, Obstacle.CLOSED)
