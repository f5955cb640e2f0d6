"""Stages 10 to 12: what a service is sent, what its answer becomes, what is counted and recorded."""

import gzip
import json

import pytest

from gateway.filters.invoke_service import InvokeService
from gateway.filters.publish_call_log import PublishCallLog
from gateway.filters.render import FinishAnswer, RenderAnswer, RenderError
from gateway.guards import Guards
from gateway.metrics import GatewayMetrics
from gateway.upstream import UpstreamAnswer
from openplatform.errors import APP_LIMITED, INVALID_METHOD, PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.records import CallLog
from tests.unit.gateway.filters.calls import NOW, StoppedClock, a_call, app_entry, route_entry


class Service:
    """Upstreams with one answer; remembers what was sent."""

    def __init__(self, answer: UpstreamAnswer) -> None:
        self.answer = answer
        self.sent: list[tuple[str, bytes, bytes, float, bool]] = []

    async def call(
        self, service_id: str, head: bytes, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> UpstreamAnswer:
        self.sent.append((service_id, head, body, timeout_s, idempotent))
        return self.answer


async def invoked(answer: UpstreamAnswer | None = None, **route: object):
    service = Service(answer or UpstreamAnswer(200, b'{"a":1}'))
    params = {"method": "open.a.get", "sign": "x", "session": "s", "id": "7/8", "name": "红 &=", "blank": ""}
    call = a_call(params, app=app_entry(), route=route_entry(**route), vender_id=42)
    await InvokeService(service, Guards(), GatewayMetrics(), internal_key="the key")(call)
    return call, service.sent[0]


async def test_a_read_goes_out_with_a_query() -> None:
    """Placeholders filled, system parameters left out, business parameters escaped, who calls in the headers."""
    call, (service_id, head, body, timeout_s, idempotent) = await invoked(idempotent=True)
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /a/7%2F8?name=%E7%BA%A2+%26%3D&blank= HTTP/1.1"
    assert set(lines[1:-2]) == {
        "Host: a-service", "Accept-Encoding: identity", "X-Internal-Key: the key", "X-Vender-Id: 42", "X-Request-Id: id1",
        "X-App-Key: 1023", "X-Api-Name: open.a.get", "X-Request-Deadline-Ms: 500",
    }  # fmt: skip
    assert (service_id, body, timeout_s, idempotent) == ("a-service", b"", 0.5, True)
    assert (call.service_body, call.attempts) == (b'{"a":1}', 1)
    assert call.service_ms is not None


async def test_a_write_goes_out_as_json() -> None:
    """POST and PUT carry a JSON object of strings, with its length."""
    _, (_, head, body, _, _) = await invoked(http_method="POST")
    assert json.loads(body) == {"name": "红 &=", "blank": ""}
    assert head.startswith(b"POST /a/7%2F8 HTTP/1.1\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


@pytest.mark.parametrize(
    ("status", "body", "idempotent", "expected"),
    [
        (400, b'{"sub_code":"isv.no","sub_msg":"m"}', True, "isv.no"),
        (400, b'{"sub_code":"isp.no"}', True, "isp.top-parse-error"),
        (401, b'{"sub_code":"isv.no"}', True, "isp.top-remote-service-unavailable"),
        (301, b"{}", True, "isp.top-parse-error"),
        (500, b"{}", True, "isp.top-remote-service-unavailable"),
        (502, b"{}", True, "isp.top-remote-service-unavailable"),
        (502, b"{}", False, "remote-result-unknown"),
        (503, b"{}", False, "isp.top-remote-service-unavailable"),
    ],
)
async def test_what_is_no_success(status: int, body: bytes, idempotent: bool, expected: str) -> None:
    """A business no is the service's, all else isp.*; of a write behind a dead proxy nobody knows."""
    with pytest.raises(OpenPlatformError) as refused:
        await invoked(UpstreamAnswer(status, body), idempotent=idempotent)
    assert (refused.value.code, refused.value.sub_code) == (15, expected)


def test_render() -> None:
    """A good end in its envelope; a body that is no object is the service's fault; our own faults say nothing of our insides."""
    call = a_call(route=route_entry(), service_body=b'{"a":1}', as_json=True)
    RenderAnswer()(call)
    assert call.answer == b'{"a_get_response":{"a":1,"request_id":"id1"}}'.replace(b"a_get", b"open_a_get")
    with pytest.raises(OpenPlatformError) as refused:
        RenderAnswer()(a_call(route=route_entry(), service_body=b"[1]", as_json=True))
    assert refused.value.sub_code == "isp.top-parse-error"
    call = a_call(error=PLATFORM_UNAVAILABLE("redis: at 10.0.0.5"), as_json=True)
    RenderError()(call)
    assert b"10.0.0.5" not in call.answer
    assert (b"retry-after", b"1") in call.headers
    call = a_call(
        error=APP_LIMITED(seconds=5, retry_after_s=5, headers={"RateLimit-Limit": "1"}),
        app=app_entry(real_status_codes=True),
    )
    RenderError()(call)
    assert call.status == 429
    assert {(b"retry-after", b"5"), (b"ratelimit-limit", b"1")} <= set(call.headers)


def test_finish() -> None:
    """Content type by format, length of what leaves, gzip for callers that take it."""
    call = a_call(as_json=True, answer=b"x" * 5000, accepts_gzip=True)
    FinishAnswer()(call)
    headers = dict(call.all_headers())
    assert gzip.decompress(call.answer) == b"x" * 5000
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"content-length"] == b"%d" % len(call.answer)
    call = a_call(answer=b"<x/>")
    FinishAnswer()(call)
    assert dict(call.all_headers())[b"content-type"] == b"text/xml;charset=UTF-8"
    assert call.answer == b"<x/>"


class Kept:
    """Takes records."""

    def __init__(self) -> None:
        self.records: list[CallLog] = []

    def offer(self, record: CallLog) -> None:
        self.records.append(record)


def recorded(params: dict[str, str], **fields: object) -> CallLog:
    kept = Kept()
    PublishCallLog(kept, StoppedClock(), serv_ip="10.0.0.1", node="n1")(a_call(params, **fields))
    return kept.records[0]


def test_a_record() -> None:
    """Everything that search and statistics need; times in ms."""
    log = recorded(
        {"app_key": "k", "a": "1"}, route=route_entry(), vender_id=7, service_ms=1.6, answer=b"12345", attempts=2
    )
    assert (log.requestId, log.appkey, log.apiName, log.venderId, log.errorCode) == ("id1", "k", "open.a.get", 7, "0")
    assert (log.receiveTime, log.platformRepTime, log.serviceTime, log.responseBytes) == (int(NOW * 1000), 100, 2, 5)
    assert log.requestContent == "app_key=k&a=1"
    assert recorded({"method": "x" * 500}, error=INVALID_METHOD()).errorCode == "22:isv.api-not-exists"
    assert len(recorded({"method": "x" * 500}, error=INVALID_METHOD()).apiName) == 100


@pytest.mark.parametrize(
    "name",
    ["sign", "session", "SESSION", "access_token", "app_secret", "password", "cons_phone", "cons_mobile_phone", "cons_email",
     "cons_address", "cons_name", "invoice_title", "vat_info", "apiKey", "user_mobile"],
)  # fmt: skip
def test_masked_by_name(name: str) -> None:
    """Secrets, personal and invoice data never reach a record."""
    for _ in range(2):  # seen first, and from memory
        assert recorded({name: "s3cr3t", "b": "2"}).requestContent == f"{name}=***&b=2"


def test_masked_by_the_api() -> None:
    """What an API marks as sensitive is masked, for that API."""
    params = {"note": "private"}
    assert recorded(params, route=route_entry(sensitive=("note",))).requestContent == "note=***"
    assert recorded(params, route=route_entry()).requestContent == "note=private"


def test_a_record_is_one_plain_line() -> None:
    """Control characters, line separators and lone surrogates are written as escapes; 8 KiB is the most."""
    content = recorded({"a": "x\r\n\x1b[31m\u2028\ud800中${jndi:ldap://x}"}).requestContent
    assert content == "a=x\\u000d\\u000a\\u001b[31m\\u2028\\ud800中${jndi:ldap://x}"
    long = recorded({"a": "y" * 9000})
    assert (len(long.requestContent), long.truncated) == (8192, True)
