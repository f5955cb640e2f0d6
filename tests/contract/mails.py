"""The mail that the mailers' contract suites send, and its sender."""

from openplatform.records import Mail

SENDER = "Pailou <alerts@pailou.example>"


def mail(**changes: str | None) -> Mail:
    fields: dict[str, str | None] = {
        "to": "ops@pailou.example",
        "subject": "[报警][严重] 3 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)",
        "text": "接口 平均\nopen.order.get 2315\n.\n点开头的一行也要在\n",
        "html": "<p>接口 <b>平均</b> &lt;script&gt;</p>",
        "message_id": "opened.1764000000.1.0123456789abcdef@pailou.example",
        "thread_id": "alert-0123456789abcdef-2025-11-24@pailou.example",
    }
    return Mail(**(fields | changes))  # type: ignore[arg-type]
