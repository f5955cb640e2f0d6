"""All pages of applications."""

from fastapi import APIRouter

from admin_api.console.frame import PageRoute
from admin_api.console.pages.apps.detail import add_detail_pages
from admin_api.console.pages.apps.grants import add_grant_pages
from admin_api.console.pages.apps.history import add_history_pages
from admin_api.console.pages.apps.limits import add_limit_pages
from admin_api.console.pages.apps.listing import add_listing_pages
from admin_api.console.pages.apps.secret import add_secret_pages
from admin_api.console.parts import Parts


def app_pages(parts: Parts) -> APIRouter:
    """The pages of /apps. What has a fixed address comes before what has an id in its place."""
    router = APIRouter(prefix="/apps", route_class=PageRoute, include_in_schema=False)
    add_pages = (
        add_listing_pages,
        add_detail_pages,
        add_secret_pages,
        add_limit_pages,
        add_grant_pages,
        add_history_pages,
    )
    for add in add_pages:
        add(router, parts)
    return router
