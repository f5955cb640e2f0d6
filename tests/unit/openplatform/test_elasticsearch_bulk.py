"""A bulk request is built right, and each item of its answer is understood."""

from typing import Any

import orjson
import pytest

from openplatform.adapters.elasticsearch_bulk import (
    MAX_BODY_BYTES,
    bodies,
    bulk_lines,
    classify,
    index_name,
    read_verdicts,
)
from openplatform.records import CallLog


def record(**fields: Any) -> CallLog:
    """A small record."""
    values: dict[str, Any] = {
        "requestId": "r1", "appkey": "a", "servIP": "10.0.0.1", "venderId": None, "remoteIp": "10.0.0.2", "apiName": "x",
        "platformRepTime": 1, "requestContent": "订单\n\"quoted\"", "errorCode": "0", "receiveTime": 1_750_000_000_000,
    }  # fmt: skip
    return CallLog(**(values | fields))


@pytest.mark.parametrize(
    ("received_ms", "name"),
    [
        (0, "logs-1970.01.01"),
        (1_749_945_599_999, "logs-2025.06.14"),
        (1_749_945_600_000, "logs-2025.06.15"),
        (253_402_300_799_999, "logs-9999.12.31"),
    ],
)
def test_the_index_follows_from_the_time_of_receipt(received_ms: int, name: str) -> None:
    """The day is UTC's, to the millisecond."""
    assert index_name("logs", received_ms) == name


def test_a_record_is_two_lines() -> None:
    """The action creates under the request id in the day's index; line breaks in the content are escaped."""
    lines = bulk_lines("logs", record(requestId='we"ird\n单'))
    assert isinstance(lines, bytes)
    action, source, rest = lines.split(b"\n")
    assert orjson.loads(action) == {"create": {"_index": "logs-2025.06.15", "_id": 'we"ird\n单'}}
    assert orjson.loads(source)["requestContent"] == '订单\n"quoted"'
    assert rest == b""


@pytest.mark.parametrize("fits", ["x", "x" * 512, "单" * 170, '"' * 512])
def test_ids_that_fit(fits: str) -> None:
    """1 to 512 bytes of UTF-8, whatever their JSON needs."""
    assert isinstance(bulk_lines("logs", record(requestId=fits)), bytes)


@pytest.mark.parametrize(
    "fields",
    [
        {"requestId": ""},
        {"requestId": "x" * 513},
        {"requestId": "单" * 171},
        {"requestContent": "lone \ud800"},
        {"receiveTime": -1},
        {"receiveTime": 253_402_300_800_000},
    ],
)
def test_what_would_spoil_the_whole_request_is_not_sent(fields: dict[str, Any]) -> None:
    """Such a record gets a reason in place of lines."""
    assert isinstance(bulk_lines("logs", record(**fields)), str)


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (201, None, "created"),
        (409, {"type": "version_conflict_engine_exception"}, "duplicate"),
        (429, {"type": "es_rejected_execution_exception"}, "retry"),
        (429, {"type": "cluster_block_exception"}, "retry"),
        (403, {"type": "cluster_block_exception"}, "retry"),
        (503, {"type": "unavailable_shards_exception"}, "retry"),
        (500, None, "retry"),
        (404, {"type": "index_not_found_exception"}, "retry"),
        (400, {"type": "document_parsing_exception", "reason": "failed to parse field [remoteIp]"}, "refused"),
        (400, {"type": "strict_dynamic_mapping_exception"}, "refused"),
        (403, {"type": "security_exception"}, "refused"),
    ],
)
def test_items_are_classified(status: int, error: dict[str, str] | None, outcome: str) -> None:
    """What is stored, what was there, what must be sent again, what never fits."""
    assert classify(status, error).outcome == outcome


def test_an_answer_is_read_item_by_item() -> None:
    """One verdict per record, in order, with the reason of a refusal."""
    items = [{"create": {"status": 201}}, {"create": {"status": 400, "error": {"type": "t", "reason": "r"}}}]
    verdicts = read_verdicts({"errors": True, "items": items}, 2)
    assert [verdict.outcome for verdict in verdicts] == ["created", "refused"]
    assert verdicts[1].reason == "t: r"


def test_an_answer_that_is_short_of_items_confirms_nothing() -> None:
    """Records without a verdict of their own are sent again."""
    verdicts = read_verdicts({"errors": False, "items": [{"create": {"status": 201}}]}, 2)
    assert [verdict.outcome for verdict in verdicts] == ["retry", "retry"]


def test_bodies_are_bounded() -> None:
    """Groups stay within the bound and keep the order; one that is larger stands alone; nothing makes no group."""
    lines = [b"a" * 400_000] * 3 + [b"b" * (MAX_BODY_BYTES + 1)] + [b"c"]
    groups = list(bodies(lines))
    assert [len(group) for group in groups] == [2, 1, 1, 1]
    assert [line for group in groups for line in group] == lines
    assert list(bodies([])) == []
