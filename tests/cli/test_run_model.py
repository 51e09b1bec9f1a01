"""`leakboard run-model` says what is wrong before anything is run."""

from pathlib import Path

import pytest

from leakboard.evaluate.sandbox.confinement import _tools
from leakboard.schemas import NoSandbox, Release

from .conftest import Run


def test_a_wrong_model_is_one_sentence(run: Run, release: Release, tmp_path: Path) -> None:
    pickle, code = tmp_path / "m.onnx", tmp_path / "code"
    pickle.write_bytes(b"\x80\x04N.")
    code.mkdir()
    expected = {
        tmp_path / "absent.onnx": (2, "there is no such file"),
        pickle: (1, "it is a pickle, and reading one runs whatever code it carries"),
        code: (2, "is code, which is run only where the organiser has said so"),
    }
    for model, (exit_code, sentence) in expected.items():
        out = tmp_path / "p.parquet"
        ran = run("run-model", release.folder, model, "--track", "attribute", "--out", out)
        assert ran.code == exit_code
        assert str(model) in ran.sentence
        assert sentence in ran.sentence
        assert not out.exists()


def test_a_machine_without_bubblewrap_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoSandbox, match=r"not available: install bubblewrap \(apt-get install"):
        _tools.__wrapped__()
