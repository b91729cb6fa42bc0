"""Modules as KMEs of ETSI GS QKD 014, over real TLS."""

from __future__ import annotations

import asyncio
import ssl
import uuid

import aiohttp
import pytest

from harness.pki import Authority
from tests.vendors.emulation.handover.bench014 import (
    AUTHORITY,
    BLOCK_OCTETS,
    Caller,
    block_id,
    client_context,
    in_loop,
    octets,
    raised,
)


@in_loop
async def test_both_ends_get_equal_keys_in_order_and_once() -> None:
    async with raised() as bench:
        master, slave = bench.kms("kme-a"), bench.kms("kme-b")
        taken = (await master.enc("kme-b", number=3)).keys
        assert taken == {str(uuid.UUID(bytes=block_id(index))): octets(index) for index in range(3)}
        fetched = (await slave.dec("kme-a", *reversed(taken))).keys
        assert fetched == taken
        assert list(fetched) == list(reversed(taken))  # in the order asked for
        again = await slave.dec("kme-a", *taken)
        assert (again.status, again.message) == (400, "one or more keys specified are not found on KME")
        by_get = (await master.call("GET", f"kme-b/enc_keys?number=1&size={BLOCK_OCTETS * 8}")).keys
        (key_id,) = by_get
        assert by_get[key_id] == octets(3)
        assert (await slave.call("GET", f"kme-a/dec_keys?key_ID={key_id.upper()}")).keys == by_get
        assert [bench.sources[end].handed_over for end in ("kme-a", "kme-b")] == [4, 4]


@in_loop
async def test_concurrent_requests_share_no_key() -> None:
    async with raised(blocks=40) as bench:
        master, slave = bench.kms("kme-a"), bench.kms("kme-b")
        answers = await asyncio.gather(*(master.enc("kme-b", number=3) for _ in range(20)))
        served = [answer.keys for answer in answers if answer.status == 200]
        assert len(served) == 13  # 39 of 40; the rest is told that there are too few
        assert {answer.status for answer in answers} == {200, 503}
        assert len({key_id for keys in served for key_id in keys}) == 39
        fetches = await asyncio.gather(*(slave.dec("kme-a", *served[0]) for _ in range(8)))
        assert sorted(answer.status for answer in fetches) == [200] + [400] * 7


@in_loop
async def test_a_request_with_one_unknown_key_takes_none() -> None:
    async with raised() as bench:
        (key_id,) = (await bench.kms("kme-a").enc("kme-b")).keys
        slave = bench.kms("kme-b")
        assert (await slave.dec("kme-a", key_id, str(uuid.uuid4()))).status == 400
        assert (await slave.dec("kme-a", key_id)).status == 200


@in_loop
async def test_too_few_keys_is_503_and_takes_none() -> None:
    async with raised(blocks=2) as bench:
        master = bench.kms("kme-a")
        refused = await master.enc("kme-b", number=3)
        assert (refused.status, refused.message) == (503, "not enough keys are available")
        assert len((await master.enc("kme-b", number=2)).keys) == 2


@in_loop
async def test_status_states_what_is_served() -> None:
    async with raised() as bench:
        await bench.kms("kme-a").enc("kme-b")
        status = await bench.kms("kme-a").call("GET", "kme-b/status")
        assert status.json == {
            "source_KME_ID": "a/idq-1",
            "target_KME_ID": "b/idq-1",
            "master_SAE_ID": "kme-a",
            "slave_SAE_ID": "kme-b",
            "key_size": BLOCK_OCTETS * 8,
            "stored_key_count": 7,
            "max_key_count": 100_000,
            "max_key_per_request": 128,
            "max_key_size": BLOCK_OCTETS * 8,
            "min_key_size": BLOCK_OCTETS * 8,
            "max_SAE_ID_count": 0,
        }


@in_loop
async def test_only_the_kms_of_the_site_is_served() -> None:
    async with raised() as bench:
        valid = bench.kms("kme-a")
        assert (await valid.call("GET", "kme-b/status")).status == 200
        for name in ("kme-b", "kme-c"):  # trusted certificates, but of others
            other = bench.kms("kme-a", AUTHORITY.issue_kme(name))
            for answer in (await other.enc("kme-b"), await other.call("GET", "kme-b/status")):
                assert (answer.status, answer.body) == (401, b"")
        for certificate in (None, Authority().issue_kme("kme-a")):  # none, and one of a foreign CA
            caller = Caller(valid.base, bench.session, client_context(certificate))
            with pytest.raises(aiohttp.ClientError):
                await caller.enc("kme-b")
        assert bench.sources["kme-a"].handed_over == 0


