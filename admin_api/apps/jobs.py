"""What happens to apps by itself: a replaced secret ends when its day of grace is over."""

import asyncio
import logging

from admin_api.apps.service.secrets import retire_expired_secrets
from admin_api.outbox.changes import Changes
from admin_api.security.operators import SYSTEM
from openplatform.errors import PlatformUnavailable

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""A secret must not outlive its 24 hours by more than somebody would notice."""


async def retire_secrets(changes: Changes) -> None:
    """Runs until cancelled; any number of instances may run it."""
    while True:
        try:
            made = await changes.make(SYSTEM, retire_expired_secrets)
            if made.value:
                log.info("the replaced secrets of %d apps have ended", made.value)
        except PlatformUnavailable as error:
            log.warning("replaced secrets wait for their end: %s", error.sub_msg)
        except Exception:  # the job goes on whatever happened
            log.exception("ending replaced secrets failed")
        await asyncio.sleep(EVERY_S)
