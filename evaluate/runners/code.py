"""Train an attack that somebody wrote, and ask it: the program that runs submitted code."""

import json
import sys
from pathlib import Path

import numpy as np

from ...schemas import Release
from ..run import fit_attack
from .exchange import IN, OUT, VALUES, Refused, Task, refusing

NAME = "attack:Attack"


def main() -> None:
    """Fit the class on the records it declares, and write its answers in record order."""
    task, asked = Task.parse(sys.argv[1]), json.loads(sys.argv[2])
    sys.path.insert(0, f"{IN}/code")
    with refusing(Path(OUT)):
        fitted = fit_attack(
            Release.open(Path(IN, "release")), NAME, {}, asked["auxiliary_records"] or None
        )
        attack = fitted.attack
        for what, declared in (("track", task.track), ("setting", asked["setting"])):
            if getattr(attack, what) != declared:
                raise Refused(f"its {what} is {getattr(attack, what)}, but {declared} was declared")
        predictions = fitted.predict(asked["split"], images=asked["images"])
    np.save(Path(OUT, VALUES), predictions.values, allow_pickle=False)


if __name__ == "__main__":
    main()
