"""What a maker says of one of its models, and what a module of it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qkd.device.v1.module_pb2 import (
    MODULE_ROLE_RECEIVER,
    MODULE_ROLE_TRANSMITTER,
    Handover,
    ModuleRole,
    Protocol,
)
from qkd.optical.v1.plant_pb2 import AttachRequest

from .figures import RateModel
from .settings import ModuleSettings

SendPlant = Callable[[AttachRequest], None]
PAIR = (MODULE_ROLE_TRANSMITTER, MODULE_ROLE_RECEIVER)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model; figures as in `GetCapabilitiesResponse`.

    Attributes:
        rates: makes the rate model from the settings that are not `ModuleSettings`; raises ValueError for
            one that does not fit.
        defaults: of `ModuleSettings`, where this model's differ.
    """

    maker: str
    model: str
    protocol: Protocol.ValueType
    roles: tuple[ModuleRole.ValueType, ...]
    channels: tuple[str, ...]
    handover: Handover.ValueType
    rates: Callable[[Mapping[str, str]], RateModel]
    free_pairing: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a module is made of.

    Attributes:
        module_id: unique in the network.
        port_id: of the plant that it is plugged into.
        spec: its model.
        settings: see `ModuleSettings`.
        rates: its key-rate model.
        send: brings a message to the plant.
    """

    module_id: str
    port_id: str
    spec: ModelSpec
    settings: ModuleSettings
    rates: RateModel
    send: SendPlant
