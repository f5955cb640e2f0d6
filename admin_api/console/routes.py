"""All pages. A new screen is one module in pages/ and one line here."""

from fastapi import APIRouter

from admin_api.console.pages.docs import docs_pages
from admin_api.console.pages.login import login_pages
from admin_api.console.pages.logs import log_pages
from admin_api.console.pages.overview import overview_pages
from admin_api.console.pages.password import password_pages
from admin_api.console.pages.preferences import preference_pages
from admin_api.console.pages.static import static_files
from admin_api.console.pages.stats import stats_pages
from admin_api.console.parts import Parts


def console_pages(parts: Parts) -> list[APIRouter]:
    """The routers of the console."""
    pages = (
        static_files,
        login_pages,
        password_pages,
        preference_pages,
        docs_pages,
        overview_pages,
        log_pages,
        stats_pages,
    )
    return [make(parts) for make in pages]
