"""Faults of the transport: TLS versions, certificates, plain HTTP (4, 5.1)."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from contextlib import suppress
from functools import partial

from cryptography import x509

from vendors.reference.delivery import KeyDelivery
from vendors.reference.servers import HttpsServer
from vendors.reference.tls import Tls

from .catalogue import fault
from .handshake import on_client_certificate
from .identity import DefaultAccount

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for
_TLS_RECORD = b"\x16"


class _OldTls(Tls):
    floor = ssl.TLSVersion.TLSv1

    def sae_context(self) -> ssl.SSLContext:
        context = super().sae_context()
        with warnings.catch_warnings():  # Python says that these versions are deprecated, and is right
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = self.floor
        context.set_ciphers("ALL:@SECLEVEL=0")  # the hashes of old versions are below any other level
        return context


@fault("tls-1.0-accepted", caught_by=["ETSI014-5.1-R1"])
class AcceptsTls10(_OldTls):
    """The TLS floor of the library was lowered for an old client, down to 1.0."""


@fault("tls-1.1-accepted", caught_by=["ETSI014-5.1-R1"])
class AcceptsTls11(_OldTls):
    """The TLS floor is 1.1: one too low."""

    floor = ssl.TLSVersion.TLSv1_1


class _AsksForCertificate(Tls):
    def sae_context(self) -> ssl.SSLContext:
        context = super().sae_context()
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


@fault("client-certificate-optional", caught_by=["ETSI014-5.1-R3"], also=[_AsksForCertificate])
class ServesTheNameless(DefaultAccount):
    """The client certificate is asked for and not insisted on; a caller without one gets the default account."""


@fault("foreign-ca-accepted", caught_by=["ETSI014-5.1-R4"])
class TrustsAnyIssuer(Tls):
    """The verify callback says yes to everything; the common name decides alone."""

    def sae_context(self) -> ssl.SSLContext:
        """Trusts each certificate when it is shown."""
        context = super().sae_context()
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        on_client_certificate(context, lambda shown: context.load_verify_locations(cadata=shown))
        return context


@fault("self-signed-accepted", caught_by=["ETSI014-5.1-R5"])
class TrustsSelfSigned(Tls):
    """Self-signed certificates are let through, as in the laboratory."""

    def sae_context(self) -> ssl.SSLContext:
        """Trusts each self-signed certificate when it is shown."""
        context = super().sae_context()

        def trust(shown: bytes) -> None:
            certificate = x509.load_der_x509_certificate(shown)
            if certificate.subject == certificate.issuer:
                context.load_verify_locations(cadata=shown)

        on_client_certificate(context, trust)
        return context


@fault("expired-certificate-accepted", caught_by=["ETSI014-5.1-R6"])
class IgnoresValidity(Tls):
    """The validity of certificates is not looked at, for a board without a clock."""

    def sae_context(self) -> ssl.SSLContext:
        """Verifies everything but the time."""
        context = super().sae_context()
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
        return context


class _PlainToo(HttpsServer):
    """Looks at the first octet of a connection and passes it on to a TLS or to a plain server."""

    _door: asyncio.Server | None = None
    _plain: asyncio.Server | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        inner = await super().start(host, 0, context)
        assert self._runner is not None  # noqa: S101 - it is set up
        loop = asyncio.get_running_loop()
        self._plain = await loop.create_server(partial(self._connection, self._runner), host, 0)
        plain = self._plain.sockets[0].getsockname()[1]
        self._door = await asyncio.start_server(partial(self._enter, host, inner, plain), host, port)
        return int(self._door.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        for server in (self._door, self._plain):
            if server is not None:
                server.close()
        await super().stop()

    async def _enter(
        self, host: str, tls: int, plain: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            first = await reader.read(1)
            inner_reader, inner_writer = await asyncio.open_connection(host, tls if first == _TLS_RECORD else plain)
            inner_writer.write(first)
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    writer.close()


@fault("plain-http-served", caught_by=["ETSI014-4-R1"], also=[_PlainToo])
class ServesPlainHttp(DefaultAccount):
    """The HTTPS port answers plain HTTP too, for the default account, since TLS "ends at the proxy"."""


@fault("unknown-sae-served", caught_by=["ETSI014-5.1-R8"])
class ServesStrangers(KeyDelivery):
    """An SAE that is not in the table falls back to the first account instead of being refused."""

    def admit(self, caller: str | None) -> str:
        """Nobody with a valid certificate is turned away."""
        known = [sae_id for sae_id in self.network.kme_of if self.network.serves(sae_id)]
        return caller if caller in known else known[0]
