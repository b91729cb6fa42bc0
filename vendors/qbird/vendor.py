"""The Falqon series of Q*Bird, emulated: senders at the sites, and the hub MQX4000, which never has a key.

Any two senders on the arms of a hub make keys with each other: each is configured with the other, the hub with both.
The channels are our choice within the C band.
"""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import HANDOVER_STREAM, MODULE_ROLE_HUB, MODULE_ROLE_TRANSMITTER, PROTOCOL_MDI
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import MDI
from vendors.emulation.spec import ModelSpec


class Qbird(EmulatedMaker):
    """One series: a sender for each site, and the hub."""

    name = "qbird"
    vendor = "Q*Bird"
    models = (
        ModelSpec(
            maker="Q*Bird",
            model="Falqon",
            protocol=PROTOCOL_MDI,
            roles=(MODULE_ROLE_TRANSMITTER, MODULE_ROLE_HUB),
            channels=tuple(f"C-{number}" for number in range(30, 41)),
            handover=HANDOVER_STREAM,
            rates=partial(PublishedRates, MDI),
            free_pairing=True,
            defaults={"block_octets": 64, "spread": 0.05},
        ),
    )
