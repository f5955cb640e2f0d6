"""What the explanation can say, in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and what the request does about it. rule: stable, for programs; is_fault: False = a remark."""

    rule: str
    detail: str
    detail_zh: str
    is_fault: bool = True


def missing(name: str, near: str) -> Finding:
    """near: a parameter that was sent and is probably meant, "" = none."""
    if near:
        return Finding(
            "names",
            f"{name} is missing; {near} was sent: names are exact",
            f"缺少参数 {name}；收到的是 {near}，参数名必须完全一致",
        )
    return Finding("missing", f"the parameter {name} is missing", f"缺少参数 {name}")


def hours_off(hours: int) -> Finding:
    """The timestamp is that of another zone."""
    return Finding(
        "time-zone",
        f"the timestamp is {hours:+d} h from our clock: it must be at GMT+8, whatever the machine's zone is",
        f"timestamp 与平台时间相差 {hours:+d} 小时：必须使用 GMT+8 时间",
    )


GOOD = Finding("good", "the signature is right", "签名正确", is_fault=False)
UNKNOWN = Finding(
    "unknown",
    "no known mistake gives this signature: another secret, or a parameter was changed after signing. Compare your text with the one"
    " that is to be signed, byte by byte",
    "没有已知错误能得到该签名：可能使用了其他密钥，或签名后修改了参数。请逐字节对比待签名字符串",
)
