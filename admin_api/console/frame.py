"""What all pages share: templates in two languages, refusals as pages, the route class that asks the guard."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response

from admin_api.console.assets import asset_url, icon_url
from admin_api.console.catalogues import LANGUAGES, N_, EarlyTexts, translations
from admin_api.console.formats import Times, filters
from admin_api.console.forms import field_errors
from admin_api.console.views import View, Views, shown_to
from admin_api.security.doorway import PAGE_POLICY
from admin_api.security.guard import GuardedRoute
from admin_api.security.problems import Problem, problem_of
from admin_api.tables.rows import RowInUse, ValueTaken
from admin_api.tables.selection import BulkResult
from openplatform.ports import Clock

log = logging.getLogger(__name__)

LOGIN_PATH, PASSWORD_PATH = "/login", "/me/password"  # addresses
_TEMPLATES = Path(__file__).parent / "templates"
_IN_FORCE = N_("Saved, and on its way to every gateway.")
_WAITING = N_("Saved. It comes into force as soon as Redis answers again.")
_SAVED = N_("Saved.")

REFUSED = (Problem, ValueTaken, RowInUse)
"""What a form is shown again for. Any other exception leaves the page's function and becomes a refusal of its own."""


class Console:
    """Renders pages. One per process; the request's own things are in its View. is_cut_off: whether Redis cannot be reached now;
    is_read_only: whether the database does not answer; every page says so."""

    def __init__(
        self,
        views: Views,
        zone: ZoneInfo,
        clock: Clock,
        *,
        is_cut_off: Callable[[], bool] = lambda: False,
        is_read_only: Callable[[], bool] = lambda: False,
    ) -> None:
        self.views = views
        self.zone = zone
        self._is_cut_off = is_cut_off
        self._is_read_only = is_read_only
        self._environments = {language: _environment(language, zone, clock) for language in LANGUAGES}

    async def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The template, with `view`, `may`, `lang`, `request_path` and these values. A fragment is a template without layout."""
        return self.render(request, await self.views.of(request), template, status=status, headers=headers, **values)

    def render(
        self,
        request: Request,
        view: View,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The same for a view that is known."""
        shown = {
            **shown_to(view), "request_path": request.url.path, "request_url": _target(request),
            "values": {}, "errors": {}, "labels": {}, "problem": None, "check_url": "",
            "is_cut_off": self._is_cut_off(), "is_read_only": self._is_read_only(), **values,
        }  # fmt: skip
        text = self._environments[view.language].get_template(template).render(shown)
        return HTMLResponse(text, status, {"Content-Security-Policy": PAGE_POLICY, **(headers or {})})

    async def form_again(self, request: Request, template: str, error: Exception, **values: Any) -> Response:
        """The form with what was typed, what is wrong with it, and for a conflict both values. error: one of REFUSED."""
        view = await self.views.of(request)
        problem = problem_of(error)
        shown = {"errors": field_errors(problem, view.say, values.get("values", ())), "problem": problem, **values}
        return self.render(request, view, template, status=problem.status, **shown)

    async def done(
        self, request: Request, text: str = _SAVED, *, in_force: bool | None = None, leads_to: str = ""
    ) -> Response:
        """A success without content: a toast here, or after the way to another page. in_force: what the desk says."""
        headers = await self.toast(request, text, in_force=in_force, later=bool(leads_to))
        if leads_to:
            headers["HX-Redirect"] = leads_to
        return Response(status_code=200 if leads_to else 204, headers=headers)

    async def toast(
        self, request: Request, text: str = _SAVED, *, in_force: bool | None = None, later: bool = False
    ) -> dict[str, str]:
        """The headers that show a toast beside whatever else the answer brings. later: on the next page."""
        view = await self.views.of(request)
        if text == _SAVED and in_force is not None:
            text = _IN_FORCE if in_force else _WAITING
        return {"HX-Trigger": json.dumps({"toast-next" if later else "toast": view.say(text)})}

    async def done_with_many(
        self, request: Request, rows_template: str, result: BulkResult, *, in_force: bool | None, **values: Any
    ) -> Response:
        """What became of many rows, item by item where something failed, and the list as it is now: rows_template with these values."""
        headers = {} if result.failures else await self.toast(request, in_force=in_force)
        shown = {"result": result, "rows_template": rows_template, **values}
        return await self.page(request, "done_with_many.html", headers=headers, **shown)

    async def refuse(self, request: Request, problem: Problem) -> Response:
        """A refusal as a page, or as the part of the page that asked."""
        try:
            view = await self.views.of(request)
        except Exception:  # the database that would know the reader is away: say so without it
            log.warning("request %s: the reader's view is unknown", request.state.request_id, exc_info=True)
            view = self.views.stranger(request)
        values = {"problem": problem, "request_id": request.state.request_id}
        headers = dict(problem.headers or {})
        if not is_partial(request):
            if problem.status == 401:
                return _leads_to(f"{LOGIN_PATH}?next={quote(_target(request))}")
            if problem.code == "password-change-required":
                return _leads_to(PASSWORD_PATH)
            return self.render(request, view, "error.html", status=problem.status, headers=headers, **values)
        if problem.status == 401:
            headers |= {"HX-Retarget": "#dialogs", "HX-Reswap": "innerHTML"}
            values |= {"email": "", "refusal": None}
            return self.render(request, view, "login/again.html", status=401, headers=headers, **values)
        if problem.code == "password-change-required":
            return Response(status_code=403, headers={"HX-Redirect": PASSWORD_PATH})
        is_part = request.method == "GET"
        values |= {"is_part": is_part, "retry_url": _page_of(request) if is_part and problem.status == 503 else ""}
        if not is_part:  # what was typed stays; a region that cannot be filled says so itself
            headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        return self.render(request, view, "refusal.html", status=problem.status, headers=headers, **values)


class PageRoute(GuardedRoute):
    """A guarded route whose refusals are pages. Its router is made with include_in_schema=False."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                problem = problem_of(error)
                if problem.status == 500:
                    log.error("request %s failed", request.state.request_id, exc_info=error)
                return await console_of(request).refuse(request, problem)

        return handle_page


def console_of(request: Request) -> Console:
    """The application's console."""
    console: Console = request.app.state.console
    return console


def is_partial(request: Request) -> bool:
    """Whether a script of a page asks for a part of it."""
    return request.headers.get("hx-request") == "true"


def local_path(text: str) -> str:
    """The text if it is an address of this site, else ""."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_local and "\\" not in text else ""


def _target(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _page_of(request: Request) -> str:
    """The address of the page that a script asks for a part of."""
    page = urlsplit(request.headers.get("hx-current-url", ""))
    return local_path(page.path + (f"?{page.query}" if page.query else ""))


def _leads_to(path: str) -> Response:
    return Response(status_code=303, headers={"Location": path})


def _environment(language: str, zone: ZoneInfo, clock: Clock) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", EarlyTexts],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.extend(texts=translations(language))
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= filters(Times(zone, language.replace("-", "_"), clock.now))
    environment.globals |= {"asset": asset_url, "languages": LANGUAGES, "icon_url": icon_url, "zone": zone.key}
    return environment
