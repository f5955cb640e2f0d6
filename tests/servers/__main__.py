"""`python -m tests.servers`: all four servers until Ctrl-C, with the exports that make the tests use them."""

import shlex
import signal
import sys

from tests.servers.pool import REPLACEMENTS, ServerPool
from tests.servers.process import ServerUnavailable
from tests.servers.rabbitmq import CONTROL


def main() -> int:
    """Start, print the exports, wait for a signal, stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pool = ServerPool()
    try:
        pool.begin(*REPLACEMENTS)
        exports = {name: pool.url(kind) for kind, name in REPLACEMENTS.items()}
        exports[CONTROL] = pool.rabbitmq_control()
        for name, value in exports.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"# Logs and data: {pool.folder}. Ctrl-C stops and removes everything.", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    except ServerUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        pool.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
