"""Personal data as answers show it."""

import pytest

from order_service.service.masking import masked


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("cons_name", "张三", "张*"),
        ("cons_name", "欧阳娜娜", "欧***"),
        ("cons_name", "王", "*"),
        ("cons_name", "", ""),
        ("cons_name", None, None),
        ("cons_mobile_phone", "13812345678", "138****5678"),
        ("cons_phone", "010-66668888", "010****8888"),
        ("cons_phone", "66668888", "***88"),
        ("cons_phone", "110", "***"),
        ("cons_address", "北京市朝阳区建国路88号5号楼1201室", "北京市朝阳区***"),
        ("cons_address", "建国路88号", "建国***"),
        ("cons_address", "家", "***"),
        ("cons_email", "nana@example.com", "n***@example.com"),
        ("cons_email", "@example.com", "***@example.com"),
        ("cons_email", "not an address", "***"),
        ("invoice_title", "欧阳娜娜", "欧***"),
        ("vat_info", "税号 9111, 电话 010-66668888", "***"),
        ("customerip", "203.0.113.9", "203.0.*.*"),
        ("customerip", "2001:db8::1", "***"),
        ("cons_postcode", "100020", "100020"),
        ("remark", "请送到前台", "请送到前台"),
    ],
)
def test_a_value_is_recognisable_and_no_more(column: str, value: str | None, shown: str | None) -> None:
    """The rest of the order stays as it is."""
    assert masked({"order_id": 1, column: value}) == {"order_id": 1, column: shown}
