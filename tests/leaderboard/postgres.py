"""A PostgreSQL server of the tests' own, on a socket in a folder of its own, for no one else."""

import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

USER = "postgres" if os.geteuid() == 0 else getpass.getuser()  # the server refuses to run as root


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps them out of the path."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    return next((Path(program).parent for program in found if program), None)


@contextmanager
def cluster() -> Iterator[str]:
    """Start a server and yield the start of its URLs, to which a database's name is added."""
    found = programs()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="leakboard-"))
    shutil.chown(folder, USER)
    data, log = str(folder / "data"), str(folder / "log")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off"
    try:
        _run([found / "initdb", "-D", data, "--auth=trust", "--no-sync"])
        _run([found / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start"])
        try:
            yield f"postgresql://{USER}@/%s?host={folder}"
        finally:
            _run([found / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _run(command: list[str | Path]) -> None:
    user = USER if os.geteuid() == 0 else None
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")


def database(server: str, about: Path) -> str:
    """The URL of a database for one folder, made where it is new."""
    name = "board_" + hashlib.sha256(str(about).encode()).hexdigest()[:12]
    with psycopg.connect(server % "postgres", autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not known.fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server % name
