"""Customers, applications, the route table and sessions of the demo."""

from contextlib import suppress
from datetime import datetime, timedelta

from admin_api.apis.service.mappings import create_mapping
from admin_api.apps.service.apps import AppDraft, create_app
from admin_api.apps.service.customers import CustomerDraft, create_customer
from admin_api.apps.service.grants import Grants, grant_many
from admin_api.apps.service.tokens import TokenDraft, create_token
from admin_api.billing.service.recharges import RechargeDraft, create_recharge, pay_recharge
from admin_api.outbox.changes import Change, Changes
from admin_api.security.last_known import LastKnown
from admin_api.security.operators import SYSTEM
from admin_api.tables.rows import ValueTaken
from openplatform.ports import Clock
from openplatform.sealing import Seal
from openplatform.sql import Database
from pailou.demo.apis import MAPPINGS
from pailou.demo.world import SHOES, TEA

APP_KEY = "10000001"
"""The app that the examples call as; the other two show limits and a disabled app."""
SESSION_LIFE = timedelta(days=3650)


class _NobodyListens:
    """The relay is not there yet: when it starts it publishes everything."""

    def wake(self) -> None:
        return


async def seed_platform(database: Database, clock: Clock, seal: Seal, *, app_secret: str, session: str) -> None:
    """Makes two customers, three apps, the route table and two sessions in one transaction, unless they are there.

    app_secret, session: of the first app, acting for the first merchant; the others' are made up.
    """

    async def make(change: Change) -> None:
        erp, helper = await _make_apps(change, seal, app_secret, session)
        ids = [(await create_mapping(change, mapping))["id"] for mapping in MAPPINGS]
        await grant_many(change, erp, Grants(mapping_ids=ids))
        await grant_many(change, helper, Grants(mapping_ids=ids, data_scope="pii"))

    with suppress(ValueTaken):  # an earlier start has made them
        await Changes(database, clock, _NobodyListens(), LastKnown()).make(SYSTEM, make)


async def _make_apps(change: Change, seal: Seal, app_secret: str, session: str) -> tuple[int, int]:
    """The ids of the ISV's app, which sees personal data masked, and of the merchant's own, which sees it as it is."""
    isv = await create_customer(change, CustomerDraft(username="yunfan", nickname="云帆软件", address="杭州市滨江区"))
    shop = await create_customer(change, CustomerDraft(username="beichen", nickname=SHOES.name, address="泉州市晋江市"))
    for owner, fen in ((isv, 100_000), (shop, 5_000)):
        top_up = await create_recharge(change, RechargeDraft(cus_id=owner["id"], money=fen, payment_type=3))
        await pay_recharge(change, top_up["id"])
    erp, _ = await create_app(
        change,
        seal,
        AppDraft(
            cus_id=isv["id"],
            corp_name="云帆软件",
            app_name="云帆ERP",
            daily_limit=100_000,
            minute_limit=6_000,
            description="订单与库存同步。",
        ),
        app_key=APP_KEY,
        app_secret=app_secret,
    )
    tiny = AppDraft(
        cus_id=shop["id"],
        corp_name=SHOES.name,
        app_name="北辰自研助手",
        daily_limit=20,
        minute_limit=5,
        description="额度很小：每天 20 次，每分钟 5 次。",
    )
    helper, _ = await create_app(change, seal, tiny, app_key="10000002")
    stopped = AppDraft(
        cus_id=isv["id"], corp_name="云帆软件", app_name="云帆旧版", daily_limit=1_000, state=0, description="已停用。"
    )
    await create_app(change, seal, stopped, app_key="10000003")
    ends = change.now + SESSION_LIFE
    await create_token(change, _token(erp["id"], TEA.vender_id, ends), token=session)
    await create_token(change, _token(helper["id"], SHOES.vender_id, ends))
    return erp["id"], helper["id"]


def _token(app_id: int, vender_id: int, ends: datetime) -> TokenDraft:
    return TokenDraft(app_id=app_id, user_id=vender_id, expire_time=ends)