@in_loop
async def test_tls_1_2_is_spoken_and_nothing_older() -> None:
    async with raised() as bench:
        context = client_context(AUTHORITY.issue_kme("kme-a"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await Caller(bench.urls["kme-a"], bench.session, context).enc("kme-b")).status == 200
        old = client_context(AUTHORITY.issue_kme("kme-a"))
        old.set_ciphers("ALL:@SECLEVEL=0")  # so that it can be offered at all
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(aiohttp.ClientConnectorError):
            await Caller(bench.urls["kme-a"], bench.session, old).enc("kme-b")


BAD_ENC: list[tuple[dict[str, object], str]] = [
    ({"number": 0}, "number"),
    ({"number": 129}, "number"),
    ({"number": "1"}, "number"),
    ({"number": True}, "number"),
    ({"size": BLOCK_OCTETS * 8 + 1}, "size shall be a multiple of 8"),
    ({"size": 256}, "size"),
    ({"additional_slave_SAE_IDs": ["kme-c"]}, "multicast"),
    ({"extension_mandatory": [{"acme_route": 1}]}, "not all extension_mandatory parameters are supported"),
]


@in_loop
async def test_requests_that_are_not_in_order_are_400_and_take_nothing() -> None:
    async with raised() as bench:
        master = bench.kms("kme-a")
        for members, message in BAD_ENC:
            answer = await master.enc("kme-b", **members)
            assert (answer.status, message in answer.message) == (400, True), (members, answer)
        for slave in ("kme-a", "kme-c"):
            assert (await master.enc(slave)).status == 400
        unreadable = [b"{", b"[]", b"\xff"]
        for body in unreadable:
            headers = {"Content-Type": "application/json"}
            answer = await master.call("POST", "kme-b/enc_keys", data=body, headers=headers)
            assert (answer.status, bool(answer.message)) == (400, True), body
        assert (await master.call("POST", "kme-b/enc_keys", data=b"a=b")).status == 400  # not said to be JSON
        assert (await master.call("GET", "kme-b/enc_keys?number=1&number=2")).status == 400
        assert (await master.call("GET", "kme-b/enc_keys?extension_mandatory=x")).status == 400
        assert (await master.dec("kme-b")).status == 400
        assert (await master.dec("kme-b", "not a UUID")).status == 400
        key_id = str(uuid.uuid4())
        assert (await master.dec("kme-b", key_id, key_id)).status == 400
        wrong_verb = await master.call("DELETE", "kme-b/enc_keys")
        assert (wrong_verb.status, wrong_verb.headers["Allow"]) == (405, "GET, POST")
        assert (await master.call("GET", "kme-b/nothing")).status == 404
        assert bench.sources["kme-a"].handed_over == 0
        # the valid twins: an ignored optional extension, an unknown member, no body at all
        assert (await master.enc("kme-b", extension_optional=[{"acme_x": 1}], acme_y=2)).status == 200
        assert (await master.call("POST", "kme-b/enc_keys")).status == 200


@in_loop
async def test_what_is_not_http_is_answered_with_an_error_object() -> None:
    async with raised() as bench:
        port = int(bench.urls["kme-a"].rpartition(":")[2])
        context = client_context(AUTHORITY.issue_kme("kme-a"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"NOT HTTP\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        assert answer.endswith(b'{"message":"the request is not HTTP/1.1"}')


@in_loop
async def test_by_default_the_smaller_kme_id_is_master_and_its_own_keys_are_not_its_to_fetch() -> None:
    async with raised() as bench:
        larger = bench.kms("kme-b")
        assert (await larger.enc("kme-a")).status == 503
        assert (await larger.call("GET", "kme-a/status")).json["stored_key_count"] == 0
        master = bench.kms("kme-a")
        (key_id,) = (await master.enc("kme-b")).keys
        own = await master.dec("kme-b", key_id)
        assert (own.status, own.body) == (401, b"")
        assert (await larger.dec("kme-a", key_id)).status == 200


@in_loop
async def test_where_both_may_be_master_no_block_is_handed_out_at_both_ends() -> None:
    async with raised(masters="both") as bench:
        one, other = bench.kms("kme-a"), bench.kms("kme-b")
        of_one, of_other = (await one.enc("kme-b", number=4)).keys, (await other.enc("kme-a", number=4)).keys
        assert not set(of_one) & set(of_other)
        assert (await one.enc("kme-b")).status == (await other.enc("kme-a")).status == 503
        assert (await other.dec("kme-a", *of_one)).keys == of_one
        assert (await one.dec("kme-b", *of_other)).keys == of_other


@in_loop
async def test_a_block_that_is_passed_over_expires_and_one_that_waits_does_not() -> None:
    async with raised(expire_s=60.0) as bench:
        master, slave, source = bench.kms("kme-a"), bench.kms("kme-b"), bench.sources["kme-b"]
        lost, late, fetched = (await master.enc("kme-b", number=3)).keys
        bench.now = 1000.0
        assert (await slave.dec("kme-a", fetched)).status == 200  # the stock does not age
        bench.now = 1059.0
        assert (await slave.dec("kme-a", late)).status == 200
        assert source.destroyed == 0
        bench.now = 1060.0
        assert (await slave.dec("kme-a", lost)).status == 400
        assert (source.destroyed, source.handed_over, len(source.ready())) == (1, 2, 5)
        following = (await master.enc("kme-b", number=5)).keys
        assert (await slave.dec("kme-a", *following)).keys == following


@in_loop
async def test_a_failure_within_answers_503_and_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    async with raised() as bench:

        def broken() -> list[object]:
            raise RuntimeError(octets(0).hex())

        bench.sources["kme-a"].ready = broken  # type: ignore[method-assign,assignment]
        answer = await bench.kms("kme-a").enc("kme-b")
        assert (answer.status, answer.message) == (503, "error on server side")
        assert "RuntimeError" in caplog.text
        assert octets(0).hex() not in caplog.text
