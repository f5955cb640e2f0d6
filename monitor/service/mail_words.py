"""The words of mails in the two languages that recipients can have. `{}` is filled by the text's name in braces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. metrics: name and unit of what a rule watches; table: a mail's columns; times: second, minute, hour."""

    html_lang: str
    colon: str
    severities: Mapping[str, str]
    metrics: Mapping[str, tuple[str, str]]
    seconds: str
    minutes: str
    hours: str
    opened: str
    reminder: str
    closed: str
    slow: str
    slow_one: str
    slow_closed: str
    slow_closed_one: str
    few: str
    few_closed: str
    all_calls: str
    blind: str
    blind_down: str
    blind_late: str
    blind_closed: str
    quota: str
    test: str
    digest: str
    window: str
    between: str
    rule: str
    all_apis: str
    rule_over: str
    rule_few: str
    rule_blind: str
    reason: str
    effect: str
    effect_open: str
    effect_closed: str
    recipients: str
    apps: str
    vendors: str
    runbook: str
    log_search: str
    event_page: str
    silence: str
    rules_page: str
    table: tuple[str, ...]
    worst: str
    slowest: str
    slowest_table: tuple[str, ...]
    quota_table: tuple[str, ...]
    digest_table: tuple[str, ...]
    is_new: str
    lasting: str
    lasted: str
    no_calls: str
    more: str
    quota_resets: str
    test_text: str
    digest_text: str
    footer: str

    def duration(self, length: timedelta) -> str:
        """`50 秒`, `17 分钟`, `3 小时 5 分钟`."""
        seconds = max(int(length.total_seconds()), 0)
        hours, minutes = divmod(seconds // 60, 60)
        if hours:
            return " ".join([f"{hours} {self.hours}", *([f"{minutes} {self.minutes}"] if minutes else [])])
        return f"{minutes} {self.minutes}" if minutes else f"{seconds} {self.seconds}"


ZH = Words(
    html_lang="zh-CN",
    colon="：",
    severities={"critical": "严重", "warning": "警告"},
    metrics={"mean_ms": ("平均响应", "ms"), "p95_ms": ("P95响应", "ms"), "error_rate": ("错误率", "%")},
    seconds="秒",
    minutes="分钟",
    hours="小时",
    opened="[报警][{severity}] {what}",
    reminder="[提醒][{severity}] {what}，已持续 {lasted}",
    closed="[恢复] {what}，持续 {lasted}",
    slow="{count} 个API {window}{metric}超 {limit}{unit} (最高 {worst} {value}{unit})",
    slow_one="{count} 个API {window}{metric}超 {limit}{unit} (最高 {worst} {value}{unit})",
    slow_closed="{count} 个API {window}{metric}不再超 {limit}{unit} (最高 {worst} {value}{unit})",
    slow_closed_one="{count} 个API {window}{metric}不再超 {limit}{unit} (最高 {worst} {value}{unit})",
    few="{api} {window}内仅 {value} 次调用 (应不少于 {limit} 次)",
    few_closed="{api} 又有调用 (曾最低 {window} {value} 次)",
    all_calls="全部API",
    blind="看不到调用日志：{why}",
    blind_down="日志查询不可用",
    blind_late="日志延迟 {lag}",
    blind_closed="又能看到调用日志",
    quota="[配额][{severity}] {count} 个应用的当日用量达到上限的 {level}% (最高 {worst} {value}%)",
    test="[测试] 报警规则「{rule}」的测试邮件",
    digest="[汇总] 邮件过多，{count} 封报警邮件合并为一封",
    window="窗口",
    between="{start} 至 {end}",
    rule="规则",
    all_apis="所有 API",
    rule_over="{name}：{scope} {metric} > {limit}{unit}，窗口内至少 {min_calls} 次调用",
    rule_few="{name}：{scope} 窗口内少于 {limit} 次调用",
    rule_blind="{name}：日志延迟超过 {limit} 秒，或日志查询不可用",
    reason="原因",
    effect="影响",
    effect_open="在此期间无法判断各 API 是否正常",
    effect_closed="已恢复判断",
    recipients="收件人",
    apps="主要应用",
    vendors="主要商家",
    runbook="处理手册",
    log_search="日志搜索",
    event_page="报警事件",
    silence="静默 1 小时（需登录）",
    rules_page="报警规则",
    table=("API", "{metric} ({unit})", "P95 (ms)", "次数", "错误率", "上限", "较上一窗口", "说明"),
    worst="曾最高",
    slowest="最慢的请求",
    slowest_table=("时间", "请求ID", "API", "应用", "商家", "耗时 (ms)", "错误码"),
    quota_table=("应用", "app_key", "已用", "上限", "比例"),
    digest_table=("时间", "邮件"),
    is_new="新",
    lasting="已持续 {lasted}",
    lasted="持续 {lasted}",
    no_calls="，恢复时无调用",
    more="另有 {count} 行未列出",
    quota_resets="用量在次日零点（平台时区）重新计数；达到 100% 后，该应用的调用被拒绝（错误码 7）。",
    test_text="收到本邮件，说明该规则的报警可以送达您。当前没有报警。",
    digest_text="一小时内发给您的报警邮件已达 {cap} 封。下列邮件没有单独发出，内容见控制台。",
    footer="本邮件由 Pailou 监控自动发出，请勿回复；不想再收到，请联系管理员把您从规则的收件人中移除。",
)

EN = Words(
    html_lang="en",
    colon=": ",
    severities={"critical": "critical", "warning": "warning"},
    metrics={
        "mean_ms": ("mean response time", " ms"),
        "p95_ms": ("p95 response time", " ms"),
        "error_rate": ("error rate", "%"),
    },
    seconds="s",
    minutes="min",
    hours="h",
    opened="[ALERT][{severity}] {what}",
    reminder="[REMINDER][{severity}] {what}, for {lasted} now",
    closed="[RESOLVED] {what}, lasted {lasted}",
    slow="{count} APIs: {window} {metric} over {limit}{unit} (worst {worst} {value}{unit})",
    slow_one="{count} API: {window} {metric} over {limit}{unit} (worst {worst} {value}{unit})",
    slow_closed="{count} APIs: {window} {metric} no longer over {limit}{unit} (worst {worst} {value}{unit})",
    slow_closed_one="{count} API: {window} {metric} no longer over {limit}{unit} (worst {worst} {value}{unit})",
    few="{api}: only {value} calls in {window} (should be {limit} or more)",
    few_closed="{api} is called again (lowest: {value} calls in {window})",
    all_calls="all APIs",
    blind="call logs cannot be seen: {why}",
    blind_down="the log search does not answer",
    blind_late="logs are {lag} late",
    blind_closed="call logs can be seen again",
    quota="[QUOTA][{severity}] {count} app(s) used {level}% of their day's limit (most: {worst} {value}%)",
    test='[TEST] a mail of the alert rule "{rule}"',
    digest="[DIGEST] too many mails: {count} alert mails in one",
    window="Window",
    between="{start} to {end}",
    rule="Rule",
    all_apis="all APIs",
    rule_over="{name}: {metric} of {scope} > {limit}{unit}, with at least {min_calls} calls in the window",
    rule_few="{name}: fewer than {limit} calls of {scope} in the window",
    rule_blind="{name}: logs more than {limit} s late, or the log search does not answer",
    reason="Reason",
    effect="Effect",
    effect_open="whether APIs are well cannot be judged meanwhile",
    effect_closed="APIs are judged again",
    recipients="Recipients",
    apps="Most affected apps",
    vendors="Most affected merchants",
    runbook="Runbook",
    log_search="Log search",
    event_page="Alert",
    silence="Silence for 1 hour (sign-in needed)",
    rules_page="Alert rules",
    table=("API", "{metric} ({unit})", "P95 (ms)", "Calls", "Errors", "Limit", "vs. window before", "Note"),
    worst="worst",
    slowest="Slowest requests",
    slowest_table=("Time", "Request id", "API", "App", "Merchant", "ms", "Error"),
    quota_table=("App", "app_key", "Used", "Limit", "Share"),
    digest_table=("Time", "Mail"),
    is_new="new",
    lasting="for {lasted}",
    lasted="lasted {lasted}",
    no_calls=", no calls at the end",
    more="{count} more rows are not listed",
    quota_resets="Counting begins anew at midnight in the platform's time zone. At 100 % the app's calls are refused (error 7).",
    test_text="This mail shows that alerts of this rule reach you. Nothing is wrong at the moment.",
    digest_text="{cap} alert mails were sent to you within an hour. These were not sent one by one; see the console.",
    footer="Sent by Pailou's monitor; please do not answer. To get no more of these, ask an administrator to take you off the rule.",
)

WORDS: Mapping[str, Words] = {"zh": ZH, "en": EN}
"""By a recipient's language."""
