"""The project's own code that a script uses, found by reading its imports.

Snakemake's code trigger looks at the script file alone. Rules therefore take as an input one file
that lists the script and all project modules it imports, directly or not, with their hashes: an
edited library function reruns the stages that use it, and a fresh checkout with the same content
reruns nothing. One file, since Snakemake looks at every input of every job that waits, again and
again: with the modules themselves as inputs, that was most of what it did.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from scripts.hashing import file_sha256
from scripts.tables import write_if_changed

PACKAGES = ("rigoromics", "scripts")


def code_record(script: str, data: Sequence[str], folder: Path, write: bool) -> str:
    """Return the path of the file that says what a script's code is.

    Parameters
    ----------
    script
        The script, relative to the project.
    data
        Files that belong to the code though nobody imports them.
    folder
        Where such files lie.
    write
        Write it, if it is not there or says something else. Who does not decide what runs, such
        as a job on a cluster's node, leaves it as it is.
    """
    path = folder / f"{Path(script).stem}.sha256"
    if write:
        files = sorted({*code_of(script), *data})
        lines = "".join(f"{_hash_of(file)}  {file}\n" for file in files)
        write_if_changed(path, lines.encode())
    return path.as_posix()


_hash_of = cache(lambda file: file_sha256(Path(file)))


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
