"""From "started" to "registered, probed, described"."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import grpc

from harness.hosting import probes
from harness.hosting.errors import HostingError
from harness.hosting.implementation import Implementation, Life, while_alive
from harness.hosting.launch import Bounds
from harness.hosting.registration import Registered, Registration
from harness.sdk.server import loopback_channel
from qkd.vendor.v1 import vendor_pb2

_SDK_ADVICE = (
    "call HarnessService.Register at QKD_HARNESS_ADDRESS with the metadata "
    "authorization: Bearer QKD_HARNESS_TOKEN (harness.sdk.serve does)"
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A channel to an implementation that has registered and passed the probes."""

    implementation: Implementation
    description: vendor_pb2.DescribeResponse
    channel: grpc.aio.Channel

    async def close(self) -> None:
        """Closes the channel."""
        await self.channel.close()


async def connect(registration: Registration, life: Life, bounds: Bounds) -> Connection:
    """Waits for the registration, probes the implementation and asks who it is.

    Raises:
        HostingError: when it does not register in time, ends, or breaks the hosting contract.
    """
    registered = await _await_registration(registration, life, bounds)
    channel = loopback_channel(registered.address)
    try:
        implementation = Implementation(channel, registration.token, life, bounds)
        await _probe(channel, registration.token, life, bounds, None)
        description = await implementation.describe()
        await _probe(channel, registration.token, life, bounds, description)
    except BaseException:
        await channel.close()
        raise
    return Connection(implementation, description, channel)


async def _await_registration(registration: Registration, life: Life, bounds: Bounds) -> Registered:
    async def registered() -> Registered:
        return await asyncio.shield(registration.registered)

    try:
        return await while_alive(
            life,
            registered(),
            bound_s=bounds.registration_s,
            when="before it registered",
            late="has not registered",
            advice=_SDK_ADVICE,
        )
    except HostingError as error:
        if registration.refused:
            error.what += f"; {registration.refused} call(s) with a wrong or missing token were refused"
        raise


async def _probe(
    channel: grpc.aio.Channel,
    token: str,
    life: Life,
    bounds: Bounds,
    description: vendor_pb2.DescribeResponse | None,
) -> None:
    bound = bounds.call_s

    async def probed() -> probes.Broken | None:
        if description is not None:
            return await probes.probe_agreement(channel, token, description, timeout_s=bound)
        return (
            await probes.probe_serving(channel, timeout_s=bound)
            or await probes.probe_unimplemented(channel, token, timeout_s=bound)
            or await probes.probe_token(channel, timeout_s=bound)
        )

    broken = await while_alive(
        life,
        probed(),
        bound_s=4 * bound,
        when="while it was probed",
        late="has not answered the probes of the hosting contract",
        advice="see vendor.proto",
    )
    if broken is not None:
        raise life.error(f"breaks the hosting contract: {broken.what}", advice=broken.advice)
