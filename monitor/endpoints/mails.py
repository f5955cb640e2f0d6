"""/mails: what became of mails, and another try for those that were refused or held back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.endpoints.alerts import MAX_ID, page
from monitor.endpoints.bodies import Actor, body_of
from monitor.endpoints.shown import Shown
from monitor.repository.mails import MailMissing, MailSettled, page_of_mails, retry_mail
from openplatform.arguments import Arguments
from openplatform.errors import business_error
from openplatform.ports import Clock
from openplatform.sql import Database
from openplatform.web import JsonAnswer, invalid

MAIL_STATES = ("waiting", "sending", "sent", "bad", "held", "digested")


class MailEndpoints:
    """Newest first, without their bodies."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo, shown: Shown) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._shown = shown

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/mails", self.list), Route("/mails/{mail_id:int}/retry", self.retry, methods=["POST"])]

    async def list(self, request: Request) -> Response:
        """state: one of MAIL_STATES or all. → {"total", "mails": […]}"""
        arguments = Arguments(dict(request.query_params), self._zone)
        state = arguments.choice("state", ("all", *MAIL_STATES), "all")
        page_no, page_size = page(arguments)
        total, mails = await page_of_mails(
            self._database, state=None if state == "all" else state, page_no=page_no, page_size=page_size
        )
        return JsonAnswer({"total": total, "mails": [self._shown.mail(mail) for mail in mails]})

    async def retry(self, request: Request) -> Response:
        """Makes the mail due now and trusts its address again. → the mail."""
        await body_of(request, Actor)
        mail_id: int = request.path_params["mail_id"]
        if mail_id > MAX_ID:
            raise invalid("mail_id", "is too large")
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        try:
            mail = await self._database.run(lambda connection: retry_mail(connection, mail_id, now))
        except MailMissing:
            raise business_error("isv.mail-not-found", f"there is no mail {mail_id}", http_status=404) from None
        except MailSettled:
            raise business_error(
                "isv.mail-settled", "the mail was sent already, or is being sent", http_status=409
            ) from None
        return JsonAnswer(self._shown.mail(mail))
