"""What the two validators say of what an agent serves, under both readings of the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.yang import Model, Profile, load_model
from harness.yang.second import SecondOpinion, opinions


@dataclass(frozen=True)
class Opinion:
    """The outcome for one tree.

    Attributes:
        valid: under either profile; None = the validators differ under a profile that would decide.
        profile: "published", or "erratum" when it is valid under that alone; "" = neither.
        problem: what the first validator finds under the erratum; "" = nothing.
        differ: the profiles under which the validators do not say the same, with what they say.
    """

    valid: bool | None
    profile: str
    problem: str
    differ: tuple[str, ...]


@cache
def engines(profile: Profile) -> tuple[Model, SecondOpinion]:
    """Both validators for a profile, loaded once a process."""
    return load_model(profile), SecondOpinion(profile)


def opinion(tree: object) -> Opinion:
    """Judges a datastore: an object with `etsi-qkd-sdn-node:qkd_node`.

    A peer's data count as valid under either profile: the published model has a defect that is not the peer's.
    """
    differ: list[str] = []
    problem, undecided = "", False
    for profile in (Profile.PUBLISHED, Profile.ERRATUM):
        found = opinions(*engines(profile), tree)
        if found.valid:
            return Opinion(True, profile.value, "", tuple(differ))
        problem = str((*found.first, *found.second)[0])
        if found.valid is None:
            undecided = True
            sides = ["; ".join(map(str, side)) or "valid" for side in (found.first, found.second)]
            differ.append(f"{profile.value}: yangson says {sides[0][:200]}; libyang says {sides[1][:200]}")
    return Opinion(None if undecided else False, "", problem, tuple(differ))


def notification(name: str, content: object) -> str:
    """What is wrong with a notification under both profiles; "" = it is valid under one of them."""
    problems: list[str] = []
    for profile in (Profile.PUBLISHED, Profile.ERRATUM):
        found = engines(profile)[0].notification(name, content)
        if not found:
            return ""
        problems = [str(one) for one in found]
    return problems[0]
