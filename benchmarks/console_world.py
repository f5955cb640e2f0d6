"""What the console's lists are measured on: a real MariaDB with many rows of everything, admin_api and the monitor over it."""

import base64
import json
import secrets
import sys
import urllib.error
import urllib.request
from pathlib import Path

from openplatform.sealing import Seal
from openplatform.sql import upgrade
from tests.servers import MariaDB, RabbitMQ, Redis
from tests.servers.mariadb import execute, fresh_database
from tests.servers.pool import ServerPool
from tests.servers.ports import free_port
from tests.servers.process import Server

ROOT = Path(__file__).parent.parent
EMAIL = "root@pailou.example"
CUSTOMERS, APPS, ROUTES, TOKENS = 1_000, 10_000, 1_000, 100_000
"""The numbers that the bound on a list page is promised for; the other tables are filled in proportion."""

_ROWS = (
    f"customer (username, password, nickname, address, state, money) "
    f"SELECT CONCAT('isv', seq), '', CONCAT('杭州云帆', seq), '文三路 90 号', seq % 20 > 0, seq * 997 FROM seq_1_to_{CUSTOMERS}",
    f"app_mapping (gateway_api_name, inside_api_url, state, description, service_id, idempotents, needfee, http_method, is_open,"
    f" timeout_ms, price_fen, cache_ttl_s, limit_per_minute, list_items, `sensitive`, api_version, api_group, request_schema) "
    f"SELECT CONCAT('open.bench', seq % 40, '.number', seq, '.get'), '/orders/{{order_id}}', seq % 10 > 0, '查询订单详情，含收货地址',"
    f" CONCAT('service-', seq % 12), 1, seq % 5 = 0, 'GET', seq % 2, 3000, 1, 0, 6000, '{{}}', '[]', '1.0', 'bench',"
    f' CONCAT(\'{{"type":"object","description":"\', REPEAT(\'x\', 2000), \'"}}\') FROM seq_1_to_{ROUTES}',
    f"app_api_grant (app_id, mapping_id, daily_limit, data_scope) "
    f"SELECT 1 + seq % {APPS}, 1 + (seq * 7 + seq DIV {APPS}) % {ROUTES}, IF(seq % 3, NULL, 5000), '' FROM seq_1_to_{5 * APPS}",
    f"app_ip_allow (app_id, cidr) SELECT seq, CONCAT('10.', seq % 250, '.0.0/16') FROM seq_1_to_{APPS}",
    f"user_token (app_id, user_id, access_token, expire_time, start_time, token_hint, scope, revoked_at) "
    f"SELECT 1 + seq % {APPS}, seq % 30000, SHA2(seq, 256), NOW() - INTERVAL 500 HOUR + INTERVAL seq % 9000 HOUR, NOW() - INTERVAL 1 DAY,"
    f" '6100…e23a', '', IF(seq % 50, NULL, NOW()) FROM seq_1_to_{TOKENS}",
    f"recharge (order_id, cus_id, create_time, update_time, money, state, payment_type) "
    f"SELECT 880000000000 + seq, 1 + seq % {CUSTOMERS}, NOW() - INTERVAL seq MINUTE, NOW() - INTERVAL seq MINUTE, seq * 7, seq % 3,"
    f" 1 + seq % 3 FROM seq_1_to_{APPS}",
    "admin_user (password, email, real_name, status) "
    "SELECT '', CONCAT('op', seq, '@pailou.example'), CONCAT('张', seq), 1 FROM seq_1_to_300",
    f"login_log (email, remote_ip, user_agent, outcome, create_time) "
    f"SELECT CONCAT('op', seq % 300, '@pailou.example'), CONCAT('10.0.0.', seq % 250), 'Mozilla/5.0', 1, NOW() - INTERVAL seq SECOND"
    f" FROM seq_1_to_{TOKENS}",
    f"admin_audit_log (create_time, user_id, who, remote_ip, request_id, action, table_name, row_id, `before`, `after`) "
    f"SELECT NOW() - INTERVAL seq SECOND, 1, CONCAT('op', seq % 300, '@pailou.example'), '10.0.0.1', MD5(seq), 'update', 'app_info',"
    f" seq % {APPS}, '{{\"daily_limit\": 100}}', '{{\"daily_limit\": 200}}' FROM seq_1_to_{TOKENS}",
)

