"""The gateway's HTTP/1.1 client to the services: `Upstreams.call` is the one door; see upstreams.py."""

from gateway.upstream.answer import UpstreamAnswer, UpstreamBounds
from gateway.upstream.budget import RetryBudget
from gateway.upstream.upstreams import Upstreams, open_upstreams

__all__ = ["RetryBudget", "UpstreamAnswer", "UpstreamBounds", "Upstreams", "open_upstreams"]
