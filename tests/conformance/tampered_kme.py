"""Toy KMEs with something changed below the level of single answers: transport, parsing, locking, key material."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.pki import Wallet, write
from harness.testbed.outsiders import hosted_outsiders
from harness.testbed.reached import Reached, ReachedKme, ReachedSae
from tests.conformance.toy_keys import Refusal, ToyNetwork, Traits
from tests.conformance.toy_kme import SAES, _Handler, _Server

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which ssl has no name
Document = dict[str, Any]


class Handler(_Handler):
    """One request; what subclasses change is what is wrong, or merely different."""


class Network(ToyNetwork):
    """All keys; ``shape`` changes what becomes key material."""

    def __init__(self, traits: Traits | None = None, shape: Callable[[int, bytes, str], bytes] | None = None) -> None:
        super().__init__(SAES, traits or Traits())
        self._shape = shape
        self._made = 0

    def _new(self, master: str, slaves: Sequence[str], size: int) -> tuple[str, bytes]:
        key_id, material = super()._new(master, slaves, size)
        if self._shape is None:
            return key_id, material
        shaped = self._shape(self._made, material, key_id)
        self._made += 1
        self.held[self._name(key_id)].material = shaped
        return key_id, shaped


class Racing(Network):
    """No lock, and a pause between looking a key up and removing it."""

    pause_s = 0.03

    def __init__(self) -> None:
        super().__init__()
        self.lock = nullcontext()  # type: ignore[assignment]  # that is what is wrong


class Tls:
    """How a KME is set up; what subclasses change is what is wrong, or merely different."""

    handler: type[_Handler] = Handler
    server: type[_Server] = _Server

    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        """Before the certificate is loaded."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=trust_pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        return context


class OldTls(Tls):
    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        context = super().context(trust_pem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context


class OnlyNewest(Tls):
    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        context = super().context(trust_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


class OnlyTls12(Tls):
    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        context = super().context(trust_pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


class AnyTime(Tls):
    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        context = super().context(trust_pem)
        context.verify_flags |= _NO_CHECK_TIME
        return context


class _Anonymous(Handler):
    def _caller(self) -> str:
        if not self.connection.getpeercert():
            return self.nobody()
        return super()._caller()

    def nobody(self) -> str:
        return "sae-1" if self.kme == "kme-a" else "sae-2"


class _Sent401(_Anonymous):
    def nobody(self) -> str:
        raise Refusal(401)


class _StatusOnlyGuarded(_Anonymous):
    def nobody(self) -> str:
        if self.path.endswith("/status"):
            raise Refusal(401)
        return super().nobody()


class NoCertificateNeeded(Tls):
    handler: type[_Handler] = _Anonymous

    def context(self, trust_pem: bytes) -> ssl.SSLContext:
        context = super().context(trust_pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


class NoCertificateIs401(NoCertificateNeeded):
    handler = _Sent401


class OnlyStatusGuarded(NoCertificateNeeded):
    handler = _StatusOnlyGuarded


class _PlainToo(_Server):
    def finish_request(self, request: Any, client_address: Any) -> None:
        if request.recv(1, socket.MSG_PEEK) == b"G":
            self.RequestHandlerClass(_PlainSocket(request), client_address, self)  # type: ignore[arg-type]  # the base class of the server names no type
        else:
            super().finish_request(request, client_address)


class _PlainSocket:
    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def getpeercert(self) -> dict[str, Any]:
        return {"subject": ((("commonName", "sae-1"),),)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


class PlainHttp(Tls):
    server = _PlainToo


class OneAtATime(Tls):
    """Serves one connection at a time, as simple servers do."""

    class server(_Server):  # noqa: N801 - stands for the attribute
        def process_request(self, request: Any, client_address: Any) -> None:
            request.settimeout(4.0)
            self.process_request_thread(request, client_address)


def handled(handler: type[_Handler]) -> Tls:
    """The usual set-up with another handler."""
    made = Tls()
    made.handler = handler
    return made


class Bed:
    """What runs: for tests that look at it or change it."""

    def __init__(self, network: Network, reached: Reached, servers: Sequence[_Server]) -> None:
        self.network, self.reached, self.servers = network, reached, servers


@contextmanager
def tampered_pair(wallet: Wallet, tls: Tls | None = None, network: Network | None = None) -> Iterator[Bed]:
    """Two toy KMEs that are up."""
    tls, network = tls or Tls(), network or Network()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        kmes, servers = [], []
        for kme in sorted(set(SAES.values())):
            context = tls.context(wallet.trust_pem)
            context.load_cert_chain(*write(wallet.kme(kme), folder, kme))
            server = tls.server(network, kme, context)
            server.RequestHandlerClass = partial(tls.handler, network, kme)
            stack.callback(server.server_close)
            threading.Thread(target=partial(server.serve_forever, 0.02), daemon=True).start()
            stack.callback(server.shutdown)
            servers.append(server)
            kmes.append(ReachedKme(kme, f"https://127.0.0.1:{server.server_address[1]}"))
        saes = tuple(
            ReachedSae(sae, kme, wallet.sae(sae).certificate_pem, wallet.sae(sae).private_key_pem)
            for sae, kme in SAES.items()
        )
        reached = Reached(wallet.trust_pem, tuple(kmes), saes, hosted_outsiders(wallet, "sae-1"))
        yield Bed(network, reached, servers)


def pause(seconds: float) -> None:
    """Being slow is what is wrong."""
    time.sleep(seconds)  # noqa: TID251
