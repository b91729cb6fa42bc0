"""What can be set on an emulated module, with defaults: `ProvisionModuleRequest.settings` by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """Settings that every maker's modules have. Immutable; checked when made.

    Attributes:
        block_octets: length of a key block, the same at both ends.
        store_octets: how much key the module keeps for its KMS; when it is full no more is made.
        start_ticks: ticks from STARTING to ALIGNING.
        align_ticks: ticks with light until the first key.
        nominal_bps: secret key rate that is normal for the link, bits a second; 0 = the first that is seen.
        degraded_share: below this share of `nominal_bps` the module is DEGRADED.
        noisy_share: above this share of the abort threshold (QBER, excess noise) it is DEGRADED.
        spread: relative standard deviation of rate and excess noise from tick to tick.
        lapse_every_s: a transmitter is away once in such a period of the plant's time (but the first), at no
            fixed moment; 0 = never.
        lapse_s: for so long, seconds.
        sold_with: module ID of the only peer of a module that does not pair freely; empty = the first that
            it is configured with.
        peer_patience_s: real seconds that a transmitter holds up a tick for the other end's answer.
        masters: see `Etsi014Settings`: "smaller" or "both".
        control_port: of qkd.device.v1; 0 = the one of the last life, or any.
        etsi014_port: of ETSI GS QKD 014; 0 likewise.
    """

    block_octets: int = 256
    store_octets: int = 512 * 1024
    start_ticks: int = 1
    align_ticks: int = 2
    nominal_bps: float = 0.0
    degraded_share: float = 0.5
    noisy_share: float = 0.9
    spread: float = 0.02
    lapse_every_s: float = 0.0
    lapse_s: float = 20.0
    sold_with: str = ""
    peer_patience_s: float = 5.0
    masters: Literal["smaller", "both"] = "smaller"
    control_port: int = 0
    etsi014_port: int = 0

    def __post_init__(self) -> None:
        if not 16 <= self.block_octets <= 1 << 20:
            raise ValueError("setting block_octets: 16 to 1048576")
        if self.store_octets < self.block_octets:
            raise ValueError("setting store_octets: at least one block")
        if self.masters not in ("smaller", "both"):
            raise ValueError('setting masters: "smaller" or "both"')
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and value < 0:
                raise ValueError(f"setting {field.name}: not below zero")

    @classmethod
    def split(cls, texts: Mapping[str, str], **defaults: Any) -> tuple[Self, dict[str, str]]:
        """The settings in their text form over `defaults`, and those of other names (the rate model's).

        Raises:
            ValueError: a text does not fit; says which.
        """
        names = {field.name for field in fields(cls)}
        values = dict(defaults)
        for name in names & texts.keys():
            kind = type(getattr(cls(), name))
            try:
                values[name] = kind(texts[name])
            except ValueError:
                raise ValueError(f"setting {name}: {texts[name]!r} is not of type {kind.__name__}") from None
        return cls(**values), {name: text for name, text in texts.items() if name not in names}
