"""ONF Transport API 2.1.3 over RESTCONF as a client: service interface points and connectivity services."""

from __future__ import annotations

import asyncio
from typing import Any

from .pauses import growing
from .restconf import RefusedError, Restconf
from .spectrum import spectrum_of

_CONTEXT = "tapi-common:context"
_POINTS = f"{_CONTEXT}/service-interface-point"
_CONNECTIVITY = f"{_CONTEXT}/tapi-connectivity:connectivity-context"
_SERVICE = "tapi-connectivity:connectivity-service"
_NOT_FOUND, _CONFLICT = 404, 409


class TransportApi:
    """One T-API server.

    Args:
        url: its base URL.
        server: the same as a RESTCONF server.
    """

    def __init__(self, url: str, server: Restconf) -> None:
        self.url = url
        self._server = server

    async def points(self) -> dict[tuple[str, int], str]:
        """UUIDs of the service interface points by the `device` and `port` that their names give.

        Raises:
            UnreachableError, RefusedError.
        """
        body = (await self._server.get(_CONTEXT)).body or {}
        found: dict[tuple[str, int], str] = {}
        for point in body.get(_CONTEXT, {}).get("service-interface-point", []):
            names = {one.get("value-name"): one.get("value") for one in point.get("name", [])}
            if "device" in names and str(names.get("port", "")).isdigit():
                found[str(names["device"]), int(names["port"])] = str(point.get("uuid", ""))
        return found

    async def create(self, uuid: str, ends: tuple[str, str], wavelength: str) -> None:
        """Asks for a service from one point to another; the same again changes nothing.

        Raises:
            UnreachableError, RefusedError.
        """
        try:
            await self._server.request("POST", _CONNECTIVITY, {_SERVICE: [_service(uuid, ends, wavelength)]})
        except RefusedError as error:
            if error.status != _CONFLICT or error.tag != "data-exists":
                raise

    async def wait(self, uuid: str, bound_s: float) -> None:
        """Returns when a service is installed.

        Raises:
            TimeoutError: it is not within `bound_s` seconds; says how far it got. RefusedError: it is gone.
        """
        state = "not seen yet"
        try:
            async with asyncio.timeout(bound_s):
                for pause in growing(0.02, 1.0):
                    service = await self._get(uuid)
                    state = f"{service.get('lifecycle-state')}, {service.get('operational-state')}"
                    if service.get("lifecycle-state") == "INSTALLED" and service.get("operational-state") == "ENABLED":
                        return
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise TimeoutError(f"connectivity service {uuid} is not installed within {bound_s:g} s: {state}") from None

    async def exists(self, uuid: str) -> bool:
        """Whether there is such a service. Raises UnreachableError, RefusedError."""
        try:
            await self._get(uuid)
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    async def delete(self, uuid: str) -> None:
        """Takes a service away; nothing happens when there is none. Raises UnreachableError, RefusedError."""
        try:
            await self._server.request("DELETE", f"{_CONNECTIVITY}/connectivity-service={uuid}")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise

    async def _get(self, uuid: str) -> dict[str, Any]:
        body = (await self._server.get(f"{_CONNECTIVITY}/connectivity-service={uuid}")).body or {}
        found = body.get(_SERVICE)
        return found[0] if isinstance(found, list) and found else {}


def _service(uuid: str, ends: tuple[str, str], wavelength: str) -> dict[str, Any]:
    """From the first point, where the light enters the network, to the second, where it leaves."""
    spectrum = spectrum_of(wavelength)
    points = []
    for number, (point, direction) in enumerate(zip(ends, ("INPUT", "OUTPUT"), strict=True), 1):
        end: dict[str, Any] = {
            "local-id": str(number),
            "layer-protocol-name": "PHOTONIC_MEDIA",
            "layer-protocol-qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_MC",
            "service-interface-point": {"service-interface-point-uuid": point},
            "direction": direction,
        }
        if spectrum is not None:
            end["tapi-photonic-media:media-channel-connectivity-service-end-point-spec"] = {
                "mc-config": {"spectrum": {"lower-frequency": str(spectrum[0]), "upper-frequency": str(spectrum[1])}}
            }
        points.append(end)
    return {
        "uuid": uuid,
        "service-layer": "PHOTONIC_MEDIA",
        "connectivity-direction": "UNIDIRECTIONAL",
        "end-point": points,
        "administrative-state": "UNLOCKED",
    }
