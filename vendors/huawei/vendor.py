"""Modules as Huawei Düsseldorf had them in MadQCI, emulated.

Any sender works with any receiver: an optical switch lays the path, both are tuned to a channel. They know excess
noise and SNR, and no QBER.
"""

from __future__ import annotations

from functools import partial

from qkd.device.v1.module_pb2 import HANDOVER_STREAM, PROTOCOL_CV_GAUSSIAN
from vendors.emulation.maker import EmulatedMaker
from vendors.emulation.published import PublishedRates
from vendors.emulation.rates import GG02
from vendors.emulation.spec import PAIR, ModelSpec


class HuaweiDuesseldorf(EmulatedMaker):
    """One model, which any number of senders and receivers are of."""

    name = "hwdu"
    vendor = "Huawei Düsseldorf"
    models = (
        ModelSpec(
            maker="Huawei Düsseldorf",
            model="CV-QKD prototype",
            protocol=PROTOCOL_CV_GAUSSIAN,
            roles=PAIR,
            channels=("C-34", "C-37", "C-38"),
            handover=HANDOVER_STREAM,
            rates=partial(PublishedRates, GG02),
            free_pairing=True,
            defaults={"block_octets": 256, "spread": 0.05},
        ),
    )
