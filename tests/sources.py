"""The source tree as tests see it: the modules of every package, and copies of the tree."""

import ast
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: dict[str, str] = PYPROJECT["tool"]["setuptools"]["package-dir"]
PAGE = "leakboard.leaderboard.app"  # Streamlit runs it as a script: importing it draws the page
BUILD_FILES = ("pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Module:
    """One Python file of ours and its dotted name."""

    name: str
    path: Path

    @property
    def part(self) -> str:
        """The top-level folder: schemas, generate, evaluate, leaderboard, cli, …"""
        return self.name.split(".")[1]

    @property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.path.read_text("utf-8"), str(self.path))

    def imports(self, within: ast.AST | None = None) -> Iterator[str]:
        """Yield the absolute dotted path of everything that is imported."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in ast.walk(within or self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = resolve_name("." * node.level + (node.module or ""), package)
                yield from (f"{origin}.{alias.name}" for alias in node.names)

    def imports_at_import(self) -> set[str]:
        """What importing the module imports: not what its functions import when they run."""
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        inside = [node for node in ast.walk(self.tree) if isinstance(node, functions)]
        return set(self.imports()) - {name for node in inside for name in self.imports(node)}


def modules() -> list[Module]:
    """Every module of every package, sorted by name."""
    found = []
    for package, folder in PACKAGES.items():
        for path in (ROOT / folder).glob("*.py"):
            name = package if path.name == "__init__.py" else f"{package}.{path.stem}"
            found.append(Module(name, path))
    return sorted(found, key=lambda module: module.name)


def copy_sources(destination: Path) -> Path:
    """Copy what a build needs, and nothing that a build leaves behind."""
    for folder in sorted({folder.partition("/")[0] for folder in PACKAGES.values()}):
        shutil.copytree(
            ROOT / folder,
            destination / folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, destination / name)
    return destination
