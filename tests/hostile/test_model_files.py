"""Files that are no models, whatever their names say: refused unopened, with the reason."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from leakboard.evaluate.submitted.model_files import LARGEST, copy_model
from leakboard.schemas import BadModel, MissingData

MARKER = "LEAKBOARD_UNPICKLED"


class Payload:
    """Sets a variable of the environment when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, str]]:
        return os.putenv, (MARKER, "1")


def pickled(protocol: int) -> bytes:
    return pickle.dumps(Payload(), protocol)


def zipped(*names: str, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def saved_objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload()], object), allow_pickle=True)
    return buffer.getvalue()


PICKLE = "it is a pickle, and reading one runs whatever code it carries"
SIZE = "and may be of any size"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    **{
        f"pickle_of_protocol_{protocol}": (partial(pickled, protocol), PICKLE)
        for protocol in range(2, 6)
    },
    "weights_of_torch_save": (
        lambda: zipped("archive/data.pkl", "archive/data/0", content=pickled(2)),
        "it was written by torch.save",
    ),
    "torchscript": (
        lambda: zipped("m/code/__torch__.py", "m/data.pkl", "m/constants.pkl"),
        "it is TorchScript",
    ),
    "program_pt2": (
        lambda: zipped("m/models/model.json", "m/data/sample_inputs/model.pt"),
        "it is a .pt2 program",
    ),
    "arrays_of_objects": (saved_objects, "an array of NumPy"),
    "archive_of_arrays_of_objects": (lambda: zipped("a.npy", content=saved_objects()), "NumPy"),
    "layers_with_code": (lambda: b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "pickle_in_gzip": (lambda: gzip.compress(pickled(4)), SIZE),
    "pickle_in_bzip2": (lambda: bz2.compress(pickled(4)), SIZE),
    "pickle_in_xz": (lambda: lzma.compress(pickled(4)), SIZE),
    "zip_bomb": (lambda: zipped("zeros", content=bytes(2**26)), "it is an archive (zip)"),
    "zip_of_paths_upwards": (lambda: zipped("../../evil", "/etc/evil"), "it is an archive (zip)"),
    "tar_of_paths_upwards": (lambda: tarred("../../evil"), SIZE),
    "gzip_bomb": (lambda: gzip.compress(bytes(2**26)), SIZE),
    "program": (lambda: b"\x7fELF\x02", "it is a program"),
    "script": (lambda: b"#!/bin/sh\n", "it is a program"),
}


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".pt"])
@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_its_reason(tmp_path: Path, name: str, suffix: str) -> None:
    make, reason = HOSTILE[name]
    path = tmp_path / f"model{suffix}"
    path.write_bytes(make())
    with pytest.raises(BadModel) as refused:
        copy_model(path, tmp_path / "copy")
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)
    assert "send an ONNX file" in str(refused.value)
    assert MARKER not in os.environ


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "symbolic_link": (lambda p: p.symlink_to(p.with_name("truth")), "cannot be opened as a file"),
    "hard_link": (lambda p: os.link(p.with_name("truth"), p), "is a hard link"),
    "folder": (lambda p: p.mkdir(), "is no plain file"),
    "pipe": (lambda p: os.mkfifo(p), "is no plain file"),
    "file_larger_than_is_run": (lambda p: make_sparse(p, LARGEST + 1), "are the most that is run"),
}


def make_sparse(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


@pytest.mark.parametrize("name", NO_FILES)
def test_only_a_plain_file_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "truth").write_text("canary")
    make, reason = NO_FILES[name]
    make(tmp_path / "model.onnx")
    with pytest.raises(BadModel, match=reason):
        copy_model(tmp_path / "model.onnx", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_device_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no plain file"):
        copy_model(Path("/dev/zero"), tmp_path / "copy")


def test_an_absent_file_is_said_to_be_absent(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="there is no such file"):
        copy_model(tmp_path / "model.onnx", tmp_path / "copy")


def test_a_model_is_copied_as_it_is(tmp_path: Path) -> None:
    for suffix in ("onnx", "safetensors"):
        content = os.urandom(2**18)
        path = tmp_path / f"model.{suffix}"
        path.write_bytes(b"\x08\x08" + content)
        assert copy_model(path, tmp_path / "copy") == suffix
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()
