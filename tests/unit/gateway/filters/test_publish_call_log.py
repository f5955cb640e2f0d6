"""Stage 12: what callers make up, and calls that told nothing."""

import pytest

from gateway.call import Call
from gateway.filters.publish_call_log import PublishCallLog
from openplatform.errors import INVALID_METHOD, UNKNOWN_SESSION
from openplatform.records import CallLog
from tests.unit.gateway.filters.calls import StoppedClock, a_call


class Kept:
    """Takes records."""

    def __init__(self) -> None:
        self.records: list[CallLog] = []

    def offer(self, record: CallLog) -> None:
        self.records.append(record)


def record_of(call: Call) -> CallLog:
    """The one record of a call."""
    kept = Kept()
    PublishCallLog(kept, StoppedClock(), serv_ip="10.0.0.1", node="gw-1")(call)  # type: ignore[arg-type]
    (record,) = kept.records
    return record


@pytest.mark.parametrize("name", ["sign_method", "order_id", "consignee", "design", "app_key"])
def test_what_only_looks_like_a_secret_is_kept(name: str) -> None:
    """A record without its parameters would help nobody."""
    assert record_of(a_call({name: "VALUE"})).requestContent == f"{name}=VALUE"


def test_names_that_callers_make_up_are_cut_and_plain() -> None:
    """An unknown API name keeps 100 characters, an app key 50, a method 16; none of them a control character."""
    record = record_of(
        a_call({"method": "m\n" * 200, "app_key": "k" * 99}, http_method="X" * 99, error=INVALID_METHOD())
    )
    assert len(record.apiName) == 100 and record.apiName.isprintable()
    assert (len(record.appkey), len(record.httpMethod)) == (50, 16)


def test_a_call_that_told_nothing_still_leaves_its_record() -> None:
    """Parameters that could not be read, no app, no route; no service was asked."""
    record = record_of(a_call(error=INVALID_METHOD()))
    assert (record.appkey, record.apiName, record.requestContent, record.serviceTime) == ("", "", "", None)


def test_a_record_says_code_and_sub_code() -> None:
    """As searches ask for them."""
    assert record_of(a_call(error=UNKNOWN_SESSION())).errorCode == "27:session-not-exist"
