"""The package list, the direction of imports, the public names, and what is never called."""

import ast
import doctest
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .sources import PACKAGES, PAGE, PYPROJECT, ROOT, Module, modules

ALL = modules()
each_module = pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)
each_package = pytest.mark.parametrize("package", sorted(PACKAGES))

MAY_IMPORT = {
    "schemas": set(),
    "configs": set(),
    "data_cards": set(),
    "generate": {"schemas"},
    "evaluate": {"schemas"},
    "leaderboard": {"schemas"},
    "experiments": {"schemas", "generate", "evaluate"},
    "benchmarks": {"schemas", "generate", "evaluate", "leaderboard", "experiments"},
    "cli": {"schemas", "generate", "evaluate", "leaderboard", "experiments", "benchmarks"},
}
BOARD = (  # each part of the leaderboard builds on those before it
    *("text", "ranking", "tables", "method", "figures", "export"),
    *("store", "desk", "worker", "controls", "screens"),
)
PUBLIC_DOOR = "leakboard.generate.load_client"  # for attacks and bounds that need the client
UNPICKLERS = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def test_the_package_list_is_the_folders_on_disk() -> None:
    tops = [folder for folder in ROOT.iterdir() if (folder / "__init__.py").is_file()]
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for top in tops
        if top.name != "tests"
        for path in top.rglob("__init__.py")
    }
    assert PYPROJECT["tool"]["setuptools"]["packages"] == sorted(PACKAGES)
    assert all(name == f"leakboard.{path.replace('/', '.')}" for name, path in PACKAGES.items())
    assert set(PACKAGES.values()) == folders


def test_type_checkers_see_every_package() -> None:
    links = {link.name: link.resolve() for link in (ROOT / "typings" / "leakboard").iterdir()}
    tops = {folder for folder in PACKAGES.values() if "/" not in folder}
    assert links == {folder: ROOT / folder for folder in tops}


def test_lint_reads_our_folders_and_no_script_that_lies_beside_them(tmp_path: Path) -> None:
    tops = {folder.partition("/")[0] for folder in PACKAGES.values()}
    ours = {f"{top}/{deep}new.py" for top in tops | {"docs", "tests"} for deep in ("", "deep/")}
    notebook = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    for name in (*ours, "my_attack.py", "mine/attack.py", "examples/new.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(notebook if name.endswith("ipynb") else "import os\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    listing = [sys.executable, "-m", "ruff", "check", "--show-files"]
    said = subprocess.run(listing, cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    read = {Path(line).relative_to(tmp_path).as_posix() for line in said.splitlines()}
    assert read == ours | {"pyproject.toml", "examples/new.ipynb"}


@each_module
def test_imports_point_one_way(module: Module) -> None:
    allowed = MAY_IMPORT[module.part] | {module.part}
    ours = {name for name in module.imports() if name.startswith("leakboard.")}
    strangers = {name for name in ours if name.split(".")[1] not in allowed}
    assert strangers <= ({PUBLIC_DOOR} if module.part == "evaluate" else set())


@pytest.mark.parametrize("place", range(len(BOARD)), ids=BOARD)
def test_the_parts_of_the_leaderboard_build_on_one_another(place: int) -> None:
    home = "leakboard.leaderboard."
    part = [module for module in ALL if f"{module.name}.".startswith(f"{home}{BOARD[place]}.")]
    assert part
    imported = {name.removeprefix(home) for module in part for name in module.imports()}
    parts = {name.partition(".")[0] for name in imported if not name.startswith("leakboard")}
    assert parts.isdisjoint(BOARD[place + 1 :])


@each_module
def test_packages_import_their_own_relatively(module: Module) -> None:
    absolute = {
        node.module
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0
    }
    ours = {name for name in absolute if name is not None and name.startswith("leakboard")}
    assert not ours or module.name == PAGE


@each_module
def test_heavy_packages_are_imported_where_they_are_used(module: Module) -> None:
    def tops(names: set[str]) -> set[str]:
        return {name.partition(".")[0] for name in names}

    if module.part in ("schemas", "leaderboard"):
        assert {"torch", "torchvision"}.isdisjoint(tops(set(module.imports())))
    if module.part in ("schemas", "generate", "evaluate"):
        heavy = {"datasets", "webdataset", "streamlit"}
        assert heavy.isdisjoint(tops(module.imports_at_import()))


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("schemas", {"torch", "torchvision", "datasets", "webdataset", "streamlit"}),
        ("leaderboard", {"torch", "torchvision"}),
        ("cli", {"torch", "torchvision", "datasets", "webdataset", "streamlit"}),
    ],
)
def test_importing_a_light_package_loads_nothing_heavy(package: str, absent: set[str]) -> None:
    code = f"import leakboard.{package}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert absent.isdisjoint(loaded.stdout.split())


@each_package
def test_public_names_are_real_complete_and_sorted(package: str) -> None:
    public = importlib.import_module(package)
    listed = list(getattr(public, "__all__", ()))
    assert listed == sorted(listed, key=lambda name: (_kind(name), name))
    for name in listed:
        assert hasattr(public, name), name
    if "." not in package.removeprefix("leakboard."):
        module = next(module for module in ALL if module.name == package)
        exported = {name.rpartition(".")[2] for name in module.imports() if "leakboard." in name}
        assert not listed or set(listed) == exported


def _kind(name: str) -> int:
    """Constants, then classes, then functions."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


@pytest.mark.parametrize(
    "module",
    [module for module in ALL if ">>> " in module.path.read_text("utf-8")],
    ids=lambda module: module.name,
)
def test_examples_in_docstrings_are_true(module: Module) -> None:
    outcome = doctest.testmod(importlib.import_module(module.name))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@each_module
def test_nothing_is_ever_unpickled(module: Module) -> None:
    assert UNPICKLERS.isdisjoint(name.partition(".")[0] for name in module.imports())
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("torch.load", "torch.save", "torch.jit.load")
        elif isinstance(node, ast.keyword):
            assert node.arg != "weights_only"
            assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False"


def test_constraints_pin_every_requirement_and_name_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    lines = re.findall(r"^([\w.-]+)==([\w.]+)$", text, re.MULTILINE)
    assert len(lines) == len(text.splitlines())
    pinned = {canonicalize_name(name): version for name, version in lines}
    project = PYPROJECT["project"]
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line
