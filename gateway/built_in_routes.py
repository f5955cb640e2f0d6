"""The APIs that the gateway answers itself, as routes: the catalogue adds them to those that operators make."""

from openplatform.records import ApiName, Route

BUILT_IN = "built-in"
"""The service_id that these routes show; no service has it, none is asked."""

_PAGE = (
    '{"type":"object","properties":{"page_no":{"type":"integer","minimum":1,"default":1},'
    '"page_size":{"type":"integer","minimum":1,"maximum":200,"default":40}}}'
)
_APIS: dict[str, tuple[str, str | None, str]] = {
    "time.get": ("平台时间（GMT+8）。", None, '{"time":"2026-07-31 10:20:30"}'),
    "app.quota.get": (
        "本应用的调用限额：每天、每分钟，以及按接口授权的限额；已用、剩余、重置时间。",
        None,
        '{"quotas":[{"period":"day","used":3,"reset_time":"2026-08-01 00:00:00","limit":1000,"remaining":997}]}',
    ),
    "app.balance.get": ("本应用所属客户可用的余额，单位为分。", None, '{"spendable_fen":16800}'),
    "api.list": (
        "本应用可以调用的接口，按名称排序，分页。",
        _PAGE,
        '{"apis":[{"api_name":"open.order.get","description":"订单详情","needs_session":true}],'
        '"total_results":1,"page_no":1,"page_size":40}',
    ),
}


def built_in_routes(platform_prefix: str) -> dict[str, tuple[str, Route]]:
    """API name → (what it answers, its route), each under `open.` and under the platform's prefix.

    Signed like any other, open to every app, without a session or a fee; they count against the app's limits.
    """
    return {
        prefix + name: (name, _route(prefix + name, description, schema, example))
        for prefix in ("open.", platform_prefix)
        for name, (description, schema, example) in _APIS.items()
    }


def _route(api_name: str, description: str, schema: str | None, example: str) -> Route:
    return Route(
        api_name=ApiName(api_name),
        service_id=BUILT_IN,
        inside_api_url="/",
        enabled=True,
        needs_session=False,
        is_open=True,
        idempotent=True,
        description=description,
        group="平台",
        request_schema=schema,
        response_example=example,
    )
