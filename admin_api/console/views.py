"""Who looks at a page, in which language and theme: found once per request, then given to every template."""

from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Any

from fastapi import Request
from starlette.responses import Response

from admin_api.access.service.menus import DIRECTORY, menus_of_operator
from admin_api.access.service.preferences import Preferences, preferences_of
from admin_api.console.catalogues import chosen_language, translations
from admin_api.security.guard import Guard
from admin_api.security.last_known import Known
from admin_api.security.operators import Operator
from admin_api.security.sessions import Sessions, csrf_token_of
from admin_api.tables.rows import Row
from openplatform.sql import Database, DatabaseAway

LANGUAGE_COOKIE, THEME_COOKIE = "lang", "theme"
THEMES = ("light", "dark")
_A_YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An entry of the sidebar; url "" = a directory."""

    name: str
    url: str
    icon: str
    children: tuple["MenuEntry", ...] = ()


@dataclass(slots=True)
class View:
    """One request's reader. theme: light, dark, or "" = as the system has it. operator: None = nobody is signed in."""

    language: str
    theme: str
    operator: Operator | None = None
    csrf_token: str = ""
    menu: tuple[MenuEntry, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)

    @property
    def texts(self) -> NullTranslations:
        return translations(self.language)

    def say(self, text: str) -> str:
        """The text in the reader's language."""
        return self.texts.gettext(text)

    def may(self, perms: str) -> bool:
        """Whether the reader has the permission: for showing buttons; the route decides."""
        return self.operator is not None and self.operator.permissions.allows(perms)

    @property
    def page_size(self) -> int:
        """Rows per page, unless the URL says otherwise."""
        return self.preferences.page_size

    @property
    def home(self) -> str:
        """Where the reader lands: the first page of their menu, or their own account."""
        return next((leaf.url for leaf in _leaves(self.menu)), "/me")

    def trail(self, path: str) -> list[MenuEntry]:
        """The entries from the top of the menu down to the page: its breadcrumb."""
        return _trail(self.menu, path)


class Views:
    """Finds views."""

    def __init__(self, database: Database, sessions: Sessions, guard: Guard) -> None:
        self._database = database
        self._sessions = sessions
        self._guard = guard

    async def of(self, request: Request) -> View:
        """The request's view, asked for once. Language: the profile's, the cookie's, the browser's, Chinese."""
        found: View | None = getattr(request.state, "view", None)
        if found is None:
            found = request.state.view = await self._find(request)
        return found

    def stranger(self, request: Request) -> View:
        """A view that asks no database; in the language of who was known a short while ago."""
        known = self._sessions.known(self._guard.session_id_of(request)[0])
        return self._view(request, _shown(known)[0])

    async def _find(self, request: Request) -> View:
        operator: Operator | None = getattr(request.state, "operator", None)
        if operator is None or operator.user_id is None:
            return self.stranger(request)
        session_id = self._guard.session_id_of(request)[0]
        known = self._sessions.known(session_id)
        try:
            async with self._database.read() as connection:
                preferences = await preferences_of(connection, operator.user_id)
                menus = [] if operator.must_change_password else await menus_of_operator(connection, operator)
        except DatabaseAway:
            preferences, menus = _shown(known)
        else:
            if known is not None:
                known.shown = preferences, menus
        view = self._view(request, preferences)
        view.operator = operator
        view.csrf_token = csrf_token_of(session_id)
        view.menu = _tree(menus, 0, view)
        return view

    def _view(self, request: Request, preferences: Preferences) -> View:
        language = chosen_language(
            preferences.language,
            request.cookies.get(LANGUAGE_COOKIE),
            accept_language=request.headers.get("accept-language", ""),
        )
        theme = preferences.theme or request.cookies.get(THEME_COOKIE, "")
        return View(language=language, theme=theme if theme in THEMES else "", preferences=preferences)


def _shown(known: Known | None) -> tuple[Preferences, list[Row]]:
    """Preferences and menu of when the database answered."""
    return (known and known.shown) or (Preferences(), [])


def keep_in_cookie(answer: Response, name: str, value: str, *, secure: bool) -> None:
    """Remembers language or theme in the browser too, for pages before the sign-in."""
    if value:
        answer.set_cookie(name, value, max_age=_A_YEAR_S, path="/", samesite="lax", secure=secure)
    else:
        answer.delete_cookie(name, path="/")


def _tree(rows: list[Row], parent_id: int, view: View, depth: int = 0) -> tuple[MenuEntry, ...]:
    children = [row for row in rows if row["parent_id"] == parent_id and depth < 10]
    children.sort(key=lambda row: (row["order_num"], row["id"]))
    entries = [
        (row, MenuEntry(view.say(row["name"]), row["url"], row["icon"], _tree(rows, row["id"], view, depth + 1)))
        for row in children
    ]
    return tuple(entry for row, entry in entries if row["type"] != DIRECTORY or entry.children)


def _leaves(entries: tuple[MenuEntry, ...]) -> list[MenuEntry]:
    return [leaf for entry in entries for leaf in ([entry] if entry.url else _leaves(entry.children))]


def _trail(entries: tuple[MenuEntry, ...], path: str) -> list[MenuEntry]:
    """The longest address that the path begins with wins: /alerts/rules is not /alerts."""
    best: list[MenuEntry] = []
    for entry in entries:
        inner = _trail(entry.children, path)
        own = [entry] if entry.url and (path == entry.url or path.startswith(entry.url.rstrip("/") + "/")) else []
        if entry.url == "/" and path != "/":
            own = []
        for found in ([entry, *inner] if inner else [], own):
            if found and (not best or len(found[-1].url) > len(best[-1].url)):
                best = found
    return best


def shown_to(view: View) -> dict[str, Any]:
    """What every template may use of the reader."""
    return {"view": view, "may": view.may, "lang": view.language}
