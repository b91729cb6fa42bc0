"""RESTCONF (RFC 8040) as a client: one server, mutual TLS, JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
from yarl import URL

MEDIA = "application/yang-data+json"
_XRD_LINK = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}Link"
_MOST_OCTETS = 64 * 1024 * 1024
_MOST_EVENT_OCTETS = 1024 * 1024


class UnreachableError(Exception):
    """No answer, or none that is HTTP; says why."""


class RefusedError(Exception):
    """An answer of 400 or more.

    Attributes:
        status: of HTTP.
        tag: `error-tag` of ietf-restconf:errors; empty = none.
        reason: `error-app-tag`, where the server gives one.
        text: `error-message`, or the status line.
    """

    def __init__(self, status: int, tag: str, reason: str, text: str) -> None:
        super().__init__(f"{status} {tag}: {text}".replace("  ", " "))
        self.status, self.tag, self.reason, self.text = status, tag, reason, text


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the controller is towards agents and switches, and whom it trusts. PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    trust: bytes

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer; the server's name is checked.

        Raises:
            ValueError: certificate, key or trust cannot be read.
        """
        context = ssl.create_default_context(cadata=self.trust.decode("ascii"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory(prefix="controller-") as folder:  # 0700; OpenSSL reads files only
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(self.private_key + b"\n" + self.certificate)
            try:
                context.load_cert_chain(chain)
            except ssl.SSLError as error:
                raise ValueError(f"certificate and key of the controller: {error.reason}") from None
        return context


def session(context: ssl.SSLContext, request_s: float) -> aiohttp.ClientSession:
    """For all servers together. It follows no environment: no proxy, no .netrc."""
    connector = aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=60)
    return aiohttp.ClientSession(
        connector=connector, trust_env=False, timeout=aiohttp.ClientTimeout(total=request_s), read_bufsize=1 << 20
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a request that was not refused."""

    status: int
    etag: str
    location: str
    body: Any


class Restconf:
    """One RESTCONF server.

    Args:
        base: its base URL; https only.
        session: see `session`.

    Raises:
        ValueError: the URL is not of https.
    """

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        url = URL(base)
        if url.scheme != "https" or not url.host:
            raise ValueError(f"{base!r} is no https URL; RESTCONF runs over TLS (RFC 8040, 2.1)")
        self._base = base.rstrip("/")
        self._session = session
        self._root = ""

    async def get(self, path: str) -> Answer:
        """GET below the data resource; see `request`."""
        return await self.request("GET", path)

    async def request(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request to `{+restconf}/data/path`.

        Args:
            method: of HTTP.
            path: below the data resource; list keys are percent-encoded already.
            body: JSON, when there is one.
            headers: names with underscores: If_Match.

        Raises:
            UnreachableError: no answer. RefusedError: a status of 400 or more.
        """
        root = await self._root_path()
        sent = {"Accept": MEDIA} | {name.replace("_", "-"): value for name, value in headers.items() if value}
        octets = None
        if body is not None:
            sent["Content-Type"] = MEDIA
            octets = json.dumps(body).encode()
        url = URL(f"{self._base}{root}/data/{path}", encoded=True)
        try:
            async with self._session.request(method, url, data=octets, headers=sent, allow_redirects=False) as response:
                return _answer(response, await _whole(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{method} {path} at {self._base}: {_why(error)}") from None

    async def events(self, stream: str = "NETCONF") -> AsyncIterator[dict[str, Any]]:
        """Notifications of a stream as Server-Sent Events (RFC 8040, 6.3), from now on; ends when the server does.

        The first item is always {}: the stream is open.

        Raises:
            UnreachableError, RefusedError: there is no such stream, or it broke.
        """
        location = await self._stream_location(stream)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=None)
        try:
            async with self._session.get(
                URL(location), headers={"Accept": "text/event-stream"}, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    _answer(response, await _whole(response))
                    raise RefusedError(response.status, "", "", "no event stream")
                yield {}
                async for text in _event_data(response.content):
                    yield _notification(text)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnreachableError(f"events of {self._base}: {_why(error)}") from None

    async def _stream_location(self, stream: str) -> str:
        answer = await self.get("ietf-restconf-monitoring:restconf-state/streams")
        streams = (answer.body or {}).get("ietf-restconf-monitoring:streams", {}).get("stream", [])
        for one in streams:
            for access in one.get("access", []) if one.get("name") == stream else []:
                if access.get("encoding") == "json":
                    return str(URL(self._base + "/").join(URL(str(access.get("location")))))
        raise RefusedError(404, "", "", f"no stream {stream} in JSON")

    async def _root_path(self) -> str:
        """From /.well-known/host-meta (RFC 8040, 3.1); /restconf where a server has none."""
        if self._root:
            return self._root
        try:
            async with self._session.get(
                URL(f"{self._base}/.well-known/host-meta"),
                headers={"Accept": "application/xrd+xml"},
                allow_redirects=False,
            ) as response:
                found = _root_of(await _whole(response)) if response.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{self._base}: {_why(error)}") from None
        self._root = (found or "/restconf").rstrip("/")
        return self._root


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    octets = bytearray()
    async for chunk in response.content.iter_any():
        octets += chunk
        if len(octets) > _MOST_OCTETS:
            response.close()
            raise aiohttp.ClientPayloadError("the answer is too long")
    return bytes(octets)


def _root_of(text: bytes) -> str:
    if b"<!" in text:  # no document types: they can be made to grow without bound
        return ""
    try:
        tree = ET.fromstring(text)  # noqa: S314 - see above
    except ET.ParseError:
        return ""
    return next((link.get("href", "") for link in tree.iter(_XRD_LINK) if link.get("rel") == "restconf"), "")


async def _event_data(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    lines: list[str] = []
    async for raw in content:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
            if sum(map(len, lines)) > _MOST_EVENT_OCTETS:
                raise ValueError("an event is too long")
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


def _notification(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    envelope = read.get("ietf-restconf:notification") if isinstance(read, dict) else None
    return envelope if isinstance(envelope, dict) else {}


def _answer(response: aiohttp.ClientResponse, text: bytes) -> Answer:
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = None
    if response.status >= 300:
        tag, reason, message = _error(body)
        raise RefusedError(response.status, tag, reason, message or f"{response.status} {response.reason}")
    return Answer(response.status, response.headers.get("ETag", ""), response.headers.get("Location", ""), body)


def _error(body: Any) -> tuple[str, str, str]:
    try:
        first = body["ietf-restconf:errors"]["error"][0]
        return str(first.get("error-tag", "")), str(first.get("error-app-tag", "")), str(first.get("error-message", ""))
    except (TypeError, KeyError, IndexError, AttributeError):
        return "", "", ""


def _why(error: BaseException) -> str:
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "no answer in time"
    return str(error) or type(error).__name__
