"""The gateway's HTTP/1.1 client to the services: `Upstreams.call` is the one door; see upstreams.py."""

from gateway.upstream.answer import UpstreamAnswer, UpstreamBounds
from gateway.upstream.budget import RetryBudget
from gateway.upstream.dialling import DialRules, dial_rules, store_ports
from gateway.upstream.upstreams import Upstreams, open_upstreams

__all__ = [
    "DialRules",
    "RetryBudget",
    "UpstreamAnswer",
    "UpstreamBounds",
    "Upstreams",
    "dial_rules",
    "open_upstreams",
    "store_ports",
]
