"""Serve the board: Streamlit on this machine only, without telemetry."""

import subprocess
import sys
from pathlib import Path

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"


def command(board: Path, port: int, headless: bool = False) -> list[str]:
    """The command that serves the board; `headless` opens no browser, even where there is one."""
    settings = {
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.toolbarMode": "viewer",
    }
    if headless:
        settings["server.headless"] = "true"
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *options, "--", str(board)]


def serve(board: Path, port: int, headless: bool = False) -> int:
    """Serve the board until it is stopped; returns the server's exit code."""
    return subprocess.run(command(board, port, headless), check=False).returncode
