"""What the console's lists are measured on: a real MariaDB with many rows of everything, and `pailou serve admin` over it."""

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


class Admin(Server):
    """`pailou serve admin`, one process; profile_to: a file for samples of where time goes, None = no profiler."""

    name = "admin"
    user = "root"
    environment: dict[str, str]
    profile_to: Path | None = None

    def spawn(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.make_folder()
        program = ["-m", "pailou"] if self.profile_to is None else ["-m", "benchmarks.profiled", str(self.profile_to)]
        environment = {"PYTHONPATH": str(ROOT), "PAILOU_ADMIN_PORT": str(self.port), **self.environment}
        self.launch([sys.executable, *program, "serve", "admin"], environment)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:  # 503: not yet
            return False

    def credentials(self) -> dict[str, int]:
        return {}  # the checkout may be readable by nobody else

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


def start_admin(pool: ServerPool, *, profile_to: Path | None = None) -> tuple[Admin, MariaDB]:
    """admin_api over a new MariaDB that is filled."""
    pool.begin(Redis, RabbitMQ)
    mariadb = pool.make(MariaDB)
    mariadb.start()
    url = fresh_database(mariadb.url, "console")
    upgrade(url, "admin_api")
    key = secrets.token_bytes(32)
    admin = pool.make(Admin)
    admin.profile_to = profile_to
    admin.environment = {
        "PAILOU_ADMIN_DATABASE_URL": url,
        "PAILOU_REDIS_URL": pool.url(Redis),
        "PAILOU_RABBITMQ_URL": pool.url(RabbitMQ),
        "PAILOU_INTERNAL_KEYS": secrets.token_hex(16),
        "PAILOU_MASTER_KEYS": f"bench:{base64.b64encode(key).decode()}",
        "PAILOU_ADMIN_EMAIL": EMAIL,
        "PAILOU_ADMIN_PASSWORD": secrets.token_hex(12),
        "PAILOU_DRAIN_S": "0",
    }
    admin.start()  # before there are users: it makes the first one
    _fill(mariadb.url, url.rpartition("/")[2], Seal({"bench": key}))
    return admin, mariadb


def _fill(server_url: str, database: str, seal: Seal) -> None:
    """The sequences are MariaDB's own: a table of 100,000 rows is one statement. Sealed secrets have to come from here."""
    for rows in _ROWS:
        execute(server_url, f"INSERT INTO `{database}`.{rows.replace('FROM seq', f'FROM `{database}`.seq')}")
        if rows.startswith("customer"):
            _fill_apps(server_url, database, seal)


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
