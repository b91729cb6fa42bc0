"""Framing, XML and subtree filters by themselves."""

from __future__ import annotations

import pytest
from lxml import etree

from vendors.reference.agent.netconf.filters import filtered
from vendors.reference.agent.netconf.framing import Framer, FramingError, framed
from vendors.reference.agent.netconf.markup import MalformedError, parsed


def messages(framer: Framer, octets: bytes, *, at_once: bool) -> list[bytes]:
    found = []
    for part in [octets] if at_once else [octets[index : index + 1] for index in range(len(octets))]:
        framer.feed(part)
        while (one := framer.next()) is not None:
            found.append(one)
    return found


@pytest.mark.parametrize("at_once", [True, False])
def test_messages_come_out_as_they_went_in_however_they_are_cut(*, at_once: bool) -> None:
    sent = [b"<a>]]>]]</a>", b"<b/>"]
    for chunked in (False, True):
        framer = Framer(100)
        framer.chunked = chunked
        assert messages(framer, b"".join(framed(one, chunked=chunked) for one in sent), at_once=at_once) == sent
    framer = Framer(12)
    framer.chunked = True
    assert messages(framer, b"\n#4\n<a>\n\n#2\n##\n#6\n\n</a>\n\n##\n", at_once=at_once) == [b"<a>\n##\n</a>\n"]


@pytest.mark.parametrize(
    "octets",
    [b"#1\na", b"\n#0\n", b"\n#01\na", b"\n#-1\na", b"\n#x\n", b"\n##\n", b"\n#4294967296\n", b"\n#1\nab",
     b"\n#3\n<a>x", b"\n#99999999999\n", b"\n#1 \na", b"<rpc/>]]>]]>", b"\n#60\n" + b"a" * 60 + b"\n#60\n"],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_chunk_is_told(octets: bytes, *, at_once: bool) -> None:
    framer = Framer(100)
    framer.chunked = True
    with pytest.raises(FramingError):
        messages(framer, octets, at_once=at_once)


def test_a_message_that_never_ends_is_told() -> None:
    framer = Framer(100)
    assert messages(framer, b"a" * 100 + b"]]>]]>", at_once=False) == [b"a" * 100]
    with pytest.raises(FramingError, match="longer than 100"):
        messages(framer, b"a" * 106, at_once=False)


@pytest.mark.parametrize(
    "message",
    [b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
     b'<?xml version="1.0"?><!-- > --><?p <!--?>\n<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
     b'<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a b="&y;"/>',
     b"<a>&x;</a>", b"<a>", b"", b"<a/><b/>", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<a>\xe4</a>", b"<a>\x00</a>",
     b"<a>" * 300 + b"</a>" * 300],
)  # fmt: skip
def test_what_is_no_harmless_xml_is_refused(message: bytes) -> None:
    with pytest.raises(MalformedError):
        parsed(message)


def test_what_only_looks_like_a_document_type_is_read() -> None:
    root = parsed(b'\n<?xml version="1.0" encoding="latin-1"?><!--c--><a>\xc3\xa4<![CDATA[<!DOCTYPE a>]]><!--c--></a>')
    assert (root.tag, root.text, len(root)) == ("a", "ä<!DOCTYPE a>", 0)


DATA = (
    '<top xmlns="urn:n"><who>me</who>'
    '<list><id>1</id><kind xmlns:p="urn:k">p:A</kind><deep><x>1</x></deep></list>'
    '<list><id>2</id><kind xmlns:p="urn:k">p:B</kind><deep><x>2</x><x>3</x></deep></list></top>'
)


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("", ""),
        ('<top xmlns="urn:n"/>', "me 1 p:A 1 2 p:B 2 3"),
        ("<top/>", "me 1 p:A 1 2 p:B 2 3"),
        ('<top xmlns="urn:other"/>', ""),
        ('<top xmlns="urn:n"><who/></top>', "me"),
        ('<top xmlns="urn:n"><who>you</who></top>', ""),
        ('<top xmlns="urn:n"><who>me</who><list><deep/></list></top>', "me 1 1 2 2 3"),
        ('<top xmlns="urn:n"><list><id>2</id></list></top>', "2 p:B 2 3"),
        ('<top xmlns="urn:n"><list><id> 2 </id><kind/></list></top>', "2 p:B"),
        ('<top xmlns="urn:n"><list><id>2</id><kind/></list><list><id>1</id><deep/></list></top>', "1 1 2 p:B"),
        ('<top xmlns="urn:n"><list><kind xmlns:q="urn:k">q:A</kind></list></top>', "1 p:A 1"),
        ('<top xmlns="urn:n"><list><kind xmlns:p="urn:other">p:A</kind></list></top>', ""),
        ('<top xmlns="urn:n"><list><deep><x>2</x><x>3</x></deep></list></top>', "2 2 3"),
        ('<top xmlns="urn:n"><list><id/></list></top>', "1 2"),
        ('<top xmlns="urn:n"><list><nothing/></list></top>', ""),
        ('<top xmlns="urn:n" a="1"/>', ""),
    ],
)
def test_a_subtree_filter_shows_what_it_names(chosen: str, shown: str) -> None:
    keys = {"{urn:n}list": frozenset({"id"})}
    found = filtered(parsed(f"<filter>{chosen}</filter>".encode()), [etree.fromstring(DATA)], keys)
    assert " ".join(str(text) for top in found for text in top.itertext()) == shown
