"""Stage 11: bodies that are none, errors of callers that are not known, and the edges of gzip."""

import json

import pytest

from gateway.call import Call
from gateway.filters.render import GZIP_FROM_BYTES, FinishAnswer, RenderAnswer, RenderError
from openplatform.errors import INVALID_APP_KEY, UNKNOWN_ERROR, OpenPlatformError
from tests.unit.gateway.filters.calls import a_call, app_entry, route_entry


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"{", b'{"a":\xff}', b"<html>", b"[" * 100_000])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_json_object_is_the_services_fault(body: bytes, as_json: bool) -> None:
    """15 with isp.top-parse-error, however broken it is, in either format."""
    with pytest.raises(OpenPlatformError, match=r"isp\.top-parse-error"):
        RenderAnswer()(a_call(route=route_entry(), service_body=body, as_json=as_json))


def failed(error: OpenPlatformError, **fields: object) -> Call:
    """A call that ended with the error."""
    call = a_call(error=error, as_json=True, **fields)
    RenderError()(call)
    return call


def test_an_error_is_http_200_unless_the_app_wants_the_truth() -> None:
    """SDKs read bodies of 200 alone; of an app that is not known nobody knows the wish."""
    assert failed(INVALID_APP_KEY()).status == 200
    assert failed(INVALID_APP_KEY(), app=app_entry()).status == 200
    assert failed(INVALID_APP_KEY(), app=app_entry(real_status_codes=True)).status == 401


def test_an_error_has_one_root_and_nothing_beside_it() -> None:
    """Five fields at most, in both formats."""
    assert json.loads(failed(INVALID_APP_KEY()).answer) == {
        "error_response": {
            "code": 29, "msg": "Invalid app Key", "sub_code": "isv.appkey-not-exists",
            "sub_msg": "no enabled app has this app_key", "request_id": "id1",
        }
    }  # fmt: skip


def test_a_bug_tells_the_caller_nothing_of_itself() -> None:
    """The words are those of any fault of ours."""
    body = json.loads(failed(UNKNOWN_ERROR("KeyError: 'x'")).answer)
    assert body["error_response"]["sub_msg"] == "the platform is busy, repeat the call later"


@pytest.mark.parametrize(("length", "accepts", "is_packed"), [(0, True, True), (-1, True, False), (0, False, False)])
def test_gzip_begins_at_its_bound(length: int, accepts: bool, is_packed: bool) -> None:
    """Only when asked for, and only from the bound on; who may get another form is told that it depends."""
    call = a_call(answer=b"x" * (GZIP_FROM_BYTES + length), accepts_gzip=accepts)
    FinishAnswer()(call)
    headers = dict(call.all_headers())
    assert (b"content-encoding" in headers) == is_packed
    assert (b"vary" in headers) == accepts
    assert int(headers[b"content-length"]) == len(call.answer)
