"""Everything that can be wrong with a topology file is said at its exact place, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.topology import FileError, ScenarioError, load, parsed
from harness.topology.scenario import Scenario

from .conftest import GOOD

ABC = '"abc/free", path = ["ab", "bc"], transmitter = "a/free-tx", receiver = "c/free-rx", channel = "C-38"'
SECOND = '"abc/free", path = ["bc"], transmitter = "b/free-tx", receiver = "c/free-rx", channel = "O", active = true'
SOLD = '"abc/free", path = ["bc"], transmitter = "b/fixed-2", receiver = "c/fixed-1", channel = "C-38"'

# what is replaced in the good file; by what; the line and the text at which the one problem is said to be; its words
CASES = [
    # shape
    ("length_km = 10.0", "lenght_km = 10.0", (10, "lenght_km"), "unknown member 'lenght_km'", "mean 'length_km'?"),
    ("loss_c_db = 4.0", 'loss_c_db = "4"', (10, '"4"'), "'loss_c_db' is text, a number is wanted"),
    ("loss_c_db = 4.0", "loss_c_db = 0", (10, "0,"), "'loss_c_db' is 0, more than 0"),
    (', channel = "O"', "", (31, '{ id = "bc/fixed"'), "'channel' is missing in entry 2 of system", 'channel = "C-37"'),
    ('combining = "all"', 'combining = "al"', (11, '"al"'), "'combining' is 'al'", "did you mean 'all'?"),
    ('["b", "c"]', '["b"]', (11, '["b"]'), "'ends'"),
    # names
    ('["b", "c"], length', '["b", "d"], length', (11, '"d"'), "no site 'd'", "there is a, b and c"),
    ('["b", "c"], length', '["b", "b"], length', (11, '["b", "b"]'), "both ends are 'b'"),
    ('domain = "south"', 'domain = "souht"', (7, '"souht"'), "no domain 'souht'", "did you mean 'south'?"),
    (', domain = "south"', "", (7, '{ id = "c"'), "the site 'c' belongs to no domain", "production = false"),
    ('path = ["ab"]', 'path = ["abb"]', (30, '"abb"'), "no link 'abb'", "did you mean 'ab'?"),
    ('"b/free-rx", channel', '"b/fre-rx", channel', (30, '"b/fre-rx"'), "no module 'b/fre-rx'", "mean 'b/free-rx'?"),
    ('"a/free-tx", maker = "free"', '"a/free-tx", maker = "fre"', (19, '"fre"'), "no maker 'fre'", "mean 'free'?"),
    ('{ id = "b/fixed-2"', '{ id = "q/fixed-2"', (24, '"q/fixed-2"'), "no site 'q'"),
    ('{ id = "b/fixed-2"', '{ id = "bfixed-2"', (24, '"bfixed-2"'), "'bfixed-2' cannot be the id of a module"),
    ('{ id = "b/fixed-2"', '{ id = "b/fixed-1"', (24, '"b/fixed-1"'), "'b/fixed-1' stands twice (first on line 22)"),
    ('site = "b" }]', 'site = "b" }, { id = "b/switch", site = "c" }]', (35, '"b/switch", site = "c"'), "stands twice"),
    ('"bc/fixed", path', '"ab/free", path', (31, '"ab/free"'), "the system 'ab/free' stands twice (first on line 30)"),
    ('id = "b", domain', 'id = "b", kme = "kme-a", domain', (6, '"kme-a"'), "the KME ID 'kme-a' stands twice"),
    ('id = "b", domain', 'id = "b", sae = ["sae-a"], domain', (6, '"sae-a"'), "the SAE ID 'sae-a' stands twice"),
    ('id = "b", domain', 'id = "b", kind = "relay", sae = ["s"], domain', (6, '["s"]'), "a relay has no applications"),
    ('id = "b", domain', 'id = "b", sae = [], domain', (6, "[]"), "the site 'b' has no SAE ID"),
    ('channel = "C-37"', 'channel = "37"', (30, '"37"'), "'37' is no channel", '"C-37"'),
    ('"C-21"', '"C21"', (10, '"C21"'), "'C21' is no channel"),
    ('site = "b" }]', 'site = "b", ports = ["ab", "a/free-tx"] }]', (35, '"a/free-tx"'), "no link or module at b"),
    ('sites = ["a", "c"]', 'sites = ["a", "d"]', (36, '"d"'), "no site with an SAE ID 'd'"),
    # light
    (", border = true", "", (11, '["b", "c"]'), "'bc' joins 'north' and 'south'", "say border = true"),
    ('"C-22"] }', '"C-22"], border = true }', (10, "true"), "'ab' is no border"),
    ('receiver = "b/free-rx"', 'receiver = "a/free-tx"', (30, '"a/free-tx", channel'), "is a transmitter, a receiver"),
    ('er = "b/fixed-1"', 'er = "c/fixed-1"', (31, '"c/fixed-1", rec'), "is a receiver, a transmitter is wanted"),
    ('receiver = "b/free-rx"', 'receiver = "c/fixed-1"', (30, '"a/free-tx"'), "is of 'free', 'c/fixed-1' of 'fixed'"),
    ('other_transmitter = "c/mdi-1", ', "", (33, '{ id = "ac/mdi"'), "mdi takes two transmitters and a hub"),
    ('path = ["ab", "bc"], transmitter = "a/free', 'path = ["bc", "ab"], transmitter = "a/free', (32, '"bc", "ab"'),
     "the path is broken: 'bc' does not touch 'a'", "links at 'a': ab"),
    ('path = ["ab", "bc"], transmitter = "a/free', 'path = ["ab"], transmitter = "a/free', (32, '["ab"]'),
     "the path ends at 'b', and the key is wanted at 'c'"),
    ('path = ["ab"]', 'path = ["ab", "ab"]', (30, '"ab"], trans'), "the path comes back to 'a'"),
    ('switch = [{ id = "b/switch", site = "b" }]', "", (32, '"bc"], transmitter = "a/free'),
     "nothing at 'b' hands light on from 'ab' to 'bc'", "add a switch there"),
    ('channel = "C-37"', 'channel = "C-22"', (30, '"C-22"'), "C-22 carries classical traffic on 'ab'", "such as C-37"),
    (ABC, SECOND, (32, '"O", active'), "O is taken on every fibre of 'bc' from 'b' to 'c', by bc/fixed", "C-37"),
    (ABC, SOLD, (32, '{ id = "abc'), "'c/fixed-1' was sold with the other end of 'bc/fixed'", 'pairing = "free"'),
    ('channel = "C-38"', 'channel = "C-38", active = true', (32, "true"),
     "'a/free-tx' is at work in 'ab/free' already"),
    ('"c/free-rx", channel = "C-38"', '"b/free-rx", receiver_at = "c", channel = "C-38", active = true',
     (32, '"c", channel'), "an active system has its modules where their ids say"),
    ('"bc/fixed", path = ["bc"], transmitter = "b/fixed-1", receiver = "c/fixed-1", channel = "O", active = true',
     '"bc/fixed", path = ["bc"], transmitter = "b/fixed-1", receiver = "c/fixed-1", channel = "O"', (7, '"c"'),
     "'c' shares no key with the rest: no active system ends there", "make one active: abc/free, ac/mdi and bc/fixed"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case[3]}"[:60] for case in CASES])
def test_one_mistake_is_one_problem_at_its_place(case: tuple[str, str, tuple[int, str], *tuple[str, ...]]) -> None:
    old, new, (line, at), *words = case
    assert GOOD.count(old) == 1, old
    text = GOOD.replace(old, new)
    with pytest.raises(FileError) as wrong:
        parsed(text, "small.toml")
    [problem] = wrong.value.problems
    assert problem.place.line == line, problem
    assert text.split("\n")[line - 1][problem.place.column - 1 :].startswith(at), problem
    assert not [word for word in words if word not in str(problem)], problem
    assert str(problem).startswith(f"small.toml:{line}:")
    assert problem.suggestion or problem.todo, problem


def test_the_good_one_is_good() -> None:
    assert parsed(GOOD).name == "small"


def test_a_second_fibre_pair_carries_the_channel_once_more() -> None:
    text = GOOD.replace(ABC, SECOND).replace("loss_c_db = 2.0", "loss_c_db = 2.0, fibre_pairs = 2")
    assert len(parsed(text).systems_between("b", "c")) == 2


def test_light_the_other_way_is_on_the_other_fibre() -> None:
    back = SECOND.replace("b/free-tx", "c/free-tx").replace("c/free-rx", "b/free-rx")
    text = GOOD.replace('"b/free-tx"', '"c/free-tx"').replace(ABC, back)
    text = text.replace('channel = "C-37", active = true', 'channel = "C-37"')
    with pytest.raises(FileError, match="'a' shares no key with the rest") as wrong:
        parsed(text)  # only what was switched off is missed; the channel is free
    assert len(wrong.value.problems) == 1


def test_several_mistakes_are_told_at_once_and_in_order() -> None:
    text = GOOD.replace('path = ["ab"]', 'path = ["abb"]').replace('site = "b" }]', 'site = "bb" }]')
    with pytest.raises(FileError) as wrong:
        parsed(text)
    assert [problem.place.line for problem in wrong.value.problems] == [30, 35]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("madqic", "no scenario 'madqic'; did you mean 'madqci'?"),
        ("madqci:3", "takes no arguments"),
        ("euroqci-synthetic:3", "takes NODES,DOMAINS or NODES,DOMAINS,SEED"),
        ("euroqci-synthetic:3,4", "not 3 nodes in 4 domains"),
        ("euroqci-synthetic:many,4", "not 'many,4'"),
    ],
)
def test_a_scenario_that_is_not_there_is_told_with_what_is(name: str, words: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        load(name)
    assert words in str(wrong.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.toml:1:1: cannot be read: no such file"):
        load(tmp_path / "none.toml")


def test_a_scenario_without_a_network_is_told() -> None:
    with pytest.raises(ScenarioError, match="neither a file nor a maker"):
        Scenario("empty").text("")
