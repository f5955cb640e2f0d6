"""The admin API against its own document: schemathesis makes right and wrong requests, four kinds of callers send them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
from schemathesis import GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

from admin_api.security.permissions import PUBLIC, SIGNED_IN, Permissions
from admin_api.settings import AdminSettings
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import MASTER_KEYS, Caller, World, open_world

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
EXAMPLES = 2
"""Right ones and as many wrong ones of each operation: about a minute, most of it for making them."""
WALKS, STEPS = 30, 8
"""Runs of two ways of an administrator from operation to operation, and how long each way is: some 20 s."""
FOLLOWING = [status_code_conformance, response_schema_conformance, use_after_free, ensure_resource_availability]
REPEATABLE = settings(
    database=None, deadline=None, derandomize=True, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)
ADMINISTRATOR, OPERATOR, READER = 1, 2, 3


@dataclass(frozen=True)
class Sent:
    """A request as it goes out; perms: what its operation asks for; case: what schemathesis made it from."""

    case: Any
    perms: str
    is_right: bool

    async def by(self, caller: Caller, path_id: str | None) -> httpx.Response:
        """path_id: stands in for the numbers of the path, so that rows are met that there are."""
        made = self.case.as_transport_kwargs(base_url="http://admin")
        path = urlsplit(made["url"]).path
        if path_id is not None and self.is_right:
            path = self.case.path
            for name in self.case.path_parameters or {}:
                path = path.replace(
                    f"{{{name}}}", path_id if name.endswith("_id") else str(self.case.path_parameters[name])
                )
        body = made.get("data")
        if "json" in made:
            body = json.dumps(made["json"]).encode()
        params = {
            n: v if isinstance(v, str | int | float | list) else str(v) for n, v in (made.get("params") or {}).items()
        }
        headers = {
            n: v for n, v in (made.get("headers") or {}).items() if n.lower() in ("content-type", "idempotency-key")
        }
        return await caller.http.request(self.case.method, path, params=params, content=body, headers=headers)


def documented() -> Any:
    """The document as schemathesis reads it. Sessions are ours to give: the document's are left out."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    document["components"].pop("securitySchemes")
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
    return schemathesis.openapi.from_dict(document)


def requests() -> list[Sent]:
    """Some of each operation; the same ones in every run."""
    found: list[Sent] = []
    for result in documented().get_all_operations():
        operation = result.ok()
        perms = operation.definition.raw["x-perms"][0]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            is_right = mode is GenerationMode.POSITIVE
            found += [Sent(case, perms, is_right) for case in cases(operation.as_strategy(generation_mode=mode))]
    return found


def cases(strategy: Any) -> list[Any]:
    """A few that the strategy makes; perhaps none."""
    made: list[Any] = []

    @settings(REPEATABLE, max_examples=EXAMPLES)
    @given(case=strategy)
    def keep(case: Any) -> None:
        made.append(case)

    with suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
        keep()
    return made


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """admin_api over SQLite with a row or two of everything, without the services that it asks."""
    url = f"sqlite+aiosqlite:///{tmp_path}/admin.db"
    await asyncio.to_thread(upgrade, url, "admin_api")
    keys = ("key-of-the-fuzzing-tests",)
    known = AdminSettings(
        database_url=url, redis_url="memory://", rabbitmq_url="memory://", internal_keys=keys, master_keys=MASTER_KEYS,
        gateway_url="http://127.0.0.1:1/router/rest",
    )  # fmt: skip
    async with open_world(known, Embedded()) as opened:
        admin = await opened.administrator()
        app = await admin.new_app()
        mapping = await admin.new_mapping()
        await admin.put(f"/apps/{app['id']}/grants/{mapping['id']}", {})
        await admin.made("/recharges", cus_id=app["cus_id"], money=5, payment_type=1)
        yield opened


async def test_no_request_is_a_fault_and_none_gets_further_than_its_caller_may(world: World) -> None:
    """Strangers, readers, operators and administrators: no 500, 401 and 403 exactly where they are due, answers as documented."""
    callers = {role_id: await world.operator_of_role(role_id) for role_id in (READER, OPERATOR, ADMINISTRATOR)}
    callers[0] = (await world.caller(), Permissions())
    sent = await asyncio.to_thread(requests)
    assert len(sent) > 300
    statuses: set[int] = set()
    for number, request in enumerate(sent):
        path_id = "1" if number % 2 else None
        for role_id in (0, READER, OPERATOR, ADMINISTRATOR):
            caller, held = callers[role_id]
            answer = await request.by(caller, path_id)
            if answer.status_code == 401 and role_id:  # an earlier request has ended the session
                caller, held = callers[role_id] = await world.operator_of_role(role_id)
                answer = await request.by(caller, path_id)
            about = f"{role_id} {request.case.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
            statuses.add(answer.status_code)
            assert answer.status_code != 500, about
            if request.perms == PUBLIC:
                continue
            if role_id == 0:
                assert answer.status_code == 401, about
            elif request.perms != SIGNED_IN and not held.allows(request.perms):
                assert (answer.status_code, answer.json()["missing"]) == (403, request.perms), about
            else:
                assert answer.status_code != 401, about
                checks = [status_code_conformance, response_schema_conformance]
                request.case.validate_response(answer, checks=checks)
    assert {200, 401, 403, 404, 422} <= statuses


async def test_what_answers_name_is_followed_without_a_fault(world: World) -> None:
    """Ids that one answer names go into the next request: what was made is there, what was deleted is gone, nothing is a fault."""
    loop = asyncio.get_running_loop()
    admin, _ = await world.operator_of_role(ADMINISTRATOR)
    met: set[str] = set()
    wrong: list[str] = []

    async def ask(case: Any) -> httpx.Response:
        nonlocal admin
        answer = await Sent(case, "", is_right=False).by(admin, None)
        if answer.status_code == 401:  # this walk, or one before it, has ended the session
            admin, _ = await world.operator_of_role(ADMINISTRATOR)
            answer = await Sent(case, "", is_right=False).by(admin, None)
        return answer

    class Walk(documented().as_state_machine()):  # type: ignore[misc]
        def call(self, case: Any, **_: Any) -> Response:
            answer = asyncio.run_coroutine_threadsafe(ask(case), loop).result(60)
            if answer.is_success and case.path_parameters:
                met.add(case.operation.label)
            if answer.status_code == 500:
                wrong.append(f"{case.method} {answer.request.url}: {answer.text[:300]}")
            return Response.from_httpx(answer, verify=True)

        def validate_response(self, response: Response, case: Any, **_: Any) -> None:
            try:
                case.validate_response(response, checks=FOLLOWING, recorder=self.recorder)
            except FailureGroup as failures:
                wrong.extend(str(failure)[:600] for failure in failures.exceptions)

    for number in range(WALKS):
        seed(number)(Walk)
        # Hypothesis expects the same answers from walk to walk; rows stay, so that it gives some up: they are told of above.
        with suppress(FlakyStrategyDefinition):
            await asyncio.to_thread(Walk.run, settings=settings(REPEATABLE, max_examples=2, stateful_step_count=STEPS))
    assert wrong == []
    assert len(met) > 5, met  # ids were those of rows
