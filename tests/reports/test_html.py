"""The page: complete, self-contained, safe against what it shows, and never green without a pass."""

import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from harness.record import views
from qkd.run.v1 import run_record_pb2 as pb
from reports.html.evidence import PASSED_LIMIT, anchor
from reports.html.page import render, seconds, segments
from tests.reports import records

VOID = {"meta", "br", "input", "rect", "link", "img", "base"}


class Page(HTMLParser):
    """What a browser would find: elements, ids, links, texts by the row or element with an id that holds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self.within: dict[str, str] = {}
        self.classes: dict[str, set[str]] = {}
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag, _ in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        name = ""
        for key, value in attrs:
            self.attributes.append((tag, key, value or ""))
            if key == "id":
                name = value or ""
                self.ids.append(name)
            for _, holder in self.open:
                if key == "class" and holder:
                    self.classes.setdefault(holder, set()).add(value or "")
        if tag not in VOID:
            self.open.append((tag, name))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for _, name in self.open:
            if name:
                self.within[name] = self.within.get(name, "") + data

    def values(self, key: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == key]


everything = pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)


@everything
def test_the_page_is_well_formed_and_every_link_leads_somewhere_in_it(make: records.Make) -> None:
    page = Page(render(make()))
    assert page.problems == []
    assert [name for name, number in Counter(page.ids).items() if number > 1] == []
    assert {link.removeprefix("#") for link in page.values("href")} <= set(page.ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in page.ids)


@everything
def test_nothing_is_loaded_from_anywhere_and_nothing_of_a_stranger_runs(make: records.Make) -> None:
    page = Page(render(make()))
    assert page.tags["script"] == page.tags["style"] == page.tags["title"] == 1
    assert not [
        page.tags[tag] for tag in ("link", "iframe", "object", "embed", "base", "form", "video") if page.tags[tag]
    ]
    assert page.values("style") == page.values("action") == []
    # a map is an image and nothing else, and lies in the page itself
    assert page.tags["img"] == len(page.values("src")) <= 1
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.values("src"))
    assert all(link.startswith("#") for link in page.values("href"))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    [policy] = [value for tag, name, value in page.attributes if name == "content" and "default-src" in value]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["style.css", "filter.js"])
def test_style_and_script_name_no_address(name: str) -> None:
    text = files("reports.html").joinpath("templates", name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)|fetch|XMLHttp|eval|innerHTML|</", text.replace("// ", ""))


@pytest.mark.parametrize("make", [records.realistic, records.every_value], ids=lambda make: make.__name__)
def test_every_case_and_requirement_stands_in_its_table(make: records.Make) -> None:
    record, page = make(), Page(render(make()))
    for case in record.cases:
        assert case.id in page.within[anchor("row", case.suite, case.id)]
        assert (anchor("case", case.suite, case.id) in page.ids) or not (views.ran(case) or case.findings)
    for entry in record.requirements:
        assert entry.text in page.within[anchor("req", entry.suite, entry.id)]


@everything
def test_what_did_not_run_is_never_green(make: records.Make) -> None:
    record, page = make(), Page(render(make()))
    for case in record.cases:
        looks = page.classes[anchor("row", case.suite, case.id)]
        assert ("badge pass" in looks) == (case.verdict == pb.VERDICT_PASS)
    for entry in record.requirements:
        looks = page.classes[anchor("req", entry.suite, entry.id)]
        assert ("badge pass" in looks) == (entry.outcome == pb.REQUIREMENT_OUTCOME_MET)
    green = any(value.startswith("banner pass") for value in page.values("class"))
    assert green == (views.exit_code(record) == views.CONFORMANT)


def test_a_failure_says_what_is_needed_to_mend_it() -> None:
    told = Page(render(records.realistic())).within[anchor("broken", "etsi014", "ETSI014-5.4-R2")]
    for part in (
        "clause 5.4 · shall · confirmed",
        "Answers 401 when the caller was not among the SAEs",
        "A SAE not named when the key was taken gets 401",
        "401 and no key",
        "200, 1 key (256 bit)",
        "POST https://127.0.0.1:9443/api/v1/keys/sae-1/dec_keys",
        "as sae-3",
        "(redacted, hmac-sha256:",
        "qkd-harness certify acme.toml --select 014.fetch.foreign-sae",
    ):
        assert part in told


def test_the_result_comes_first_and_the_reader_is_told_what_it_does_not_say() -> None:
    record = records.realistic()
    page = Page(render(record))
    assert "NOT CONFORMANT" in page.within["result"]
    assert views.meaning(record) in page.within["result"]
    places = [page.ids.index(name) for name in ("result", "limits", "failures", "warnings", "requirements")]
    assert places == sorted(places)
    assert "1 case was switched off; what it looks at is unknown (not given in the target: third)." in render(record)


@pytest.mark.parametrize(
    "part",
    [
        "ACME Quantum", "1.2.3", "attach (it was already running)", "2026-11-20 14:03:22 UTC", "9c" * 32, "4b" * 32,
        "198 of 400 allowed", "61 more", "2.4 s", "needs 64 keys, 12 of key_budget = 400 were left", "contradicted",
        "max_SAE_ID_count = 0", "discovered", "assumed", "kme[0].url", "(redacted)", "stale", "waited (at most 60 s)",
        "the Error object of the refusal has no `details`", "503 &#39;too many&#39;", "a property of the whole network",
        "tls: alert certificate unknown", "cryptography",
    ],
)  # fmt: skip
def test_what_the_record_knows_stands_on_the_page(part: str) -> None:
    assert part in render(records.realistic())


def test_a_case_that_the_budget_cut_short_shows_what_it_saw() -> None:
    record = records.realistic()
    case = next(case for case in record.cases if case.id == "014.fetch.master-own-key")
    case.verdict, case.selection = pb.VERDICT_UNSPECIFIED, pb.SELECTION_NOT_REACHED
    case.selection_reason = "key_budget = 400 is used up"
    records.finish(record)
    page = Page(render(record))
    told = page.within[anchor("case", "etsi014", case.id)]
    assert "Cut short: key_budget = 400 is used up" in told
    assert "200, 1 key (256 bit)" in told
    assert "badge pass" not in page.classes[anchor("row", "etsi014", case.id)]


def test_an_exchange_that_decided_is_shown_however_late_it_came() -> None:
    record = records.realistic()
    case = next(case for case in record.cases if case.id == "014.fetch.master-own-key")
    case.exchanges.extend([case.exchanges[0]] * (PASSED_LIMIT + 20))
    case.exchanges[-1].request = "GET the-last-one"
    case.findings[0].exchange = len(case.exchanges) - 1
    told = Page(render(record)).within[anchor("case", "etsi014", case.id)]
    assert "GET the-last-one" in told
    assert f"{len(case.exchanges) - PASSED_LIMIT - 1} exchanges more in the run record" in told


def test_deceptive_characters_are_made_visible() -> None:
    text = render(records.hostile())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\ufffe\uffff]", text)
    assert "\\u202egnp.exe" in text
    assert "مفتاح שלום 鍵 🔑👩‍🚀 ñ é" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text


def test_anchors_differ_when_names_do() -> None:
    names = ["a.b", "a_b", "a@b", "a_40_b", "a b", "A.b", "é", "x" * 300, "x" * 301]
    assert len({anchor("case", "s", name) for name in names}) == len(names)


@pytest.mark.parametrize(("duration", "text"), [(0.0042, "4 ms"), (14.2, "14.2 s"), (200.4, "3 min 20 s")])
def test_durations_are_told_in_the_unit_that_people_use(duration: float, text: str) -> None:
    assert seconds(duration) == text


def test_the_bar_is_full_and_one_failure_in_thousands_is_seen() -> None:
    record = pb.RunRecord(cases=[pb.Case(verdict=pb.VERDICT_PASS)] * 3000 + [pb.Case(verdict=pb.VERDICT_FAIL)])
    parts = segments(record)
    assert [part.word for part in parts] == ["fail", "pass"]
    assert parts[0].width > 1
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.01)


def test_two_thousand_cases_with_five_exchanges_each() -> None:
    assert len(render(records.huge())) < 8_000_000


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_in_both_themes(theme: int) -> None:
    """Contrast of at least 4.5 : 1 (WCAG 2, 1.4.3) for every pair that the style sheet puts together."""
    style = files("reports.html").joinpath("templates", "style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", style.split(":root {")[theme + 1].split("}")[0]))
    looks = ("pass", "fail", "warn", "open", "fault", "idle")
    pairs = [(look, ground) for look in looks for ground in (f"{look}-tint", "surface")]
    pairs += [(text, ground) for text in ("ink", "soft", "link") for ground in ("ground", "surface", "well")]
    for text, ground in pairs:
        high, low = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
