"""Makes the demo data, once, before the services start; and tells visitors how to use it."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from openplatform.adapters.backends import open_log_store
from openplatform.ports import Clock
from openplatform.sealing import Seal
from openplatform.sql import open_database
from pailou.demo.alerts import seed_alerts
from pailou.demo.apis import EXAMPLES
from pailou.demo.call_logs import seed_call_logs
from pailou.demo.orders import orders_to_ship, seed_orders
from pailou.demo.platform import APP_KEY, seed_platform
from pailou.demo.stock import hold_for_orders, seed_stock
from pailou.demo.world import MERCHANTS, TEA
from pailou.var_folder import LocalSecrets, VarFolder, write_private

log = logging.getLogger(__name__)


class DemoFile(msgspec.Struct, frozen=True, kw_only=True):
    """var/demo.json: how a program uses the demo. apis: public name → `example`, business parameters that work."""

    gateway_url: str
    admin_url: str
    admin_email: str
    admin_password: str
    app_key: str
    app_secret: str
    session: str
    vender_id: int
    apis: dict[str, dict[str, dict[str, str]]]


def write_demo_file(path: Path, known: LocalSecrets, *, gateway_url: str, admin_url: str, admin_email: str) -> DemoFile:
    """Writes it, for its owner's eyes only, and returns what it says."""
    demo = DemoFile(
        gateway_url=gateway_url,
        admin_url=admin_url,
        admin_email=admin_email,
        admin_password=known.admin_password,
        app_key=APP_KEY,
        app_secret=known.demo_app_secret,
        session=known.demo_session,
        vender_id=TEA.vender_id,
        apis={name: {"example": example} for name, example in EXAMPLES.items()},
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(demo), indent=2))
    return demo


async def seed_once(folder: VarFolder, known: LocalSecrets, seal: Seal, clock: Clock, log_store_url: str) -> None:
    """Makes what is missing; a start that was killed in the middle is continued, and a finished one never repeated."""
    if folder.demo_made.exists():
        return
    log.info("making demo data")
    now = datetime.fromtimestamp(clock.now(), UTC)
    async with open_database(folder.database_url("warehouse")) as warehouse:
        await seed_stock(warehouse, now)
        async with open_database(folder.database_url("orders")) as orders:
            await seed_orders(orders, now)
            for merchant in MERCHANTS:
                await hold_for_orders(warehouse, clock, merchant, await orders_to_ship(orders, merchant))
    async with open_database(folder.database_url("admin")) as admin:
        await seed_platform(admin, clock, seal, app_secret=known.demo_app_secret, session=known.demo_session)
    async with open_database(folder.database_url("monitor")) as monitor:
        await seed_alerts(monitor, now)
    async with open_log_store(log_store_url) as store:
        await store.prepare()
        await seed_call_logs(store, now)
    folder.demo_made.write_text(now.isoformat(), encoding="utf-8")
