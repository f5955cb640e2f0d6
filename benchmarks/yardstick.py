"""nginx beside what is measured: machines differ, and one machine from hour to hour; the ratio holds."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.load import Load
from benchmarks.nginx import Reference, Service
from tests.servers.pool import ServerPool

REFERENCE_US = 10.6
"""What nginx takes for `proxy_pass` on the machine that bounds in µs are meant for."""
PARAMS = {
    "method": "bench.order.get", "app_key": "1000017", "session": "6100e23a9f0c47d2b5e1f6a8c3d4e5f6", "timestamp": "2026-11-29 12:00:00",
    "v": "2.0", "format": "json", "sign_method": "hmac-sha256", "order_id": "2026000100000017", "fields": "order_id,status,title,price",
    "sign": "0" * 64,
}  # fmt: skip
"""The call of the other benchmarks."""


def nginx_beside(pool: ServerPool, folder: Path) -> Callable[[], float]:
    """Starts it in the pool; each call of what is returned loads it for a second: µs of CPU per request."""
    service, nginx = pool.make(Service), pool.make(Reference)
    service.start()
    nginx.service_url = service.url
    nginx.start()
    bodies = folder / "bodies"
    bodies.write_text(urlencode(PARAMS) + "\n")
    load = Load(bodies, 64)
    return lambda: load.saturate(nginx.url, nginx.worker_pids, seconds=1).cpu_us
