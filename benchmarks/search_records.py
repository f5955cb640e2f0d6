"""Call logs for the search benchmark: the same ones in every run, as varied as a busy platform's."""

import random
from collections.abc import Iterator

from openplatform.records import CallLog

LAST_MS = 1_763_769_600_000
"""2025-11-22T00:00:00Z: the records end before it."""
DAYS = 7
FIRST_MS = LAST_MS - DAYS * 86_400_000
APIS = [
    f"open.{noun}.{verb}"
    for noun in ("order", "stock", "sku", "trade")
    for verb in ("get", "search", "add", "list", "count")
]
APPS = [str(10_000_001 + n) for n in range(200)]
CITIES = ("北京市", "上海市", "广州市", "深圳市", "杭州市", "成都市", "武汉市", "西安市")
STREETS = ("建国路", "人民路", "中山路", "解放路", "和平街", "长江道", "天府大道", "南京东路")
NAMES = ("张三丰", "李四光", "王五常", "赵六安", "钱七喜", "孙八斗", "周九章", "吴十全")
GOODS = ("绿茶", "红茶", "运动鞋", "皮鞋", "茶杯", "背包", "台灯", "雨伞", "耳机", "键盘")
ERRORS = (
    "7:accesscontrol.limited-by-app-access-count",
    "15:isp.top-remote-connection-timeout",
    "15:isv.order-not-exists",
    "25:isv.invalid-signature",
    "27:session-expired",
    "40:isv.missing-parameter",
)


def call_logs(count: int) -> Iterator[CallLog]:
    """count records over seven days, oldest first; 4 % errors, response times with a long tail."""
    chance = random.Random(20_251_122)  # sample data
    step_ms = (LAST_MS - FIRST_MS) / count
    for number in range(count):
        draw = chance.getrandbits(62)
        popular = draw % 97 * (draw % 89) // 89  # the product of two draws prefers small numbers
        app, api = APPS[popular % len(APPS)], APIS[(draw >> 7) % 83 * ((draw >> 14) % 79) // 79 % len(APIS)]
        error = ERRORS[(draw >> 21) % len(ERRORS)] if (draw >> 24) % 100 < 4 else "0"
        ms = 3 + (draw >> 31) % 40 + (0 if (draw >> 36) % 50 else (draw >> 37) % 3_000)
        order_id = 880_000_000_000 + (draw >> 5) % 5_000_000
        yield CallLog(
            requestId=f"{draw ^ number:016x}{number:016x}",
            appkey=app,
            servIP="10.0.0.1",
            venderId=1_000 + popular % 500,
            remoteIp=f"203.{(draw >> 12) % 4}.{(draw >> 20) % 256}.{(draw >> 28) % 256}",
            apiName=api,
            platformRepTime=ms,
            requestContent=(
                f"method={api}&app_key={app}&session=***&timestamp=2025-11-15 08:00:00&format=json&v=2.0&sign_method=hmac-sha256"
                f"&order_id={order_id}&fields=order_id,state,items&receiver={NAMES[draw % 8]}"
                f"&address={CITIES[(draw >> 3) % 8]}{STREETS[(draw >> 6) % 8]}{draw % 300}号"
                f"&title={GOODS[(draw >> 9) % 10]}&page_no={draw % 50}&sign=***"
            ),
            errorCode=error,
            receiveTime=FIRST_MS + int(number * step_ms),
            createTime=FIRST_MS + int(number * step_ms) + 900,
            serviceTime=ms - 2 if error == "0" or error.startswith("15") else None,
            httpMethod="POST",
            responseBytes=200 + draw % 4_000,
            gatewayNode=f"gw-{draw % 4}",
            attempts=1,
            traceId=f"{draw:032x}",
        )
