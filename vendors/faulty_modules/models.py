"""The models that the variants differ from: decoy BB84 by stream, and an MDI series with its hub."""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import (
    HANDOVER_STREAM,
    MODULE_ROLE_HUB,
    MODULE_ROLE_TRANSMITTER,
    PROTOCOL_CV_GAUSSIAN,
    PROTOCOL_DECOY_BB84,
    PROTOCOL_MDI,
)
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import DECOY_BB84, GG02, MDI
from vendors.emulation.spec import PAIR, ModelSpec

_CHANNELS = ("C-34", "C-37")
BB84 = ModelSpec(
    maker="harness",
    model="BB84",
    protocol=PROTOCOL_DECOY_BB84,
    roles=PAIR,
    channels=_CHANNELS,
    handover=HANDOVER_STREAM,
    rates=partial(PublishedRates, DECOY_BB84),
    defaults={"block_octets": 1024, "spread": 0.02},
)
CV = ModelSpec(
    maker="harness",
    model="GG02",
    protocol=PROTOCOL_CV_GAUSSIAN,
    roles=PAIR,
    channels=_CHANNELS,
    handover=HANDOVER_STREAM,
    rates=partial(PublishedRates, GG02),
    defaults={"block_octets": 256, "spread": 0.05},
)
MDI_SERIES = tuple(
    ModelSpec(
        maker="harness",
        model=model,
        protocol=PROTOCOL_MDI,
        roles=(role,),
        channels=_CHANNELS,
        handover=HANDOVER_STREAM,
        rates=partial(PublishedRates, MDI),
        free_pairing=True,
        defaults={"block_octets": 64, "spread": 0.05},
    )
    for model, role in (("MDI sender", MODULE_ROLE_TRANSMITTER), ("MDI hub", MODULE_ROLE_HUB))
)
