"""The judgement of key quality inside a campaign: what it looks at, what it costs, and what it says."""

from __future__ import annotations

import hashlib
import random

import pytest

from harness.pki import Wallet
from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.tampered_kme import Network, tampered_pair
from tests.conformance.toy_keys import Traits

CASE = "014.quality.keys"


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet()


def _the_case(record: pb.RunRecord) -> pb.Case:
    return next(case for case in record.cases if case.id == CASE)


TWISTER = random.Random("unknown to the harness")
WRONG = {
    "zeros": ("KEYS014-1", lambda _n, material, _id: bytes(len(material))),
    "alternating": ("KEYS014-2", lambda _n, material, _id: b"\x55" * len(material)),
    "text": ("KEYS014-3", lambda _n, material, _id: material.hex()[: len(material)].encode()),
    "halves": ("KEYS014-4", lambda _n, material, _id: material[: len(material) // 2] * 2),
    "counter": ("KEYS014-5", lambda n, material, _id: (n + (7 << 200)).to_bytes(len(material), "big")),
    "from ID": ("KEYS014-5", lambda _n, material, key_id: hashlib.sha512(key_id.encode()).digest()[: len(material)]),
    "from counter": (
        "KEYS014-6",
        lambda n, material, _id: hashlib.sha512(str(n).encode()).digest()[: len(material)],
    ),
    "twister": ("KEYS014-6", lambda _n, material, _id: TWISTER.randbytes(len(material))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_keys_fail_the_campaign(wallet: Wallet, wrong: str) -> None:
    requirement, shape = WRONG[wrong]
    with tampered_pair(wallet, network=Network(shape=shape)) as bed:
        record = campaign_on(bed.reached, select=[CASE])
    assert requirement in broken(record), told(record)


@pytest.mark.parametrize(
    "traits",
    [
        Traits(),
        Traits(key_size=64, max_key_size=64),
        Traits(key_size=8, min_key_size=8, max_key_size=8),
        Traits(max_key_per_request=1),
        Traits(max_key_size=1000, step=64),
        Traits(stock=40, growth=200.0),
        Traits(key_size=352, odd_sizes=True, max_key_size=353),
    ],
    ids=["usual", "64 bits", "8 bits", "one a request", "steps of 64", "little stock", "352 bits"],
)
def test_good_keys_pass_whatever_their_size(wallet: Wallet, traits: Traits) -> None:
    with tampered_pair(wallet, network=Network(traits)) as bed:
        record = campaign_on(bed.reached, select=[CASE])
    case = _the_case(record)
    assert case.verdict == pb.VERDICT_PASS, told(record)
    assert case.keys_drawn <= case.keys_planned
    assert any("false alarm below 5e-07" in text and "bits" in text for text in case.observations)


def test_keys_that_other_cases_drew_are_judged_and_not_drawn_again(wallet: Wallet) -> None:
    with tampered_pair(wallet, network=Network(Traits(max_key_size=1024))) as bed:
        record = campaign_on(bed.reached, select=[CASE, "014.number.most"])
    case = _the_case(record)
    assert case.verdict == pb.VERDICT_PASS, told(record)
    assert case.keys_drawn == 0


def test_too_few_keys_are_inconclusive_and_never_green(wallet: Wallet) -> None:
    with tampered_pair(wallet, network=Network(Traits(stock=4, growth=0.0))) as bed:
        record = campaign_on(bed.reached, select=[CASE], stock_wait_s=0.2)
    case = _the_case(record)
    assert case.verdict == pb.VERDICT_INCONCLUSIVE, told(record)
    assert "are needed" in case.verdict_reason


def test_no_key_shows_in_the_record(wallet: Wallet) -> None:
    """Of a KME whose keys are text, nothing of a key stands in the findings."""
    words = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(100)]

    def shape(made: int, material: bytes, _id: str) -> bytes:
        return words[made].encode().ljust(len(material), b"x")[: len(material)]

    with tampered_pair(wallet, network=Network(shape=shape)) as bed:
        record = campaign_on(bed.reached, select=[CASE])
    written = str(record)
    assert broken(record)
    assert not any(word[:16] in written or word[:16].encode().hex() in written for word in words)
