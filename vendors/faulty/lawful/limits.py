"""Other limits, sizes and options: all of them in Status, all of them kept."""

from __future__ import annotations

from dataclasses import replace

from vendors.faulty.catalogue import variant
from vendors.reference.settings import KmeSettings


@variant("one-key-per-request")
def one_key_per_request(settings: KmeSettings) -> KmeSettings:
    """max_key_per_request is 1."""
    return replace(settings, max_key_per_request=1)


@variant("three-keys-per-request")
def three_keys_per_request(settings: KmeSettings) -> KmeSettings:
    """max_key_per_request is 3."""
    return replace(settings, max_key_per_request=3)


@variant("one-id-per-fetch")
def one_id_per_fetch(settings: KmeSettings) -> KmeSettings:
    """Several keys in one Get key, one key ID in one Get key with key IDs (A16)."""
    return replace(settings, max_key_ids_per_request=1)


@variant("no-multicast")
def no_multicast(settings: KmeSettings) -> KmeSettings:
    """max_SAE_ID_count is 0, and a request with additional SAEs is refused."""
    return replace(settings, max_sae_id_count=0)


@variant("one-additional-sae")
def one_additional_sae(settings: KmeSettings) -> KmeSettings:
    """max_SAE_ID_count is 1."""
    return replace(settings, max_sae_id_count=1)


@variant("fixed-size")
def fixed_size(settings: KmeSettings) -> KmeSettings:
    """All keys have 256 bits."""
    return replace(settings, key_size=256, min_key_size=256, max_key_size=256)


@variant("default-128-bits")
def default_128_bits(settings: KmeSettings) -> KmeSettings:
    """The default is also the smallest size, 128 bits."""
    return replace(settings, key_size=128, min_key_size=128)


@variant("default-352-bits")
def default_352_bits(settings: KmeSettings) -> KmeSettings:
    """The default of the example in 6.1: 352 bits."""
    return replace(settings, key_size=352)


@variant("default-1024-bits")
def default_1024_bits(settings: KmeSettings) -> KmeSettings:
    """The default is also the largest size, 1024 bits."""
    return replace(settings, key_size=1024)


@variant("odd-default-size")
def odd_default_size(settings: KmeSettings) -> KmeSettings:
    """The default size is no multiple of 8: 250 bits."""
    return replace(settings, key_size=250)


@variant("octet-keys")
def octet_keys(settings: KmeSettings) -> KmeSettings:
    """Sizes from 8 bits up: keys that are equal by chance."""
    return replace(settings, min_key_size=8)


@variant("generous-limits")
def generous_limits(settings: KmeSettings) -> KmeSettings:
    """Four thousand keys a request, keys up to 65536 bits."""
    return replace(settings, max_key_per_request=4096, max_key_size=65536, high_water_octets=1 << 20)


@variant("whole-octets-only")
def whole_octets_only(settings: KmeSettings) -> KmeSettings:
    """Sizes that are no multiple of 8 get M1."""
    return replace(settings, odd_sizes=False)


@variant("optional-refused-with-m4")
def optional_refused(settings: KmeSettings) -> KmeSettings:
    """An extension_optional that is not handled gets M4 instead of being ignored."""
    return replace(settings, refuse_unhandled_optional=True)


@variant("tls-1.3-only")
def tls_1_3_only(settings: KmeSettings) -> KmeSettings:
    """TLS 1.3 and nothing else (A24)."""
    return replace(settings, tls_minimum="1.3")


@variant("tls-1.2-only")
def tls_1_2_only(settings: KmeSettings) -> KmeSettings:
    """TLS 1.2 and nothing else (A24)."""
    return replace(settings, tls_maximum="1.2")
