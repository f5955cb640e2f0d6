"""The way to the monitor: its refusals become problems in the words of this API."""

from collections.abc import Mapping
from typing import Any

from admin_api.security.problems import FieldProblem, Problem, invalid_field
from openplatform.errors import ServiceRejected, UpstreamFailed
from openplatform.service_client import ServiceClient

MONITOR = "monitor"
TEST_DEADLINE_S = 30.0
"""Twenty recipients of a mail server that takes its ten seconds for each, four at a time, are not awaited to the end."""


class Monitor:
    """Asks the monitor. Raises Problems: 503 `monitor-unavailable`, and what the monitor refuses."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def get(self, path: str, **params: str | int | None) -> dict[str, Any]:
        """Parameters that are None are not sent."""
        try:
            return await self._client.get(
                MONITOR, path, params={name: value for name, value in params.items() if value is not None}
            )
        except (UpstreamFailed, ServiceRejected) as error:
            raise _problem(error) from error

    async def post(self, path: str, body: Mapping[str, object], *, deadline_s: float = 3.0) -> dict[str, Any]:
        """Raises a 503 Problem also when the answer was lost: whether it was done is not known then."""
        try:
            return await self._client.post(MONITOR, path, body, deadline_s=deadline_s)
        except (UpstreamFailed, ServiceRejected) as error:
            raise _problem(error) from error


def _problem(error: UpstreamFailed | ServiceRejected) -> Problem:
    if isinstance(error, UpstreamFailed):
        return Problem(
            503,
            "monitor-unavailable",
            f"the monitor cannot be asked now: {error.sub_msg}",
            "监控服务暂时不可用",
            headers={"Retry-After": "5"},
        )
    code, _, field = error.sub_code.removeprefix("isv.").partition(":")
    match code:
        case "invalid-parameter" | "missing-parameter":
            return invalid_field(field, error.sub_msg.removeprefix(f"{field} "))
        case "name-taken":
            problem = FieldProblem(place="body", field="name", code="taken", message=error.sub_msg)
            return Problem(409, "taken", error.sub_msg, "规则名称已被占用", errors=[problem])
        case "stale-version":
            return Problem(409, "stale-version", error.sub_msg, "该规则已被他人修改")
        case "built-in":
            return Problem(409, "built-in", error.sub_msg, "内置规则不能删除，可以停用")
        case "mail-settled":
            return Problem(409, "mail-settled", error.sub_msg, "该邮件已发出或正在发送")
    if error.http_status == 404:
        return Problem(404, "not-found", error.sub_msg, "记录不存在")
    return Problem(422, code or "refused", error.sub_msg, "监控服务拒绝了该请求")
