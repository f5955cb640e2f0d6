"""/try: calls from the test bench."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import Field

from admin_api.apps.service.bench import Bench, Trial, prepare_trial
from admin_api.apps.service.explain import explain_pasted
from admin_api.outbox.changes import Changes
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Body, View
from openplatform.sealing import Seal
from openplatform.sign_explanation.pasted import MAX_PASTED

MAKING_SESSIONS = "gw:token:add"


class StageView(View):
    """A stage of the gateway's pipeline and how long it took."""

    stage: str
    micros: float


class TriedView(View):
    """What was signed (for md5 the secret stands before and after it), what was sent, what came back.

    stages: in the order they ran in; empty when the gateway is of another version or in front of it something drops headers.
    """

    signed_text: str
    sign: str
    params: dict[str, str]
    curl: str
    status: int
    content_type: str
    body: str
    is_cut: bool
    elapsed_ms: float
    stages: list[StageView]


class Pasted(Body):
    """request: a URL, a curl command, a whole HTTP request, a form's body, or JSON."""

    request: Annotated[str, Field(min_length=1, max_length=MAX_PASTED)]


class FindingView(View):
    """A rule and what the request does about it; is_fault false: a remark."""

    rule: str
    detail: str
    detail_zh: str
    is_fault: bool


class ExplanationView(View):
    """params: as the gateway reads them; signed_text: what is to be signed (for md5 between the secrets); sign: what it gives, "" when
    the app is unknown."""

    is_good: bool
    findings: list[FindingView]
    params: dict[str, str]
    signed_text: str
    sign: str


def bench_routes(bench: Bench, changes: Changes, seal: Seal, zone: ZoneInfo) -> APIRouter:
    """The routes of the test bench."""
    router = APIRouter(prefix="/try", tags=["API测试台"], route_class=GuardedRoute)

    @router.post("", openapi_extra=needs("gw:try"))
    async def try_call(trial: Trial, desk: AtDesk) -> TriedView:
        """The call is a real one: it counts, may cost, and changes what it changes."""
        if trial.user_id is not None and not desk.by.permissions.allows(MAKING_SESSIONS):
            raise Problem(
                403, "forbidden", f"you need the permission {MAKING_SESSIONS} for a session of your own making",
                f"缺少权限 {MAKING_SESSIONS}", more={"missing": MAKING_SESSIONS},
            )  # fmt: skip
        caller = await desk.change(lambda change: prepare_trial(change, seal, trial))
        call = bench.sign(trial, caller)
        tried = await bench.send(call)
        return TriedView.of(
            {
                "signed_text": call.text, "sign": call.sign, "params": call.params, "curl": call.curl, "status": tried.status,
                "content_type": tried.content_type, "body": tried.body, "is_cut": tried.is_cut, "elapsed_ms": tried.elapsed_ms,
                "stages": [StageView(stage=stage, micros=micros) for stage, micros in tried.stages],
            },
            zone,
        )  # fmt: skip

    @router.post("/explain", openapi_extra=needs("gw:try"))
    async def explain_request(pasted: Pasted) -> ExplanationView:
        """Judges a request of somebody else: nothing is sent, nothing is counted."""
        now = changes.now()
        async with changes.database.read() as connection:
            told = await explain_pasted(connection, seal, pasted.request, now)
        return ExplanationView(
            is_good=told.is_good,
            findings=[FindingView.model_validate(finding, from_attributes=True) for finding in told.findings],
            params=told.params,
            signed_text=told.signed_text,
            sign=told.sign,
        )

    return router
