"""The project's own code that a script uses, found by reading its imports.

Snakemake's code trigger looks at the script file alone. Rules therefore take the script and all
project modules it imports, directly or not, as inputs, so that an edited library function reruns
the stages that use it, and a fresh checkout with the same content reruns nothing.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("rigoromics", "scripts")


@cache
def code_of(script: str) -> list[str]:
    """Return the script and the project files it imports, sorted, relative to the project.

    Imports inside functions count; those under `if TYPE_CHECKING:` do not, as they never run.
    """
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    return sorted(found)


@cache
def _imports(path: str) -> tuple[str, ...]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), filename=path)
    return tuple(
        file
        for node in _running(tree)
        for module in _modules(node)
        if module.split(".")[0] in PACKAGES
        for file in _files(module)
    )


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree without what only type checkers see."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from _running(child)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        # `from package import module` and `from module import name` read the same.
        return [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def _files(module: str) -> list[str]:
    """Return the files that importing a module runs: its packages' `__init__` and itself."""
    parts = module.split(".")
    files = [Path(*parts[: i + 1], "__init__.py") for i in range(len(parts))]
    files.append(Path(*parts).with_suffix(".py"))
    return [file.as_posix() for file in files if file.is_file()]
