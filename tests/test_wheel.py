"""The wheel, built and run from a clean environment that shares the installed dependencies."""

import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from .sources import PACKAGES, PAGE, ROOT, copy_sources, modules


def run(*command: str | Path, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command and return what it prints; its errors are part of a failure's message."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_sources(folder)
    pip = (sys.executable, "-m", "pip", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a clean environment keeps its programs, with the wheel in it."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "--quiet")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (site_packages,) = folder.glob("venv/lib/python*/site-packages")
    shared = sysconfig.get_path("purelib")  # its own .pth files, the editable install's, stay out
    (site_packages / "shared.pth").write_text(f"{shared}\n")
    return programs


def test_the_wheel_holds_every_module_and_every_other_file_of_the_packages(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tops = {folder for folder in PACKAGES.values() if "/" not in folder}
    expected = {
        f"leakboard/{path.relative_to(ROOT).as_posix()}"
        for folder in tops
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    reference = ROOT / "leaderboard" / "reference_board"  # a link, which `rglob` may not follow
    expected |= {
        f"leakboard/{path.relative_to(ROOT).as_posix()}" for path in reference.glob("*/*.json")
    }
    assert held == expected


def test_the_reference_results_are_inside(environment: Path, tmp_path: Path) -> None:
    imported = "from leakboard.leaderboard.store.reference import reference"
    code = f"{imported}; print(len(reference().rows()))"
    (count,) = run(environment / "python", "-c", code, cwd=tmp_path).split()
    results = ROOT / "leaderboard" / "reference_board" / "results"
    assert int(count) == len(list(results.glob("*.json")))


def test_the_command_runs_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    leakboard = environment / "leakboard"
    assert version("leakboard") in run(leakboard, "--version", cwd=tmp_path)
    described = run(leakboard, "--help", cwd=tmp_path)
    for command in ("attack", "demo", "doctor", "generate", "score", "serve", "verify"):
        assert f"  {command} " in described
    assert "torch" in run(leakboard, "doctor", cwd=tmp_path, codes=(0, 1))  # 1: a small machine


def test_every_module_comes_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    names = [module.name for module in modules() if module.name != PAGE]
    code = (
        "import sys\nfrom importlib import import_module\n"
        "print(*(import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
    )
    paths = run(environment / "python", "-W", "error", "-c", code, *names, cwd=tmp_path)
    home = environment.parent
    assert {Path(path).is_relative_to(home) for path in paths.splitlines()} == {True}


def test_the_configurations_are_inside(environment: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.resources import as_file, files\n"
        "from leakboard.schemas import Config\n"
        "with as_file(files('leakboard.configs')) as folder:\n"
        "    print(*sorted(Config.read(path).name for path in folder.glob('*.toml')))"
    )
    names = run(environment / "python", "-c", code, cwd=tmp_path).split()
    assert names == sorted(path.stem for path in (ROOT / "configs").glob("*.toml"))
