"""ETSI GS QKD 014 over HTTPS, clause by clause."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.vendors.reference.rig import in_loop, planted_block, planted_stream, raised
from vendors.reference.copies import Copy
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.kme import Parts
from vendors.reference.settings import KmeSettings

M1 = "size shall be a multiple of 8"
M2 = "not all extension_mandatory parameters are supported"
M3 = "not all extension_mandatory request options could be met"
M4 = "not all extension_optional request options handled"
M5 = "one or more keys specified are not found on KME"
ENC = "/api/v1/keys/sae-2/enc_keys"
DEC = "/api/v1/keys/sae-1/dec_keys"


@in_loop
async def test_status(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        answer = await (await rig.sae("sae-1")).status("sae-2")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.json == {
            "source_KME_ID": "kme-a",
            "target_KME_ID": "kme-b",
            "master_SAE_ID": "sae-1",
            "slave_SAE_ID": "sae-2",
            "key_size": 256,
            "stored_key_count": 512,
            "max_key_count": 100000,
            "max_key_per_request": 128,
            "max_key_size": 1024,
            "min_key_size": 64,
            "max_SAE_ID_count": 4,
        }
        answer = await (await rig.sae("sae-2")).status("sae-4")
        assert [answer.json[f"{who}_ID"] for who in ("source_KME", "target_KME", "master_SAE", "slave_SAE")] == [
            "kme-b",
            "kme-a",
            "sae-2",
            "sae-4",
        ]


@in_loop
async def test_the_stock_in_status_shrinks_by_what_is_taken(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(max_key_count=500)) as rig:
        one = await rig.sae("sae-1")
        assert (await one.status("sae-2")).json["stored_key_count"] == 500
        await one.enc("sae-2", {"number": 20})
        assert (await one.status("sae-2")).json["stored_key_count"] == 492


@in_loop
async def test_both_ends_get_the_same_keys_and_they_are_bits_of_the_link(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        taken = await one.enc("sae-2", {"number": 3, "size": 512})
        assert re.fullmatch(
            rb'\{"keys":\[(\{"key_ID":"[-0-9a-f]{36}","key":"[A-Za-z0-9+/]{86}=="\},?){3}\]\}', taken.body
        )
        assert b"".join(taken.keys.values()) == planted_block("kme-a--kme-b", 0)[:192]
        fetched = await two.dec("sae-1", *reversed(taken.keys))
        assert list(fetched.keys.items()) == list(reversed(taken.keys.items()))
        assert {uuid.UUID(key_id).version for key_id in taken.keys} == {4}
        # the other direction has bits of its own
        key_id, key = await two.get_key("sae-1")
        assert key == planted_block("kme-a--kme-b", 1)[:32]
        assert (await one.dec("sae-2", key_id)).keys == {key_id: key}


@in_loop
async def test_get_does_what_post_does(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        for query, number, octets in (
            ("", 1, 32),
            ("?number=2", 2, 32),
            ("?size=64", 1, 8),
            ("?size=72&number=3&x=1", 3, 9),
        ):
            answer = await one.call("GET", ENC + query)
            assert [len(key) for key in answer.keys.values()] == number * [octets]
        answer = await one.call("GET", ENC)
        (key_id,) = answer.keys
        assert (await two.call("GET", f"{DEC}?key_ID={key_id}")).keys == {key_id: answer.keys[key_id]}
        for body in (b"", b"{}", b'{"later": 1}'):
            answer = await one.call("POST", ENC, data=body, headers={"Content-Type": "application/json"})
            assert [len(key) for key in answer.keys.values()] == [32]


@pytest.mark.parametrize("bits", [64, 65, 71, 100, 257, 1023, 1024])
@in_loop
async def test_odd_sizes_have_their_surplus_bits_cleared(tmp_path: Path, bits: int) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        taken = (await one.enc("sae-2", {"size": bits, "number": 16})).keys
        assert {len(key) for key in taken.values()} == {(bits + 7) // 8}
        surplus = -bits % 8
        assert all(key[-1] & ((1 << surplus) - 1) == 0 for key in taken.values())
        if surplus:
            assert any(key[-1] & (1 << surplus) for key in taken.values())
        assert (await two.dec("sae-1", *taken)).keys == taken


@in_loop
async def test_whole_octets_only_when_so_set(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(odd_sizes=False)) as rig:
        one = await rig.sae("sae-1")
        answer = await one.enc("sae-2", {"size": 257})
        assert (answer.status, answer.json) == (400, {"message": M1})
        assert (await one.enc("sae-2", {"size": 264})).status == 200


@pytest.mark.parametrize(
    "members",
    [
        {"number": 0},
        {"number": -1},
        {"number": 129},
        {"number": 2**70},
        {"number": "2"},
        {"number": 2.0},
        {"number": True},
        {"number": None},
        {"number": [2]},
        {"size": 0},
        {"size": 63},
        {"size": 1025},
        {"size": "256"},
        {"size": False},
        {"additional_slave_SAE_IDs": "sae-3"},
        {"additional_slave_SAE_IDs": [3]},
        {"additional_slave_SAE_IDs": None},
        {"additional_slave_SAE_IDs": ["nobody"]},
        {"additional_slave_SAE_IDs": ["sae-1"]},
        {"additional_slave_SAE_IDs": ["sae-3"] * 5},
        {"extension_mandatory": {"qkdh_route_type": "direct"}},
        {"extension_mandatory": ["qkdh_route_type"]},
        {"extension_optional": None},
        [],
        "text",
        7,
        None,
    ],
)
@in_loop
async def test_requests_out_of_order_are_refused_and_cost_nothing(tmp_path: Path, members: Any) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        answer = await one.call("POST", ENC, data=json.dumps(members), headers={"Content-Type": "application/json"})
        assert answer.status == 400
        assert list(answer.json) == ["message"]
        assert (await one.status("sae-2")).json["stored_key_count"] == 512


@in_loop
async def test_malformed_input_gets_an_error_object(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(max_body_octets=2000)) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        as_json = {"Content-Type": "application/json"}
        for body in (b"{", b"nonsense", b'{"number": 1', b"\xff\xfe", b'{"number": NaN}', b" " * 3000, b"[" * 1500):
            for sae, path in ((one, ENC), (two, DEC)):
                answer = await sae.call("POST", path, data=body, headers=as_json)
                assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
                assert list(answer.json) == ["message"]
        for query in (
            "number=abc",
            "number=",
            "number=1&number=2",
            "number=1.0",
            "number=+1",
            "size=-64",
            "number=0",
            "number=٣",
        ):
            assert (await one.call("GET", f"{ENC}?{query}")).status == 400, query
        for name in ("additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"):
            assert (await one.call("GET", f"{ENC}?{name}=x")).status == 400
        assert (await one.call("GET", ENC, data=b"{}")).status == 400
        assert (await one.status("sae-2")).json["stored_key_count"] == 512


@in_loop
async def test_what_is_not_even_http_gets_an_error_object(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        host, port = one.base.removeprefix("https://").split(":")
        for request in (
            b"GET / HTTP/9.x\r\n\r\n",
            b"\x00\x01\x02\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection(
                host, int(port), ssl=one._context, server_hostname="localhost"
            )
            writer.write(request)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert b" 400 Bad Request\r\n" in head
            assert b"application/json" in head
            assert b'{"message":' in body
            writer.close()


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 400),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
    ],
)
@in_loop
async def test_content_type_of_requests(tmp_path: Path, content_type: str, status: int) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        assert (await one.call("POST", ENC, data=b"{}", headers={"Content-Type": content_type})).status == status


@in_loop
async def test_other_paths_and_verbs(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        for path in (
            "/",
            "/api/v1/keys",
            "/api/v1/keys/sae-2",
            "/api/v2/keys/sae-2/status",
            ENC + "/",
            "/api/v1/keys//status",
        ):
            answer = await one.call("GET", path)
            assert (answer.status, list(answer.json)) == (404, ["message"])
        for verb, path in (("PUT", ENC), ("DELETE", DEC), ("POST", "/api/v1/keys/sae-2/status"), ("PATCH", ENC)):
            answer = await one.call(verb, path)
            assert (answer.status, list(answer.json)) == (405, ["message"])
        assert (await one.call("HEAD", ENC)).status == 405
        assert (await one.status("sae-2")).json["stored_key_count"] == 512


@in_loop
async def test_sae_ids_are_url_encoded(tmp_path: Path) -> None:
    strange = "sae/ä %41?#"
    async with raised(tmp_path, saes={"sae-1": "kme-a", strange: "kme-b"}) as rig:
        one = await rig.sae("sae-1")
        encoded = "sae%2F%C3%A4%20%2541%3F%23"
        assert (await one.status(encoded)).json["slave_SAE_ID"] == strange
        key_id, key = await one.get_key(encoded)
        assert (await (await rig.sae(strange)).dec("sae%2D1", key_id)).keys == {key_id: key}


@in_loop
async def test_extensions(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")

        async def ask(**members: object) -> tuple[int, Any]:
            answer = await one.enc("sae-2", members)
            return answer.status, answer.json.get("message", answer.json.get("key_container_extension"))

        direct, relayed, unknown = (
            {"qkdh_route_type": "direct"},
            {"qkdh_route_type": "relayed"},
            {"abc_route_type": "direct"},
        )
        assert await ask(extension_mandatory=[]) == (200, None)
        assert await ask(extension_mandatory=[{}]) == (200, None)
        assert await ask(extension_mandatory=[direct]) == (200, direct)
        assert await ask(extension_mandatory=[relayed]) == (400, M3)
        assert await ask(extension_mandatory=[{"qkdh_route_type": 1}]) == (400, M3)
        assert await ask(extension_mandatory=[unknown]) == (400, M2)
        assert await ask(extension_mandatory=[direct, unknown]) == (400, M2)
        assert await ask(extension_mandatory=[relayed | unknown]) == (400, M2)
        assert await ask(extension_optional=[unknown]) == (200, None)
        assert await ask(extension_optional=[direct | unknown]) == (200, direct)
        assert await ask(extension_optional=[relayed], extension_mandatory=[direct]) == (200, direct)
        answer = await one.enc("sae-2", {"extension_mandatory": [unknown]})
        assert answer.json["details"] == [{"extension_mandatory_unsupported": "abc_route_type is not supported"}]


@in_loop
async def test_optional_extensions_may_be_refused(tmp_path: Path) -> None:
    async with raised(tmp_path, settings=KmeSettings(refuse_unhandled_optional=True)) as rig:
        one = await rig.sae("sae-1")
        answer = await one.enc("sae-2", {"extension_optional": [{"abc_x": 1}]})
        assert (answer.status, answer.message) == (400, M4)
        assert (await one.enc("sae-2", {"extension_optional": [{"qkdh_route_type": "direct"}]})).status == 200


@in_loop
async def test_who_may_fetch(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two, three, four = [await rig.sae(name) for name in ("sae-1", "sae-2", "sae-3", "sae-4")]
        key_id, key = await one.get_key("sae-2")
        for foreign in (one, three, four):
            answer = await foreign.dec("sae-1", key_id)
            assert (answer.status, answer.body) == (401, b"")
            assert "Content-Type" not in answer.headers
        answer = await two.dec("sae-4", key_id)  # not its master
        assert (answer.status, answer.message) == (400, M5)
        answer = await two.call("GET", f"{DEC}?key_ID={key_id}", headers={"X-SAE-ID": "sae-3"})
        assert answer.keys == {key_id: key}
        # a key that is gone is still not for others
        assert (await three.dec("sae-1", key_id)).status == 401
        assert (await two.dec("sae-1", key_id)).message == M5


@in_loop
async def test_all_or_nothing(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two, three = [await rig.sae(name) for name in ("sae-1", "sae-2", "sae-3")]
        taken = (await one.enc("sae-2", {"number": 4})).keys
        first, second, third, fourth = taken
        foreign, _ = await one.get_key("sae-3")
        unknown = str(uuid.uuid4())
        assert (await two.dec("sae-1", first, unknown)).message == M5
        assert (await two.dec("sae-1", first, foreign)).status == 401
        assert (await two.dec("sae-1", unknown, foreign)).status == 401
        answer = await two.dec("sae-1", first, first)
        assert (answer.status, answer.message) == (400, "key_IDs: each at most once")
        assert (await two.dec("sae-1", first, first.upper())).status == 400
        assert (await two.dec("sae-1", second.upper())).keys == {second: taken[second]}
        assert (await two.dec("sae-1", first, second)).message == M5
        assert (await two.dec("sae-1", first, third, fourth)).keys == {
            key_id: taken[key_id] for key_id in (first, third, fourth)
        }
        assert (await three.dec("sae-1", foreign)).status == 200


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"key_IDs": []},
        {"key_IDs": None},
        {"key_IDs": {"key_ID": "bc490419-7d60-487f-adc1-4ddcc177c139"}},
        {"key_IDs": ["bc490419-7d60-487f-adc1-4ddcc177c139"]},
        {"key_IDs": [{}]},
        {"key_IDs": [{"key_ID": 7}]},
        {"key_IDs": [{"key_ID": "no uuid"}]},
        {"key_IDs": [{"key_ID": "{bc490419-7d60-487f-adc1-4ddcc177c139}"}]},
        {"key_IDs": [{"key_ID": "bc4904197d60487fadc14ddcc177c139"}]},
        {"key_IDs": [{"key_ID": "bc490419-7d60-487f-adc1-4ddcc177c139", "key_ID_extension": None}]},
        {"key_IDs": [{"key_ID": "bc490419-7d60-487f-adc1-4ddcc177c139"}], "key_IDs_extension": []},
        {"key_IDs": [{"key_ID": str(uuid.UUID(int=number))} for number in range(129)]},
    ],
)
@in_loop
async def test_key_ids_out_of_order_are_refused(tmp_path: Path, members: Any) -> None:
    async with raised(tmp_path) as rig:
        answer = await (await rig.sae("sae-2")).call("POST", DEC, json=members)
        assert (answer.status, list(answer.json)) == (400, ["message"])
        assert answer.message != M5


@in_loop
async def test_get_takes_one_key_id(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        first, second = (await one.enc("sae-2", {"number": 2})).keys
        for query in ("", f"?key_ID={first}&key_ID={second}", f"?key_ID={first}&key_ID_extension=x", "?key_ID="):
            assert (await two.call("GET", DEC + query)).status == 400
        assert (await two.dec("sae-1", first, second)).status == 200


@in_loop
async def test_unknown_saes(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one = await rig.sae("sae-1")
        for path in ("/api/v1/keys/nobody/status", "/api/v1/keys/nobody/enc_keys"):
            answer = await one.call("GET", path)
            assert (answer.status, list(answer.json)) == (400, ["message"])
        assert (await one.status("sae-1")).status == 400
        stranger = await rig.sae("nobody", at="kme-a")
        elsewhere = await rig.sae("sae-2", at="kme-a")
        for caller in (stranger, elsewhere):
            for verb, path in (("GET", "/api/v1/keys/sae-2/status"), ("GET", ENC), ("POST", ENC), ("POST", DEC)):
                answer = await caller.call(verb, path, data=b"{" if verb == "POST" else None)
                assert (answer.status, answer.body) == (401, b"")


@in_loop
async def test_exhaustion_is_503_and_whole(tmp_path: Path) -> None:
    async with raised(tmp_path, blocks=2) as rig:  # 512 octets in each direction: 16 keys
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        assert (await one.enc("sae-2", {"number": 17})).status == 503
        taken = await one.enc("sae-2", {"number": 15})
        assert taken.status == 200
        answer = await one.enc("sae-2", {"number": 2})
        assert (answer.status, list(answer.json)) == (503, ["message"])
        assert (await one.status("sae-2")).json["stored_key_count"] == 1
        assert (await one.enc("sae-2")).status == 200
        assert (await one.enc("sae-2")).status == 503
        assert (await two.dec("sae-1", *taken.keys)).keys == taken.keys
        assert (await two.enc("sae-1")).status == 200


@in_loop
async def test_parallel_fetches_of_one_key_have_one_winner(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        for _ in range(5):
            key_id, _ = await one.get_key("sae-2")
            answers = await asyncio.gather(*(two.dec("sae-1", key_id) for _ in range(8)))
            assert sorted(answer.status for answer in answers) == [200] + 7 * [400]


@in_loop
async def test_both_directions_at_once_give_different_keys(tmp_path: Path) -> None:
    async with raised(tmp_path) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        answers = await asyncio.gather(
            *(master.enc(slave, {"number": 4}) for _ in range(15) for master, slave in ((one, "sae-2"), (two, "sae-1")))
        )
        keys = [key for answer in answers for key in answer.keys.values()]
        assert len(set(keys)) == len(keys) == 120
        fetched = await asyncio.gather(
            *(
                (two, one)[number % 2].dec(("sae-1", "sae-2")[number % 2], *answer.keys)
                for number, answer in enumerate(answers)
            )
        )
        assert [answer.keys for answer in fetched] == [answer.keys for answer in answers]


@in_loop
async def test_a_client_that_went_away_before_the_answer_can_come_again(tmp_path: Path) -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    class Slow(KeyDelivery):
        async def claim(self, copies: Sequence[Copy]) -> bool:
            if not asked.is_set():
                asked.set()
                await asyncio.sleep(0.1)  # long enough for the connection to be seen closed
            return await super().claim(copies)

        def not_delivered(self, delivery: Delivery) -> None:
            super().not_delivered(delivery)
            released.set()

    async with raised(tmp_path, parts=Parts(delivery=Slow, stream=planted_stream(4))) as rig:
        one, two = await rig.sae("sae-1"), await rig.sae("sae-2")
        key_id, key = await one.get_key("sae-2")
        fetch = asyncio.create_task(two.dec("sae-1", key_id))
        await asked.wait()
        fetch.cancel()
        async with asyncio.timeout(2):
            await released.wait()
        assert (await two.dec("sae-1", key_id)).keys == {key_id: key}
