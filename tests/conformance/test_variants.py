"""Lawful KMEs that differ from each other are not blamed, by whole campaigns within a budget of 400 keys."""

from __future__ import annotations

import pytest

from qkd.run.v1 import run_record_pb2 as pb
from tests.conformance.run_toy import broken, campaign_on, told
from tests.conformance.toy_keys import Traits
from tests.conformance.toy_kme import ToyPki, toy_pair

VARIANTS = {
    "plain": Traits(),
    "one key a request, no multicast": Traits(max_key_per_request=1, ids_per_fetch=1, max_sae_ids=0),
    "one size": Traits(key_size=128, min_key_size=128, max_key_size=128, max_sae_ids=1),
    "odd sizes": Traits(key_size=352, min_key_size=1, max_key_size=2001, odd_sizes=True, stock=None),
    "large keys": Traits(key_size=1024, min_key_size=512, max_key_size=4096, max_key_per_request=1000),
    "TLS 1.3, upper-case IDs, further members": Traits(tls="1.3", id_style="upper", further=True, charset=True),
    "TLS 1.2, version 1 IDs, extensions": Traits(tls="1.2", id_style="v1", extensions=True, body_with_401=True),
    "version 7 IDs, other forms of answers": Traits(id_style="v7", pretty=True, chunked=True, shuffled=True),
    "slow, closes connections": Traits(delay_s=0.005, close=True),
    "400 where others say 401 or 503": Traits(
        unknown_caller="400", unknown_slave="404", empty_status=400, missing_first=True
    ),
    "422 and closed connections": Traits(
        unknown_caller="close", unknown_slave="served", bad_input=422, no_body="415", forbid_unknown=True
    ),
    "M4, any master, lenient IDs": Traits(
        refuse_optional=True, any_master=True, case_sensitive=False, duplicate_ids="served"
    ),
    "list of SAEs ignored, the slave's view": Traits(
        max_sae_ids=0, list_ignored=True, slave_view_swapped=True, self_status="200"
    ),
    "says nothing of its stock": Traits(count_shown="zero", stock=150, growth=200),
    "keys reach the slave late": Traits(slave_lag_s=0.03),
    "keys reach the slave late, some later": Traits(slave_lag_s=0.03, uneven_lag=True),
    "counts what waits": Traits(count_shown="pending"),
    "grows slowly, by direction": Traits(stock=60, growth=50, stock_per_direction=True, max_key_per_request=16),
    "small pool": Traits(stock=30, growth=100, max_key_per_request=8),
    "steps of 64 bit, one ID a fetch": Traits(step=64, ids_per_fetch=1, max_key_per_request=16),
}


@pytest.fixture(scope="module")
def pki() -> ToyPki:
    return ToyPki()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_lawful_kme_is_not_blamed(pki: ToyPki, name: str) -> None:
    with toy_pair(pki, VARIANTS[name]) as reached:
        record = campaign_on(reached, budget=400, stock_wait_s=30.0)
    assert not broken(record), told(record)
    assert record.summary.outcome == pb.OUTCOME_CONFORMANT, told(record)
    assert record.budget.drawn <= record.budget.planned + record.budget.at_risk <= 600
    assert record.budget.drawn <= 300 or VARIANTS[name].odd_sizes
