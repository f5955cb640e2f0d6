"""Who and what the demo is about: two merchants, their warehouses, what they sell."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Merchant:
    """vender_id: as the services know it; orders: how many it has; first_order_id: its orders are numbered from here."""

    vender_id: int
    name: str
    orders: int
    first_order_id: int


@dataclass(frozen=True, slots=True)
class Warehouse:
    """sn: five characters, unique over all merchants; on_hand: of each product."""

    vender_id: int
    sn: str
    name: str
    contact: str
    phone: str
    province: int
    city: int
    district: int
    address: str
    on_hand: int


@dataclass(frozen=True, slots=True)
class Product:
    """price_fen: what buyers pay; cost: what a piece cost, yuan."""

    product_id: int
    name: str
    price_fen: int
    cost: Decimal


TEA = Merchant(100001, "云岭茶业", orders=120, first_order_id=880000000001)
SHOES = Merchant(100002, "北辰鞋业", orders=80, first_order_id=880000100001)
MERCHANTS = (TEA, SHOES)

WAREHOUSES = (
    Warehouse(TEA.vender_id, "KM001", "昆明中心仓", "陈立", "0871-65550101", 25, 2468, 2469, "官渡区经开路 18 号", 400),
    Warehouse(TEA.vender_id, "SH001", "上海前置仓", "周敏", "021-65550102", 2, 2824, 2830, "嘉定区园大路 9 号", 150),
    Warehouse(SHOES.vender_id, "QZ001", "泉州总仓", "林海", "0595-65550103", 16, 1332, 1334, "晋江市鞋都路 66 号", 600),
)

PRODUCTS: dict[int, tuple[Product, ...]] = {
    TEA.vender_id: (
        Product(10001, "普洱熟茶 357g 饼", 16800, Decimal("72.50")),
        Product(10002, "滇红金芽 250g 罐", 12900, Decimal("54.00")),
        Product(10003, "月光白 100g 袋", 8800, Decimal("31.20")),
        Product(10004, "古树生茶 200g 砖", 21800, Decimal("103.75")),
        Product(10005, "紫砂旅行茶具 四件", 29900, Decimal("148.00")),
    ),
    SHOES.vender_id: (
        Product(20001, "轻跑鞋 男款 42", 39900, Decimal("176.40")),
        Product(20002, "轻跑鞋 女款 37", 38900, Decimal("171.80")),
        Product(20003, "帆布鞋 白 40", 15900, Decimal("58.60")),
        Product(20004, "登山靴 43", 59900, Decimal("288.00")),
    ),
}

OPEN_ORDER, CANCEL_ORDER, DEDUCT_ORDER = (TEA.first_order_id + n for n in range(3))
"""Orders that the examples of the APIs name: to be read and remarked on, cancelled, to have its stock deducted. All wait for shipment."""
LOCK_ORDER = TEA.first_order_id + 3
"""The order whose stock the examples lock and unlock; it holds nothing at first."""
SHIP_ORDER = TEA.first_order_id + 4
"""The order that the examples ship; it waits for shipment and holds its stock."""
RECEIVED_ORDER = TEA.first_order_id + 40
"""The order that the examples complete; it left a week ago."""
WAITING_ORDERS = frozenset({OPEN_ORDER, CANCEL_ORDER, DEDUCT_ORDER, LOCK_ORDER, SHIP_ORDER})
