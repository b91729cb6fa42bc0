"""Extension parameters of a Key request (6.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.etsi014 import limits
from conformance.etsi014.messages import M2, M3, M4, quoted, says
from conformance.etsi014.pair import Pair, same_keys, told
from conformance.etsi014.served import served
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.campaign.ics import Ics

BOTH = ("https", "grpc")
# Names that no KME supports: the vendor prefix is the harness's own.
UNKNOWN = "qkdh_7f3a_unheard_of"
ALSO_UNKNOWN = "qkdh_91c4_nor_this"


def _claims(name: str, ics: Ics) -> str:
    return "" if limits.extension(ics, name) else f"{name} is not claimed"


def _supported(ics: Ics) -> str:
    return _claims("supported_mandatory_extension", ics)


def _unmet(ics: Ics) -> str:
    return _claims("unmet_mandatory_extension", ics)


def _unsupported_lists(ics: Ics) -> dict[str, list[Mapping[str, object]]]:
    """Lists of mandatory parameters of which at least one is unsupported, by what is special about them."""
    lists: dict[str, list[Mapping[str, object]]] = {
        "one unknown parameter": [{UNKNOWN: "x"}],
        "two objects": [{UNKNOWN: "x"}, {ALSO_UNKNOWN: "y"}],
        "two pairs in one object": [{UNKNOWN: "x", ALSO_UNKNOWN: "y"}],
        "a number as value": [{UNKNOWN: 7}],
        "an object as value": [{UNKNOWN: {"deep": [True, None]}}],
        "null as value": [{UNKNOWN: None}],
    }
    supported = limits.extension(ics, "supported_mandatory_extension")
    if supported:
        lists["a supported one, then an unknown one"] = [supported, {UNKNOWN: "x"}]
        lists["a supported and an unknown one in one object"] = [{**supported, UNKNOWN: "x"}]
    return lists


@case(
    "014.extension.mandatory-unknown",
    "ETSI014-6.2-R10", "ETSI014-6.2-R11",
    draws=1, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_an_unknown_mandatory_parameter(pair: Pair, check: Check) -> None:
    """A request with an unsupported mandatory parameter, alone or among others, gets M2 and no key."""
    for what, mandatory in _unsupported_lists(pair.ics).items():
        if not _get_m2(pair, check, what, mandatory):
            break
    else:
        both = "an unknown mandatory and an unknown optional one"
        _get_m2(pair, check, both, [{UNKNOWN: "x"}], [{ALSO_UNKNOWN: "y"}])
        # An object without a pair is odd in itself, so nothing is said of how this one is refused.
        after_empty = pair.master.get_key(pair.slave.id, number=1, extension_mandatory=[{}, {UNKNOWN: "x"}])
        expected = "no key: extension_mandatory has an empty object, then an unknown parameter"
        check("ETSI014-6.2-R10", not after_empty.keys, expected=expected, got=after_empty)
    twin = pair.take(number=1)
    check.require(twin.ok, f"the same request without extensions is not served either: {twin.describe()}")
    for requirement in check.unsettled:
        check.not_judged(requirement, "the request was served")


def _get_m2(
    pair: Pair,
    check: Check,
    what: str,
    mandatory: Sequence[Mapping[str, object]],
    optional: Sequence[Mapping[str, object]] | None = None,
) -> bool:
    answer = pair.master.get_key(pair.slave.id, number=1, extension_mandatory=mandatory, extension_optional=optional)
    if check("ETSI014-6.2-R10", not answer.keys, expected=f"no key: extension_mandatory has {what}", got=answer):
        check("ETSI014-6.2-R11", says(answer, M2), expected=f"{quoted(M2)}: {what}", got=answer)
        return True
    return False


@case("014.extension.mandatory-unmet", "ETSI014-6.2-R12", draws=1, at_risk=1, bindings=BOTH, applies=_unmet)
def test_a_mandatory_parameter_that_cannot_be_met(pair: Pair, check: Check) -> None:
    """A supported mandatory parameter with a value that cannot be met (as claimed) gets M3 and no key."""
    unmet = limits.extension(pair.ics, "unmet_mandatory_extension")
    answer = pair.master.get_key(pair.slave.id, number=1, extension_mandatory=[unmet])
    check("ETSI014-6.2-R12", says(answer, M3), expected=f"{quoted(M3)} (claimed in the ICS)", got=answer)
    twin = pair.take(number=1)
    check.require(twin.ok, f"the same request without extensions is not served either: {twin.describe()}")


@case("014.extension.mandatory-met", "ETSI014-6.2-R13", draws=1, at_risk=1, bindings=BOTH, applies=_supported)
def test_a_mandatory_parameter_that_is_supported(pair: Pair, check: Check) -> None:
    """A mandatory parameter that is supported and can be met (as claimed) is served, the same at both ends."""
    supported = limits.extension(pair.ics, "supported_mandatory_extension")
    answer = pair.take(extension_mandatory=[supported])
    served(check, "ETSI014-6.2-R13", pair, answer)
    if answer.ok:
        fetched = pair.fetch(answer.keys)
        same = same_keys(fetched, answer.keys)
        check("ETSI014-6.2-R13", same, expected="200, the key", got=told(fetched, answer.keys))


@case(
    "014.extension.optional",
    "ETSI014-6.2-R14", "ETSI014-6.2-R15", "ETSI014-6.2-R17",
    draws=2, at_risk=1, bindings=BOTH,
)  # fmt: skip
def test_an_unknown_optional_parameter(pair: Pair, check: Check) -> None:
    """An unknown optional parameter, whatever the type of its value, is ignored, or refused with M4."""
    told_m4 = []
    for requirement, what, optional in (
        ("ETSI014-6.2-R14", "an unknown parameter", [{UNKNOWN: "x"}]),
        (
            "ETSI014-6.2-R17",
            "unknown parameters with values of every JSON type",
            [{UNKNOWN: 1.5, ALSO_UNKNOWN: None}, {"qkdh_t": [True, {"deep": []}], "qkdh_u": {"a": "b"}}],
        ),
    ):
        answer = pair.take(number=1, extension_optional=optional)
        if says(answer, M4):
            told_m4.append(what)
        if not answer.ok and not says(answer, M4) and pair.lacks(answer, 1):
            check.require(False, f"refused, perhaps for want of keys: {answer.describe()}")
        held = (answer.ok and len(answer.keys) == 1) or says(answer, M4)
        check(requirement, held, expected=f"200, 1 key, or {quoted(M4)}: {what}", got=answer)
    # Either is lawful; which one it was is worth knowing.
    check("ETSI014-6.2-R15", True, expected="either", got="refused with M4" if told_m4 else "ignored")


@case("014.extension.empty-lists", "ETSI014-6.2-R18", draws=1, at_risk=1)
def test_empty_lists(pair: Pair, check: Check) -> None:
    """Empty lists of additional SAEs and of extensions are taken as absent ones: one key is served."""
    answer = pair.take(additional=[], extension_mandatory=[], extension_optional=[])
    served(check, "ETSI014-6.2-R18", pair, answer)
