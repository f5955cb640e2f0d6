"""How the API says no: RFC 9457 problem documents with a code, in English and Chinese."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from admin_api.tables.rows import SECRET_COLUMNS, RowConflict, RowInUse, RowMissing, RowStale, ValueTaken
from admin_api.tables.selection import MAX_MATCHES, SelectionChanged, SelectionTooLarge
from openplatform.errors import OpenPlatformError, PlatformUnavailable, ServiceRejected, UpstreamFailed
from openplatform.sql import DatabaseAway, OutcomeUnknown

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 410: "Gone", 413: "Content Too Large", 422: "Invalid Request", 429: "Too Many Requests",
    500: "Internal Error", 503: "Service Unavailable",
}  # fmt: skip
_HTTP = {
    404: ("no-such-path", "没有这个地址"),
    405: ("method-not-allowed", "该地址不支持此请求方法"),
    413: ("too-large", "请求体过大"),
}
"""What the web framework itself refuses: status → code, text."""


class FieldProblem(BaseModel):
    """What is wrong with one field. place: body, query, path or header; field: its name, dots between levels."""

    place: str
    field: str
    code: str
    message: str


class ProblemBody(BaseModel):
    """The document of every refusal. code: stable, for programs; detail: for people; errors: field by field (422)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    detail_zh: str = ""
    errors: list[FieldProblem] = []
    request_id: str = ""


class Problem(Exception):
    """A refusal. `more` are further members of the document, e.g. both values of a conflict."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        detail_zh: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.detail_zh = detail_zh
        self.errors = errors
        self.headers = headers
        self.more = more or {}


def invalid_field(field: str, message: str, *, place: str = "body", code: str = "value_error") -> Problem:
    """A 422 for one field, found wrong by a rule that looks at more than the field itself."""
    error = FieldProblem(place=place, field=field, code=code, message=message)
    return Problem(422, "invalid", f"{field} {message}", f"{field} 不合法", errors=[error])


def problem_document(problem: Problem, request_id: str) -> bytes:
    """The document as JSON."""
    body = ProblemBody(
        title=_TITLES.get(problem.status, "Error"),
        status=problem.status,
        code=problem.code,
        detail=problem.detail,
        detail_zh=problem.detail_zh,
        errors=list(problem.errors),
        request_id=request_id,
    ).model_dump()
    return orjson.dumps(body | dict(problem.more), default=str)


def render(request: Request, problem: Problem) -> Response:
    """The problem document as an answer."""
    content = problem_document(problem, getattr(request.state, "request_id", ""))
    return Response(content, problem.status, dict(problem.headers or {}), MEDIA_TYPE)


def stale(error: RowStale, changed_by: str, changed_at: datetime | None) -> Problem:
    """Both values of every field that the edit names, and who was faster."""
    fields = {
        name: {"current": error.current.get(name), "yours": value}
        for name, value in error.edit.items()
        if name not in SECRET_COLUMNS
    }
    return Problem(
        409,
        "stale-version",
        f"somebody else changed this row: it is at version {error.current['version']} now",
        f"该记录已被他人修改，当前版本为 {error.current['version']}",
        more={
            "current_version": error.current["version"], "fields": fields, "changed_by": changed_by,
            "changed_at": changed_at,
        },
    )  # fmt: skip


def problem_of(error: Exception) -> Problem:
    """The problem that an exception means to the caller; anything unknown is a 500."""
    match error:
        case Problem():
            return error
        case RowMissing():
            return Problem(404, "not-found", f"{error.table} has no row with this id", "记录不存在")
        case RowStale():
            return stale(error, "", None)
        case ValueTaken():
            message = "is taken by another row"
            field = FieldProblem(place="body", field=error.field, code="taken", message=message)
            return Problem(409, "taken", f"{error.field} {message}", f"{error.field} 已被占用", errors=[field])
        case RowInUse():
            return Problem(409, "in-use", "other rows still refer to this one", "该记录仍被引用，不能删除")
        case SelectionTooLarge():
            return Problem(
                422,
                "selection-too-large",
                f"the filter finds more than {MAX_MATCHES} rows: narrow it",
                f"筛选结果超过 {MAX_MATCHES} 条，请缩小范围",
            )
        case SelectionChanged():
            return Problem(
                409,
                "selection-changed",
                f"the filter finds {error.found} rows now, not {error.expected}: look again",
                f"筛选结果已变为 {error.found} 条（原为 {error.expected} 条），请重新确认",
                more={"found": error.found},
            )
        case RowConflict():
            return Problem(409, "conflict", "another change got in between: try again", "与其他修改冲突，请重试")
        case RequestValidationError():
            errors = [_field_problem(found) for found in error.errors()]
            first = errors[0]
            return Problem(
                422, "invalid", f"{first.field or first.place}: {first.message}", "请求内容不合法", errors=errors
            )
        case OutcomeUnknown():
            return Problem(
                503,
                "outcome-unknown",
                "the database went away while it was told: look whether the change is there, or send the request again with the"
                " same Idempotency-Key",
                "数据库在提交时中断，修改可能已生效：请刷新确认，或使用相同的幂等键重新提交",
                headers={"Retry-After": "5"},
            )
        case DatabaseAway():
            return Problem(
                503,
                "platform-unavailable",
                "the database does not answer: try again in a moment",
                "数据库没有响应，请稍后重试",
                headers={"Retry-After": "5"},
            )
        case PlatformUnavailable():
            return Problem(
                503, "platform-unavailable", error.sub_msg, "平台暂时不可用，请稍后重试", headers={"Retry-After": "5"}
            )  # fmt: skip
        case UpstreamFailed():
            return Problem(
                503, "service-unavailable", error.sub_msg, "后端服务暂时不可用", headers={"Retry-After": "5"}
            )  # fmt: skip
        case ServiceRejected():
            return Problem(422, error.sub_code or "refused", error.sub_msg, "后端服务拒绝了该请求")
        case HTTPException():
            code, text_zh = _HTTP.get(error.status_code, ("bad-request", "请求无法识别"))
            return Problem(error.status_code, code, str(error.detail), text_zh, headers=error.headers)
    return Problem(500, "internal-error", "an unexpected fault of the platform: report the request id", "平台内部错误")


async def _refuse(request: Request, error: Exception) -> Response:
    return render(request, problem_of(error))


async def _report(request: Request, error: Exception) -> Response:
    log.error("request %s failed", getattr(request.state, "request_id", "-"), exc_info=error)
    return render(request, problem_of(error))


async def _ignore(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the caller has left: nobody reads this


EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    **dict.fromkeys(
        (Problem, RowMissing, RowStale, ValueTaken, RowInUse, RowConflict, SelectionTooLarge, SelectionChanged,
         RequestValidationError, OpenPlatformError, HTTPException), _refuse),
    ClientDisconnect: _ignore,
    Exception: _report,
}  # fmt: skip


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place, *path = (str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        path, message = [], f"is no JSON: see character {path[0]}"
    return FieldProblem(place=place, field=".".join(path), code=str(error["type"]), message=message)