_MONITOR_ROWS = (
    f"alert_rule (id, name, api_name, metric, threshold, window_s, min_calls, pending_windows, severity, recipients, runbook_url, enabled,"
    f" built_in, version, create_time, update_time, updated_by, active_days) "
    f"SELECT 100 + seq, CONCAT('慢接口 ', seq), CONCAT('open.bench', seq % 40, '.number', seq, '.get'),"
    f" 'mean_ms', 1000, 300, 1, 0, 'warning',"
    f" 'ops@pailou.example', '', 0, 0, 2, NOW(), NOW(), 'op1@pailou.example', '' FROM seq_1_to_{ROUTES}",
    f"alert_event (rule_id, alert_group, api_name, value, peak, calls, errors, p95_ms, detail, thread_id, clean_windows, opened_at,"
    f" seen_at, notified_at, closed_at, over_windows, is_pending, threshold, acked_by, ack_note) "
    f"SELECT 101 + seq % {ROUTES}, 'mean_ms', CONCAT('open.bench', seq % 40, '.number', seq % {ROUTES}, '.get'), 1500, 2300, 9000, 12,"
    f" 3100, '', CONCAT('alert-', seq), 2, NOW() - INTERVAL {TOKENS} - seq MINUTE, NOW() - INTERVAL {TOKENS} - seq MINUTE,"
    f" NOW() - INTERVAL {TOKENS} - seq MINUTE, IF(seq % 1000, NOW() - INTERVAL {TOKENS} - seq MINUTE, NULL), 5, 0, 1000, '', ''"
    f" FROM seq_1_to_{TOKENS}",
    f"alert_sample (event_id, at, value) SELECT seq DIV 5 + 1, NOW() - INTERVAL seq % 5 MINUTE, 1000 + seq % 700"
    f" FROM seq_0_to_{5 * TOKENS - 1}",
    f"alert_silence (rule_id, api_name, until, reason, created_by, create_time, ended_by) "
    f"SELECT IF(seq % 2, NULL, 101 + seq % {ROUTES}), CONCAT('open.bench', seq % 40, '.number', seq % {ROUTES}, '.get'),"
    f" NOW() + INTERVAL IF(seq % 100, -seq, seq) MINUTE,"
    f" '发布窗口', 'op1@pailou.example', NOW() - INTERVAL seq MINUTE, '' FROM seq_1_to_{APPS}",
    f"mail_outbox (rule_id, alert_group, window_start, kind, recipient, subject, body_text, body_html, message_id, thread_id, state,"
    f" attempts, next_at, last_error, create_time, sent_at, language) "
    f"SELECT 101 + seq % {ROUTES}, CONCAT('mean_ms', seq), NOW() - INTERVAL seq MINUTE, 'opened', 'ops@pailou.example',"
    f" '[报警][警告] 1 个API 5分钟平均响应超 1000ms', REPEAT('x', 300), REPEAT('x', 1200), CONCAT('m', seq), CONCAT('alert-', seq),"
    f" IF(seq % 50, 'sent', 'bad'), 1, NOW(), '', NOW() - INTERVAL seq MINUTE, NOW(), 'zh' FROM seq_1_to_{TOKENS}",
)


