"""What a network may be."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testbed.network import PAIR, KmeSpec, LinkSpec, Network, SaeSpec

A, B, C = KmeSpec("a"), KmeSpec("b"), KmeSpec("c")
SAE = SaeSpec("s", "a")


def test_the_pair_has_three_saes_and_one_link() -> None:
    assert [(sae.id, sae.kme) for sae in PAIR.saes] == [("sae-1", "kme-a"), ("sae-2", "kme-b"), ("sae-3", "kme-b")]
    assert PAIR.links == (LinkSpec("kme-a--kme-b", ("kme-a", "kme-b")),)


def test_without_links_everybody_is_linked() -> None:
    network = Network((A, B, C), (SAE,))
    assert [link.ends for link in network.links] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [link.peer_of("b") for link in network.links_of("b")] == ["a", "c"]


def test_a_chain_is_a_network_too() -> None:
    chain = Network((A, B, C), (SAE,), (LinkSpec("1", ("a", "b")), LinkSpec("2", ("b", "c"))))
    assert len(chain.links_of("a")) == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (((A,), (SAE,)), r"at least 2 KME\(s\)"),
        (((A, B), ()), r"at least 1 SAE\(s\)"),
        (((A, A), (SAE,)), "more than one KME is named 'a'"),
        (((A, B), (SAE, SAE)), "more than one SAE is named 's'"),
        (((A, B), (SaeSpec("s", "x"),)), "SAE 's' names the KME 'x'"),
        (((A, B), (SAE,), (LinkSpec("l", ("a", "x")),)), "link 'l' names the KME 'x'"),
        (((A, KmeSpec("")), (SAE,)), "a KME has an empty ID"),
    ],
)
def test_a_mistake_is_named(parts: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Network(*parts)
