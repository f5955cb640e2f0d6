"""The admin API's document: committed, complete, its refusals in both languages."""

import ast
import json

from tests.architecture.openapi_document import PAGE, described, text
from tests.architecture.tree import nodes_of, python_files


async def test_the_committed_document_is_the_codes() -> None:
    """docs/openapi.json is what the application serves: a change of the API shows in its difference."""
    assert PAGE.read_text(encoding="utf-8") == text(await described()), "run scripts/openapi"


def test_operations_stand_under_the_menu_that_leads_to_them() -> None:
    """Each has one tag; every tag is described, and no described tag is empty."""
    document = json.loads(PAGE.read_text(encoding="utf-8"))
    tags = [operation["tags"] for item in document["paths"].values() for operation in item.values()]
    assert all(len(names) == 1 for names in tags)
    assert {names[0] for names in tags} == {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])


def test_every_refusal_is_written_in_both_languages() -> None:
    """Whoever raises a Problem gives a code, an English and a Chinese text."""
    made = 0
    for path in python_files("admin_api"):
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                made += 1
                assert len(node.args) == 4, f"{path}:{node.lineno}"
                english, chinese = (ast.unparse(arg) for arg in node.args[2:])
                assert not any("\u4e00" <= c <= "\u9fff" for c in english), f"{path}:{node.lineno}"
                assert chinese not in ("''", '""'), f"{path}:{node.lineno}"
    assert made > 40
