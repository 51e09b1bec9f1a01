"""Code of strangers: run only where it is allowed, shown the public release and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakboard.evaluate import SubmittedCode, fit_attack
from leakboard.evaluate.sandbox.sandbox import Sandbox
from leakboard.schemas import (
    BadModel,
    MissingData,
    Release,
    Setting,
    Track,
    UsageError,
    default_truth,
)
from leakboard.schemas.errors import LeakboardError

from .conftest import CANARY

PRIOR = """
import os, sys
import numpy as np
import torch
from leakboard.evaluate import Attack as Base
from leakboard.schemas import Track

class Attack(Base):
    track = Track.ATTRIBUTE

    def fit(self, auxiliary):
        answers = auxiliary.known("sensitive")
        self.rates = torch.bincount(answers, minlength=2).double() / len(answers)

    def predict(self, records):
        {what}
        return self.rates.expand(len(records), -1)
"""


def code(folder: Path, what: str = "pass", allowed: bool = True) -> SubmittedCode:
    folder.mkdir()
    (folder / "attack.py").write_text(PRIOR.format(what=what))
    return SubmittedCode(folder, "theirs", Track.ATTRIBUTE, Setting.AUXILIARY, 40, allowed=allowed)


@pytest.mark.slow
@pytest.mark.usefixtures("control_groups")
def test_code_answers_as_the_same_attack_of_ours(
    release: Release, sandbox: Sandbox, tmp_path: Path
) -> None:
    answered = code(tmp_path / "c").predict(release, "test", seconds=200)
    expected = fit_attack(release, "prior", {}, budget=40).predict("test")
    assert answered.sample_ids == expected.sample_ids
    np.testing.assert_array_equal(answered.values, expected.values)


def test_code_is_not_run_where_it_is_not_allowed(release: Release, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run only where the organiser has said so"):
        code(tmp_path / "c", allowed=False).predict(release, "test", seconds=200)


def test_code_is_not_run_beside_the_truth(release: Release, tmp_path: Path) -> None:
    copied = Release(tmp_path / "release", release.manifest)
    shutil.copytree(release.folder, copied.folder)
    shutil.copytree(default_truth(release.folder), copied.folder / "truth")
    with pytest.raises(UsageError, match="code of others must not see"):
        code(tmp_path / "c").predict(copied, "test", seconds=200)


HOSTILE: dict[str, tuple[str, str]] = {
    "reads_the_truth": ("print(open({truth!r}).read())", "No such file"),
    "reads_the_truth_beside_the_release": (
        "print(os.listdir('/in/release/../release-truth'))",
        "No such file",
    ),
    "asks_for_the_answers": ("records.known('sensitive')", "without its answers"),
    "answers_no_numbers": ("return torch.full((len(records), 2), torch.nan)", "not finite"),
    "answers_too_few": ("return self.rates.expand(3, -1)", "exit code 1"),
    "leaves_a_pickle_for_answers": (
        "np.save('/out/values.npy', np.array([{}], object), allow_pickle=True); os._exit(0)",
        "left no answers",
    ),
    "leaves_a_link_for_answers": (
        "os.symlink({truth!r}, '/out/values.npy'); os._exit(0)",
        "left no answers",
    ),
    "leaves_answers_of_another_shape": (
        "np.save('/out/values.npy', np.ones((1, 2), np.float32)); os._exit(0)",
        r"left float32 \(1, 2\) for answers",
    ),
    "promises_terabytes_of_answers": (
        "f = open('/out/values.npy', 'wb'); np.lib.format.write_array_header_1_0(f, "
        "dict(descr='<f4', fortran_order=False, shape=(2**40, 2))); f.close(); os._exit(0)",
        "left no answers",
    ),
    "leaves_an_archive_for_answers": (
        "np.savez('/out/x', a=np.ones(2)); os.rename('/out/x.npz', '/out/values.npy'); os._exit(0)",
        "left no answers",
    ),
    "leaves_a_refusal_without_end": (
        "open('/out/refusal.txt', 'w').write('\\x1b[2J' * 10**5); os._exit(0)",
        r"\ufffd\[2J",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("control_groups")
def test_it_ends_in_a_stated_refusal(
    release: Release, sandbox: Sandbox, truth: Path, tmp_path: Path, name: str
) -> None:
    what, reason = HOSTILE[name]
    theirs = code(tmp_path / "c", what.replace("{truth!r}", repr(str(truth))))
    with pytest.raises(LeakboardError, match=reason) as refused:
        theirs.predict(release, "validation", seconds=200)
    assert CANARY not in str(refused.value)
    assert len(str(refused.value)) < 1000


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "symbolic_link": (lambda f: (f / "x").symlink_to("../secret"), "cannot be opened as a file"),
    "link_to_a_folder": (lambda f: (f / "x").symlink_to(".."), "cannot be opened as a file"),
    "hard_link": (lambda f: os.link(f.with_name("secret"), f / "x"), "is a hard link"),
    "pipe": (lambda f: os.mkfifo(f / "x"), "is no plain file"),
    "too_many_files": (lambda f: [(f / str(n)).write_text("") for n in range(300)], "send less"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_only_plain_files_are_taken(release: Release, tmp_path: Path, name: str) -> None:
    make, reason = FOLDERS[name]
    theirs = code(tmp_path / "c")
    (tmp_path / "secret").write_text(CANARY)
    make(theirs.path)
    with pytest.raises(BadModel, match=reason):
        theirs.predict(release, "validation", seconds=200)


def test_a_folder_without_an_attack_is_said_to_be_none(release: Release, tmp_path: Path) -> None:
    theirs = code(tmp_path / "c")
    (theirs.path / "attack.py").unlink()
    with pytest.raises(MissingData, match=r"expected a folder with an attack\.py"):
        theirs.predict(release, "validation", seconds=200)
