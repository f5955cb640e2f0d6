"""What happens in the back office by itself: old attempts to sign in are forgotten."""

import asyncio
import logging
from datetime import timedelta

from admin_api.outbox.changes import Changes
from admin_api.security.repository import forget_attempts
from openplatform.errors import PlatformUnavailable

log = logging.getLogger(__name__)

KEPT = timedelta(days=180)
"""Half a year of logins for who looks into an incident; locks need two days."""
EVERY_S = 6 * 3600.0


async def forget_old_logins(changes: Changes) -> None:
    """Runs until cancelled; any number of instances may run it."""
    while True:
        try:
            async with changes.database.begin() as connection:
                await forget_attempts(connection, changes.now() - KEPT)
        except PlatformUnavailable as error:
            log.warning("old logins wait to be forgotten: %s", error.sub_msg)
        except Exception:  # the job goes on whatever happened
            log.exception("forgetting old logins failed")
        await asyncio.sleep(EVERY_S)
