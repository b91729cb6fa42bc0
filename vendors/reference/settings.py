"""What can be set on a reference KME, with defaults: `ProvisionKmeRequest.settings` by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

LARGEST_KEY_BITS = 65536
LARGEST_BLOCK_OCTETS = 65536
TLS_VERSIONS = ("1.2", "1.3")
_SWITCH = {"true": True, "false": False}
_KILO = 1024


@dataclass(frozen=True, slots=True)
class KmeSettings:
    """Limits, options and bounds of one KME. Immutable; checked when made.

    Attributes:
        key_size: default size of a key, bits (Status.key_size).
        min_key_size: smallest size served, bits.
        max_key_size: largest size served, bits; at most 65536.
        max_key_per_request: most keys in one Get key.
        max_key_ids_per_request: most key IDs in one Get key with key IDs; 0 = as max_key_per_request.
        max_key_count: cap of Status.stored_key_count.
        max_sae_id_count: most additional slave SAEs; 0 = no multicast.
        odd_sizes: whether sizes that are no multiple of 8 are served (else 400 with M1; 6.2).
        extensions: what the KME can do when asked by extension: "name=value|value,name=value". A name
            that is not here is unsupported (M2), another value of a name that is here cannot be met (M3).
        refuse_unhandled_optional: 400 with M4 for an optional extension that is not handled, instead of
            ignoring it (6.2 allows both).
        max_body_octets: longest request body read.
        tls_minimum: oldest TLS version spoken, "1.2" or "1.3".
        tls_maximum: newest TLS version spoken, "1.2" or "1.3".
        host: address to listen on.
        https_port: port of the 014 interface; 0 = the one of the last life, or any.
        grpc_port: port of the gRPC binding; 0 likewise.
        peer_port: port for other KMEs; 0 likewise.
        high_water_octets: stock of each half of a link above which the key source is left alone;
            0 = 256 KiB or four of the largest requests, whichever is more.
        peer_timeout_s: longest wait for a peer to store keys, seconds; then 503 and the keys are burned.
        recovery_s: how long after a start an SAE may ask again for keys whose delivery the end of the
            last life cut short, seconds; afterwards they are destroyed.
        tombstone_s: how long a key that is gone is remembered (without its bytes), seconds.
        low_water_octets: stock of this KME's half of a link below which the link is reported as low; 0 = a
            quarter of the high-water mark.
        link_block_octets: length of the blocks that a link is made of when QKD modules feed it. The KME with
            the smaller KME ID decides; it cannot change while a store lives.
        pending_octets: what may wait for the other end, or for other sources, of each source; above it the
            source is not read.
        part_patience_s: how long a block of a source that only one end has is kept, seconds.
        combining_patience_s: how long a source may be silent before it is reported, and before the others go
            on without it where the policy of the link allows that, seconds.
        poll_s: shortest pause between two requests to a module that has to be asked, seconds.
        push_port: port where modules push; 0 as above.
        provenance_s: how long it is remembered which blocks of which source a key came from, seconds.
        block_ttl_s: time to live of bits that no key was cut from, seconds; 0 = for ever.
        copy_ttl_s: time to live of a key that its slave does not fetch, seconds; 0 = for ever.
        relay_saes: IDs of the SAEs that are forwarding modules, with commas between them: what they take as
            master is booked as spent on relaying.
        relayed_high_water_octets: the high-water mark of links that a forwarding module feeds, whose keys cost
            keys of other links; 0 = as of any other.
        relay_reserve_octets: stock of a link that these leave to the others (they get 503).
        clock_offset_file: for tests only: a file with the seconds by which the wall clock is off; "" = it is right.
    """

    key_size: int = 256
    min_key_size: int = 64
    max_key_size: int = 1024
    max_key_per_request: int = 128
    max_key_ids_per_request: int = 0
    max_key_count: int = 100_000
    max_sae_id_count: int = 4
    odd_sizes: bool = True
    extensions: str = "qkdh_route_type=direct"
    refuse_unhandled_optional: bool = False
    max_body_octets: int = 1024 * _KILO
    tls_minimum: str = "1.2"
    tls_maximum: str = "1.3"
    host: str = "127.0.0.1"
    https_port: int = 0
    grpc_port: int = 0
    peer_port: int = 0
    high_water_octets: int = 0
    peer_timeout_s: float = 2.0
    recovery_s: float = 30.0
    tombstone_s: float = 30 * 86400.0
    low_water_octets: int = 0
    link_block_octets: int = 256
    pending_octets: int = 64 * _KILO
    part_patience_s: float = 30.0
    combining_patience_s: float = 30.0
    poll_s: float = 0.25
    push_port: int = 0
    provenance_s: float = 86400.0
    block_ttl_s: float = 0.0
    copy_ttl_s: float = 0.0
    relay_saes: str = ""
    relayed_high_water_octets: int = 0
    relay_reserve_octets: int = 0
    clock_offset_file: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.min_key_size <= self.key_size <= self.max_key_size <= LARGEST_KEY_BITS:
            raise ValueError(f"1 <= min_key_size <= key_size <= max_key_size <= {LARGEST_KEY_BITS} is broken")
        if self.max_key_per_request < 1 or self.max_key_count < 1:
            raise ValueError("max_key_per_request and max_key_count are at least 1")
        if not self.odd_sizes and self.key_size % 8:
            raise ValueError("key_size is a multiple of 8 when odd_sizes is false")
        if self.tls_minimum not in TLS_VERSIONS or self.tls_maximum not in TLS_VERSIONS:
            raise ValueError(f"tls_minimum and tls_maximum are one of {', '.join(TLS_VERSIONS)}")
        if not 16 <= self.link_block_octets <= LARGEST_BLOCK_OCTETS:
            raise ValueError(f"link_block_octets: 16 to {LARGEST_BLOCK_OCTETS}")
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str | bool) and value < 0:
                raise ValueError(f"{field.name} is not negative")

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> KmeSettings:
        """The settings in their text form over the defaults.

        Raises:
            ValueError: a name is unknown, or a text does not fit; says which.
        """
        kinds: dict[str, type[bool | int | float | str]] = {
            field.name: type(getattr(cls(), field.name)) for field in fields(cls)
        }
        values: dict[str, bool | int | float | str] = {}
        for name, text in texts.items():
            if name not in kinds:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(kinds))}")
            try:
                values[name] = _SWITCH[text] if kinds[name] is bool else kinds[name](text)
            except (KeyError, ValueError):
                raise ValueError(f"setting {name}: {text!r} is not of type {kinds[name].__name__}") from None
        return cls(**values)  # type: ignore[arg-type]  # converted to the kind of each default above

    @property
    def supported_extensions(self) -> dict[str, frozenset[str]]:
        """`extensions`, parsed: the values that can be met, by name."""
        pairs = (entry.split("=", 1) for entry in self.extensions.split(",") if "=" in entry)
        return {name.strip(): frozenset(value.strip().split("|")) for name, value in pairs}

    @property
    def key_ids_per_request(self) -> int:
        """The bound of one Get key with key IDs."""
        return self.max_key_ids_per_request or self.max_key_per_request

    @property
    def high_water(self) -> int:
        """The stock that each half of a link is filled to, octets."""
        largest_request = self.max_key_per_request * ((self.max_key_size + 7) // 8)
        return self.high_water_octets or max(256 * _KILO, 4 * largest_request)

    @property
    def low_water(self) -> int:
        """The stock below which a link is low, octets."""
        return self.low_water_octets or self.high_water // 4

    @property
    def relays(self) -> frozenset[str]:
        """`relay_saes`, parsed."""
        return frozenset(name.strip() for name in self.relay_saes.split(",") if name.strip())
