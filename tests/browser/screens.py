"""All screens: each is looked at in both languages and themes, by axe-core, wide and narrow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Screen:
    """name: of its pictures; path: where it is; opens: a selector to click first, for what is only seen after it."""

    name: str
    path: str
    opens: str = ""


SCREENS = [
    Screen("overview", "/"),
    Screen("password", "/me/password"),
    Screen("account-menu", "/me/password", opens="[data-account]"),
    Screen("api-docs", "/api/docs"),
]
