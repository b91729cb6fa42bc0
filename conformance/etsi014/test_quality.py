"""Quality of the keys (rules of this harness; the standard asks for nothing): judged over all keys of the campaign."""

from __future__ import annotations

from typing import Final

from conformance.etsi014 import limits
from conformance.etsi014.ledger import KeyLedger
from conformance.etsi014.pair import Pair
from conformance.quality import LEAST_BITS, Property, Sample, judge, power, shortage
from harness.campaign.case import case
from harness.campaign.check import Check, Inconclusive
from harness.campaign.ics import Ics

_TOP_UP: Final = 24
_GOOD_BITS: Final = 21_000  # a Mersenne Twister shows after 19 968
_LARGE: Final = 1024
_REQUIREMENTS: Final = {
    Property.BALANCED: ("KEYS014-1", "bits as balanced as those of random keys"),
    Property.RUNS: ("KEYS014-2", "runs of equal bits as those of random keys"),
    Property.PATTERNS: ("KEYS014-3", "bit patterns and octets spread as in random keys"),
    Property.NOT_REPEATED: ("KEYS014-4", "keys that do not repeat themselves"),
    Property.INDEPENDENT: ("KEYS014-5", "keys independent of each other and of their IDs"),
    Property.NOT_COMPUTABLE: ("KEYS014-6", "keys that do not follow from what is public or from earlier keys"),
}


def _size(ics: Ics) -> int:
    """The size to draw, bits: large, where that can be had, so that few keys say much."""
    return max(8, max(limits.key_size(ics), min(_LARGE, limits.largest(ics))) // 8 * 8)


def _top_up(ics: Ics) -> int:
    """Keys that are enough by themselves, even where they are short."""
    return max(_TOP_UP, -(-LEAST_BITS // _size(ics)))


@case("014.quality.keys", *(name for name, _ in _REQUIREMENTS.values()), draws=_top_up, last=True)
def test_the_keys_look_random(pair: Pair, ledger: KeyLedger, check: Check) -> None:
    """No test tells the keys that the campaign saw from random ones, with less than one false alarm in a million."""
    _draw_more(pair, ledger)
    sample = Sample(ledger.specimens())
    check.observe(power(sample))
    short = shortage(sample)
    reached = pair.bench.campaign.reached
    names = [sae.id for sae in reached.saes] + [kme.id for kme in reached.kmes]
    judgements = judge(sample, names)
    for about, judgement in judgements.items():
        requirement, expected = _REQUIREMENTS[about]
        if judgement.odd or not short:
            check(requirement, not judgement.odd, expected=expected, got=judgement.describe())
    # What was found in few keys stands; that nothing was found in them says nothing.
    check.require(not short, f"too few keys for a judgement of their quality: {short}")


def _draw_more(pair: Pair, ledger: KeyLedger) -> None:
    """Draw what a good sample lacks, one key after the other, as far as there are keys to be had."""
    size = _size(pair.ics)
    for _ in range(_top_up(pair.ics)):
        sample = Sample(ledger.specimens())
        if sample.bits >= _GOOD_BITS and not shortage(sample):
            return
        try:
            pair.draw_one(size=size)
        except Inconclusive:
            if size == limits.key_size(pair.ics):
                return
            size = limits.key_size(pair.ics)
