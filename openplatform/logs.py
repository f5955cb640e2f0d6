"""Set-up of the process log: one line per event on stderr, UTC, with the service's name."""

import logging
import sys
import time


def set_up_logging(service: str, level: str = "INFO") -> None:
    """Replaces the root handlers; called once by a command, never at import time."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ %(levelname)-7s {service} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Third-party chatter at INFO would drown our own lines; its warnings stay.
    for name in ("apscheduler", "httpx", "aio_pika", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It repeats every note of the server, such as MariaDB's on each named primary key while tables are created.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    # Their warnings and tracebacks of a server that is away come on top of the line that whoever asked for it writes.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
