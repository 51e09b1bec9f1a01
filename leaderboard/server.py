"""The process that serves the board: Streamlit, with all that a page needs made beforehand.

Streamlit loads an app when the first reader opens it, who would wait for it and for the first
ranking: `python -m leakboard.leaderboard.server run APP … -- [BOARD]` takes the arguments of
`streamlit`, and after `--` those of the app.
"""

import sys
from importlib import import_module

from streamlit.web.cli import main

if __name__ == "__main__":
    import_module("leakboard.leaderboard.app").prepare(sys.argv[sys.argv.index("--") + 1 :])
    main(prog_name="streamlit")
