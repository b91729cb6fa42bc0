"""Hop keys over ETSI GS QKD 014: HTTPS with mutual TLS, JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from .credentials import SaeCredentials
from .hops import HopKey, KeysGoneError, KmeError, NoKeysError, RefusedError


class Etsi014HopKeys:
    """`HopKeys` of a KME at a base URL. Make it inside the event loop."""

    def __init__(self, url: str, credentials: SaeCredentials, timeout_s: float) -> None:
        self._base = f"{url.rstrip('/')}/api/v1/keys"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=credentials.client_context()),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        )

    async def take(self, slave_sae_id: str, number: int, octets: int) -> list[HopKey]:
        """See `HopKeys`."""
        status, body = await self._post(slave_sae_id, "enc_keys", {"number": number, "size": 8 * octets})
        if status == 503:
            raise NoKeysError("the KME has not enough keys")
        if status == 400:
            raise RefusedError(f"Get key of {8 * octets} bits: status 400")
        if status != 200:
            raise KmeError(f"Get key: status {status}")
        return _keys_of(body)

    async def fetch(self, master_sae_id: str, key_ids: Sequence[str]) -> list[HopKey]:
        """See `HopKeys`."""
        named = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        status, body = await self._post(master_sae_id, "dec_keys", named)
        if status in (400, 401):
            raise KeysGoneError(f"status {status}")
        if status != 200:
            raise KmeError(f"Get key with key IDs: status {status}")
        return _keys_of(body)

    async def close(self) -> None:
        """See `HopKeys`."""
        await self._session.close()

    async def _post(self, sae_id: str, method: str, members: Mapping[str, object]) -> tuple[int, bytes]:
        url = URL(f"{self._base}/{quote(sae_id, safe='')}/{method}", encoded=True)
        try:
            async with self._session.post(url, data=orjson.dumps(members), headers=_JSON) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KmeError(f"the KME does not answer: {type(error).__name__}") from None


_JSON = {"Content-Type": "application/json"}


def _keys_of(body: bytes) -> list[HopKey]:
    try:
        members: Any = orjson.loads(body)["keys"]
        return [HopKey(key["key_ID"], base64.b64decode(key["key"], validate=True)) for key in members]
    except (ValueError, KeyError, TypeError):  # from None: the text of these errors may hold keys
        raise KmeError("the answer is not a Key container") from None