class Service(Server):
    """`pailou serve …`, one process; profile_to: a file for samples of where time goes, None = no profiler."""

    user = "root"
    environment: dict[str, str]
    profile_to: Path | None = None

    def spawn(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.make_folder()
        program = ["-m", "pailou"] if self.profile_to is None else ["-m", "benchmarks.profiled", str(self.profile_to)]
        port = {f"PAILOU_{self.name.upper()}_PORT": str(self.port)}
        self.launch(
            [sys.executable, *program, "serve", self.name], {"PYTHONPATH": str(ROOT), **port, **self.environment}
        )

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:  # 503: not yet
            return False

    def credentials(self) -> dict[str, int]:
        return {}  # the checkout may be readable by nobody else


class Monitor(Service):
    """Judges and mails as it does elsewhere; it has no call logs to look at."""

    name = "monitor"


class Admin(Service):
    """The operators' process."""

    name = "admin"

    def sign_in(self) -> str:
        """An administrator's token, after the change of password that the first sign-in asks for."""
        password = self.environment["PAILOU_ADMIN_PASSWORD"]
        token = self._told("POST", "/login", "", email=EMAIL, password=password)
        return self._told("PUT", "/me/password", token, old_password=password, new_password=password + "!")

    def _told(self, method: str, path: str, token: str, **fields: str) -> str:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", json.dumps(fields).encode(), headers, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["token"])


def start_admin(pool: ServerPool, *, profile_to: Path | None = None) -> tuple[Admin, Monitor, MariaDB]:
    """admin_api and the monitor over a new MariaDB that is filled."""
    pool.begin(Redis, RabbitMQ)
    mariadb = pool.make(MariaDB)
    mariadb.start()
    url = fresh_database(mariadb.url, "console")
    upgrade(url, "admin_api")
    key = secrets.token_bytes(32)
    shared = {
        "PAILOU_REDIS_URL": pool.url(Redis), "PAILOU_INTERNAL_KEYS": secrets.token_hex(16), "PAILOU_DRAIN_S": "0",
    }  # fmt: skip
    monitor = _started_monitor(pool, mariadb.url, shared)
    admin = pool.make(Admin)
    admin.profile_to = profile_to
    admin.environment = shared | {
        "PAILOU_ADMIN_DATABASE_URL": url,
        "PAILOU_RABBITMQ_URL": pool.url(RabbitMQ),
        "PAILOU_MASTER_KEYS": f"bench:{base64.b64encode(key).decode()}",
        "PAILOU_ADMIN_EMAIL": EMAIL,
        "PAILOU_ADMIN_PASSWORD": secrets.token_hex(12),
    }
    admin.start()  # before there are users: it makes the first one
    _fill(mariadb.url, url.rpartition("/")[2], Seal({"bench": key}))
    return admin, monitor, mariadb


def _started_monitor(pool: ServerPool, server_url: str, shared: dict[str, str]) -> Monitor:
    url = fresh_database(server_url, "monitor")
    upgrade(url, "monitor")
    monitor = pool.make(Monitor)
    monitor.environment = shared | {
        "PAILOU_MONITOR_DATABASE_URL": url,
        "PAILOU_MAILER_URL": f"outbox://{monitor.folder}/mails",
        "PAILOU_MAIL_FROM": "pailou@pailou.example",
        "PAILOU_ALERT_RECIPIENTS": "ops@pailou.example",
    }
    monitor.start()  # before there are rules: it makes the first ones
    for rows in _MONITOR_ROWS:
        _insert(server_url, url.rpartition("/")[2], rows)
    return monitor


def _fill(server_url: str, database: str, seal: Seal) -> None:
    """The sequences are MariaDB's own: a table of 100,000 rows is one statement. Sealed secrets have to come from here."""
    for rows in _ROWS:
        _insert(server_url, database, rows)
        if rows.startswith("customer"):
            _fill_apps(server_url, database, seal)


def _insert(server_url: str, database: str, rows: str) -> None:
    execute(server_url, f"INSERT INTO `{database}`.{rows.replace('FROM seq', f'FROM `{database}`.seq')}")


def _fill_apps(server_url: str, database: str, seal: Seal) -> None:
    columns = "id, corp_name, app_name, app_key, app_secret, redirect_url, daily_limit, minute_limit, description, cus_id, state"
    rows = []
    for number in range(1, APPS + 1):
        app_key = str(23_000_000 + number)
        sealed = seal.seal(secrets.token_hex(16), f"app_info|{app_key}")
        rows.append(
            f"({number}, '杭州云帆 {number % CUSTOMERS}', '订单同步 {number}', '{app_key}', '{sealed}', 'https://isv.example/', "
            f"{1000 + number}, NULL, '同步订单与库存', {1 + number % CUSTOMERS}, {number % 25 > 0:d})"
        )
    execute(server_url, f"INSERT INTO `{database}`.app_info ({columns}) VALUES {','.join(rows)}")
