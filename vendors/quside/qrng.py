"""One emulated generator: a tested source behind a REST and a gRPC service."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from aiohttp import web

from harness.sdk import ContractError, ContractServer, contract_server
from qkd.entropy.v1 import entropy_pb2, entropy_pb2_grpc

from .health import START_UP_SAMPLES, HealthTestError, HealthTests
from .noise import Noise, QrngSettings, noise_of

_log = logging.getLogger(__name__)
MAX_OCTETS = 1 << 20  # of one request, as in GetEntropyRequest
_GRACE_S = 1.0
_NUMBER = re.compile(r"[0-9]{1,7}", re.ASCII)
_ALARM = "the source fails its health tests; no entropy is given"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class EntropyAlarmError(Exception):
    """No entropy is given, as the source fails its health tests."""


class GuardedSource:
    """Octets of a source that passes its health tests; each is given once.

    Before the first octet, and again after each failure, the start-up test must pass (SP 800-90B, 4.3); what it
    draws is thrown away.
    """

    def __init__(self, settings: QrngSettings, noise: Noise | None = None) -> None:
        """`noise`: the source in the place of the settings' own."""
        self._settings = settings
        self._noise = noise or noise_of(settings)
        self._tests: HealthTests | None = None  # None: not started up

    @property
    def alarm(self) -> bool:
        """Whether the source failed, and has not passed since."""
        return self._tests is None

    def start_up(self) -> None:
        """Runs the start-up test unless it has passed already.

        Raises:
            EntropyAlarmError: it failed.
        """
        if self._tests is None:
            tests = HealthTests(self._settings.entropy_per_sample, self._settings.alpha_exponent)
            self._draw(tests, START_UP_SAMPLES)
            self._tests = tests

    def draw(self, octets: int) -> bytes:
        """So many fresh octets, tested.

        Raises:
            EntropyAlarmError: the source has failed; what was drawn is gone.
        """
        self.start_up()
        assert self._tests is not None  # noqa: S101 - it has started up
        return self._draw(self._tests, octets)

    def _draw(self, tests: HealthTests, octets: int) -> bytes:
        drawn = self._noise(octets)
        try:
            tests.feed(drawn)
        except HealthTestError as error:
            self._tests = None
            _log.error("ALARM: %s after %d samples", error, tests.samples)
            raise EntropyAlarmError(_ALARM) from None
        return drawn


@dataclass(frozen=True, slots=True)
class QrngEndpoints:
    """Where a generator answers: ``host:port``, and the base URL of REST."""

    grpc: str
    rest_url: str


class QusideQrng(entropy_pb2_grpc.EntropyServiceServicer):
    """Serves entropy on loopback to whoever shows the token.

    REST, in a form of our own, since Quside's is not among our sources; bearer token as in RFC 6750:

    - ``GET /api/v1/entropy?octets=N``: 200 ``{"entropy": BASE64}`` of N octets, 1 to 1048576.
    - ``GET /api/v1/health``: 200 ``{"alarm": BOOLEAN}``.
    - 400, 401 and 503 (the source fails its health tests) answer ``{"message": TEXT}``.

    gRPC: `qkd.entropy.v1.EntropyService`; UNAVAILABLE with HEALTH_TEST_FAILED where REST says 503.

    Args:
        token: secret.
        settings: of the source and its tests.
        noise: the source in the place of the settings' own.
    """

    def __init__(self, token: str, settings: QrngSettings | None = None, noise: Noise | None = None) -> None:
        self._token = token
        self.source = GuardedSource(settings or QrngSettings(), noise)
        self._grpc: ContractServer | None = None
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"QusideQrng(alarm={self.source.alarm})"

    async def start(self) -> QrngEndpoints:
        """Begins to answer. A source that fails at once is up as well, and refuses.

        Raises:
            OSError: when no port can be had.
        """
        try:
            self.source.start_up()
        except EntropyAlarmError:
            _log.warning("up without entropy")
        self._grpc = contract_server(self, token=self._token)
        await self._grpc.start()
        application = web.Application()
        application.router.add_get("/api/v1/entropy", self._guarded(self._get_entropy))
        application.router.add_get("/api/v1/health", self._guarded(self._get_health))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE_S)
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - it is set up
        self._server = await asyncio.get_running_loop().create_server(self._runner.server, "127.0.0.1", 0)
        return QrngEndpoints(self._grpc.address, f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}")

    async def stop(self) -> None:
        """Stops answering, lets calls under way finish."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._grpc is not None:
            await self._grpc.stop(_GRACE_S)

    async def GetEntropy(self, request: entropy_pb2.GetEntropyRequest, context: Any) -> entropy_pb2.GetEntropyResponse:
        """Fresh random octets."""
        try:
            return entropy_pb2.GetEntropyResponse(octets=self.source.draw(request.octets))
        except EntropyAlarmError as error:
            raise ContractError(grpc.StatusCode.UNAVAILABLE, "HEALTH_TEST_FAILED", message=str(error)) from None

    async def _get_entropy(self, request: web.Request) -> web.StreamResponse:
        asked = request.query.getall("octets", [])
        octets = int(asked[0]) if len(asked) == 1 and _NUMBER.fullmatch(asked[0]) else 0
        if not 1 <= octets <= MAX_OCTETS:
            return _answer({"message": f"octets: one integer, 1 to {MAX_OCTETS}"}, 400)
        try:
            drawn = self.source.draw(octets)
        except EntropyAlarmError as error:
            return _answer({"message": str(error)}, 503)
        return _answer({"entropy": base64.b64encode(drawn).decode("ascii")})

    async def _get_health(self, _request: web.Request) -> web.StreamResponse:
        return _answer({"alarm": self.source.alarm})

    def _guarded(self, handler: _Handler) -> _Handler:
        """Lets in whoever shows the token."""
        expected = f"Bearer {self._token}".encode()

        async def guarded(request: web.Request) -> web.StreamResponse:
            shown = request.headers.getall("Authorization", [])
            if len(shown) != 1 or not hmac.compare_digest(shown[0].encode("utf-8", "surrogateescape"), expected):
                refused = _answer({"message": "the request does not carry the token of this generator"}, 401)
                refused.headers["WWW-Authenticate"] = "Bearer"
                return refused
            return await handler(request)

        return guarded


def _answer(members: dict[str, object], status: int = 200) -> web.Response:
    return web.json_response(members, status=status, headers={"Cache-Control": "no-store"})
