"""The board in the folder `board` beside this file, as a Hugging Face Space."""

import os
from pathlib import Path

from leakboard.leaderboard.app import main

os.environ["LEAKBOARD_BOARD"] = str(Path(__file__).with_name("board"))
main()
