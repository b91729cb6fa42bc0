"""What can be set on a forwarding module, with defaults: `ProvisionForwarderRequest.settings` by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

LARGEST_BLOCK_OCTETS = 1024 * 1024
KEY_SUPPLIES = ("grpc", "etsi014")


@dataclass(frozen=True, slots=True)
class ForwardingSettings:
    """Sizes and bounds of one forwarding module. Immutable; checked when made.

    Attributes:
        relay_block_octets: length of the blocks it makes as origin. The KMEs on the way have to serve keys of
            (relay_block_octets + 32) * 8 bits.
        window: blocks of one origin and destination that may be under way or wait for the KME.
        prefetch: keys taken ahead of need in one Get key, for its own block size and for confirmations.
        prefetch_s: how long a key that was taken ahead may be used; then it is thrown away, seconds.
        hold_s: how long a message waits for a key of its next hop, or for the connection, seconds.
        held_messages: messages that may wait for one next hop; more are dropped.
        block_timeout_s: from a block's first share to its confirmation, or to its last share, seconds.
        kme_timeout_s: bounds each call to the KME, seconds.
        first_pause_s: the first of the growing pauses after a refusal or a loss, seconds.
        longest_pause_s: the longest of them, seconds.
        key_supply: how hop keys are taken: "grpc" (qkd.kms.v1) or "etsi014"; "" = gRPC where the KME offers it.
        host: address to listen on.
        control_port: port of ForwardingService; 0 = the one of the last life, or any.
        hop_port: port for other forwarding modules; 0 likewise.
    """

    relay_block_octets: int = 1024
    window: int = 8
    prefetch: int = 4
    prefetch_s: float = 30.0
    hold_s: float = 2.0
    held_messages: int = 64
    block_timeout_s: float = 5.0
    kme_timeout_s: float = 3.0
    first_pause_s: float = 0.02
    longest_pause_s: float = 1.0
    key_supply: str = ""
    host: str = "127.0.0.1"
    control_port: int = 0
    hop_port: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.relay_block_octets <= LARGEST_BLOCK_OCTETS:
            raise ValueError(f"relay_block_octets is 1 to {LARGEST_BLOCK_OCTETS}")
        if self.window < 1 or self.held_messages < 1:
            raise ValueError("window and held_messages are at least 1")
        if self.key_supply not in ("", *KEY_SUPPLIES):
            raise ValueError(f"key_supply is one of {', '.join(KEY_SUPPLIES)}, or empty")
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and value < 0:
                raise ValueError(f"{field.name} is not negative")
            if isinstance(value, float) and not 0 < value <= 3600:
                raise ValueError(f"{field.name} is above 0 and at most 3600 seconds")

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> ForwardingSettings:
        """The settings in their text form over the defaults.

        Raises:
            ValueError: a name is unknown, or a text does not fit; says which.
        """
        kinds: dict[str, type[int | float | str]] = {
            field.name: type(getattr(cls(), field.name)) for field in fields(cls)
        }
        values: dict[str, int | float | str] = {}
        for name, text in texts.items():
            if name not in kinds:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(kinds))}")
            try:
                values[name] = kinds[name](text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not of type {kinds[name].__name__}") from None
        return cls(**values)  # type: ignore[arg-type]  # converted to the kind of each default above
