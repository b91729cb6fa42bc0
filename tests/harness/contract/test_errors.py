"""Reading refusals, the sound and the odd."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from harness.contract import ContractError, read_error


def failed(code: grpc.StatusCode, text: str, details: bytes | None = None) -> grpc.aio.AioRpcError:
    trailing: Any = grpc.aio.Metadata(*([("grpc-status-details-bin", details)] if details is not None else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, text)


@pytest.mark.parametrize("code", [grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN])
def test_a_refusal_says_something(code: grpc.StatusCode) -> None:
    with pytest.raises(ValueError, match=code.name):
        ContractError(code, "WHATEVER")


def test_unknown_is_read_as_a_broken_contract() -> None:
    got = read_error(failed(grpc.StatusCode.UNKNOWN, "boom"))
    assert (got.code, got.reason, got.message) == (grpc.StatusCode.INTERNAL, "UNKNOWN_STATUS", "boom")


@pytest.mark.parametrize("details", [None, b"", b"\xff\xff", status_pb2.Status(code=3).SerializeToString()])
def test_details_that_say_nothing_give_an_empty_reason(details: bytes | None) -> None:
    got = read_error(failed(grpc.StatusCode.UNAVAILABLE, "down", details))
    assert (got.code, got.reason, got.domain, got.etsi_status) == (grpc.StatusCode.UNAVAILABLE, "", "", None)


def test_an_error_info_that_cannot_be_read_gives_an_empty_reason() -> None:
    status = status_pb2.Status(code=3)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="R"))
    status.details[0].value = b"\xff\xff"
    got = read_error(failed(grpc.StatusCode.INVALID_ARGUMENT, "x", status.SerializeToString()))
    assert got.reason == ""


@pytest.mark.parametrize(("text", "status"), [("401", 401), ("", None), ("4o1", None), ("-1", None), ("٤٠٠", None)])
def test_the_etsi_status_is_a_number_or_nothing(text: str, status: int | None) -> None:
    error = ContractError(grpc.StatusCode.INTERNAL, "R", "", {"etsi_status": text})
    assert error.etsi_status == status


def test_the_message_is_the_etsi_message_unless_another_is_given() -> None:
    metadata = {"etsi_message": "from 014"}
    assert ContractError(grpc.StatusCode.INTERNAL, "R", "", metadata).message == "from 014"
    assert ContractError(grpc.StatusCode.INTERNAL, "R", "", metadata, message="own").message == "own"
    assert ContractError(grpc.StatusCode.INTERNAL, "R").message == "R"
