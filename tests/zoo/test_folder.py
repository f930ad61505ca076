from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_histosynth.core.errors import ModelError, SaveError
from napari_histosynth.core.tissue import TissueClass, TissueScheme
from napari_histosynth.zoo import ModelCard, ModelFolder, find_model, list_models, write_folder
from napari_histosynth.zoo import folder as folder_module
from napari_histosynth.zoo import weights as weights_module

TENSORS = {
    "generator.conv.weight": torch.linspace(-1, 1, 24).reshape(4, 6),
    "generator.norm.running_mean": torch.ones(4),
    "generator.norm.num_batches_tracked": torch.tensor(70_000),
    "encoder.bias": torch.arange(3.0),
}


def card(name: str = "tiny", **fields: object) -> ModelCard:
    return ModelCard(
        **{"name": name, "preset": "local", "scheme": "colon-3", "um_per_px": 1, "latent_size": 8} | fields
    )


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    return write_folder(tmp_path / "tiny", card(), TENSORS)


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders of models, the only ones that are searched."""
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("HISTOSYNTH_MODELS", f"{first}{os.pathsep}{second}")
    searched = folder_module.model_roots()
    assert searched[:2] == [first, second]
    monkeypatch.setattr(folder_module, "model_roots", lambda: [first, second, tmp_path / "absent"])
    return first, second


def packed(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode()


def edit_card(model: ModelFolder, was: str, becomes: str) -> ModelFolder:
    path = model.path / "model.toml"
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))
    return ModelFolder(model.path)


# --- Writing and reading ----------------------------------------------------------------------


def test_tensors_come_back_as_float32_from_float16(model: ModelFolder) -> None:
    found = model.read_tensors()
    assert set(found) == set(TENSORS)
    assert found["generator.conv.weight"].dtype == torch.float32
    torch.testing.assert_close(
        found["generator.conv.weight"], TENSORS["generator.conv.weight"], atol=2**-11, rtol=0
    )
    assert load_file(model.weights_path)["generator.conv.weight"].dtype == torch.float16


def test_integers_are_stored_exactly(model: ModelFolder) -> None:
    assert model.read_tensors()["generator.norm.num_batches_tracked"].item() == 70_000


def test_float32_is_stored_exactly_when_asked(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "tiny", card(), TENSORS, dtype="float32")
    assert torch.equal(model.read_tensors()["generator.conv.weight"], TENSORS["generator.conv.weight"])


def test_values_beyond_float16_survive(tmp_path: Path) -> None:
    large = torch.tensor([1e6, 1.0])
    assert torch.equal(write_folder(tmp_path / "m", card(), {"a": large}).read_tensors()["a"], large)


def test_views_of_one_tensor_can_be_written(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    found = write_folder(tmp_path / "m", card(), {"a": base, "b": base.T}).read_tensors()
    assert torch.equal(found["b"], base.T)


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "one", card(), TENSORS)
    two = write_folder(tmp_path / "two", card(), dict(reversed(TENSORS.items())))
    assert one.weights_path.read_bytes() == two.weights_path.read_bytes()
    assert (one.path / "model.toml").read_bytes() == (two.path / "model.toml").read_bytes()


def test_the_card_holds_the_hash_of_the_weights(model: ModelFolder) -> None:
    assert model.card.sha256 == hashlib.sha256(model.weights_path.read_bytes()).hexdigest()


def test_replacing_a_model_leaves_other_files_and_no_temporary_ones(model: ModelFolder) -> None:
    (model.path / "train.toml").write_text("steps = 1")
    again = write_folder(model.path, card(latent_size=9), {"a": torch.ones(1)}, notes="# Tiny\n")
    names = {path.name for path in model.path.iterdir()}
    assert names == {"model.toml", "weights.safetensors", "card.md", "train.toml"}
    assert again.card.latent_size == 9
    assert again.notes == "# Tiny\n"
    again.verify()


@pytest.mark.parametrize("fails_at", ["weights.safetensors", "model.toml"])
@pytest.mark.parametrize("when", ["write", "flush"])
def test_a_full_disk_leaves_the_old_model_in_place(
    model: ModelFolder, monkeypatch: pytest.MonkeyPatch, fails_at: str, when: str
) -> None:
    write, fsync, stem = folder_module._write_through, os.fsync, fails_at.split(".")[0]
    full = OSError(errno.ENOSPC, "No space left on device")

    def write_until_full(path: Path, content: bytes) -> None:
        if stem not in path.name:
            return write(path, content)
        if when == "write":
            path.write_bytes(content[:10])
            raise full

        def refuse(_descriptor: int) -> None:
            raise full

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            write(path, content)
        return None

    monkeypatch.setattr(folder_module, "_write_through", write_until_full)
    with pytest.raises(SaveError, match="full"):
        write_folder(model.path, card(latent_size=9), {"a": torch.ones(1)})
    assert os.fsync is fsync
    assert {path.name for path in model.path.iterdir()} == {"model.toml", "weights.safetensors"}
    again = ModelFolder(model.path)
    assert again.card == model.card
    assert set(again.read_tensors()) == set(TENSORS)


def test_a_folder_that_cannot_be_filled_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_module, "_write_through", fail)
    with pytest.raises(SaveError):
        write_folder(tmp_path / "new", card(), TENSORS)
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="taken cannot be made"):
        write_folder(tmp_path / "taken", card(), TENSORS)


# --- Verifying --------------------------------------------------------------------------------


def test_a_sound_model_verifies(model: ModelFolder) -> None:
    model.verify()


def test_weights_that_were_changed_are_refused(model: ModelFolder) -> None:
    content = bytearray(model.weights_path.read_bytes())
    content[-1] ^= 1
    model.weights_path.write_bytes(content)
    with pytest.raises(ModelError, match=f"'tiny' .* where its card says {model.card.sha256[:12]}"):
        model.read_tensors()


def test_a_change_after_a_first_verification_is_seen(model: ModelFolder) -> None:
    model.verify()
    status = model.weights_path.stat()
    content = model.weights_path.read_bytes()
    model.weights_path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(model.weights_path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    with pytest.raises(ModelError, match="sha256"):
        model.verify()


def test_the_hash_is_computed_once(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    model.verify()
    monkeypatch.setattr(weights_module.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    model.verify()


@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_truncated_weights_are_refused(model: ModelFolder, kept: float) -> None:
    content = model.weights_path.read_bytes()
    model.weights_path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ModelError, match=r"'tiny' .*truncated.*get the model again"):
        model.read_tensors()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234",
        b"not safetensors at all",
        packed("{}"),
        packed("[]"),
        packed('{"a": {"data_offsets": [0, 0]}}'),
    ],
)
def test_weights_of_another_kind_are_refused(model: ModelFolder, content: bytes) -> None:
    model.weights_path.write_bytes(content)
    with pytest.raises(ModelError, match="truncated or not a safetensors file"):
        model.verify()


def test_weights_with_a_right_hash_and_a_wrong_header_are_refused(model: ModelFolder) -> None:
    content = packed('{"a":{"dtype":"F77","shape":[1],"data_offsets":[0,4]}}') + bytes(4)
    model.weights_path.write_bytes(content)
    broken = edit_card(model, model.card.sha256, hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="cannot be read"):
        broken.read_tensors()


def test_missing_weights_are_named(model: ModelFolder) -> None:
    model.weights_path.unlink()
    with pytest.raises(ModelError, match=r"'tiny' .*lacks its weights\.safetensors"):
        model.verify()


def test_a_card_without_a_hash_is_refused(model: ModelFolder) -> None:
    with pytest.raises(ModelError, match="no sha256"):
        edit_card(model, model.card.sha256, "").verify()


def test_an_unknown_scheme_is_named(model: ModelFolder) -> None:
    with pytest.raises(ModelError, match=r"'tiny' .*brain-7") as caught:
        edit_card(model, "colon-3", "brain-7").verify()
    assert "prostate-3" in str(caught.value)


def test_a_card_that_is_no_toml_is_refused(model: ModelFolder) -> None:
    (model.path / "model.toml").write_text("name = ")
    with pytest.raises(ModelError, match="not valid TOML"):
        ModelFolder(model.path)


# --- Schemes and architectures ----------------------------------------------------------------


def test_a_scheme_of_ones_own_lies_beside_the_card(tmp_path: Path) -> None:
    scheme = TissueScheme(
        "mine", "Mine", (TissueClass(0, "glass", "#ffffff"), TissueClass(1, "a", "#000000"))
    )
    model = write_folder(tmp_path / "m", card(scheme="mine"), TENSORS, scheme=scheme)
    assert model.card.scheme == "scheme.toml"
    assert ModelFolder(model.path).scheme() == scheme


def test_a_scheme_elsewhere_is_refused(model: ModelFolder) -> None:
    with pytest.raises(ModelError, match=r"\.\./other\.toml"):
        edit_card(model, "colon-3", "../other.toml").scheme()


def test_generator_arguments_take_the_classes_from_the_scheme(model: ModelFolder) -> None:
    assert model.generator_arguments() == {
        "preset": "local",
        "latent_size": 8,
        "n_classes": model.scheme().n_classes,
    }


def test_generator_arguments_take_what_the_architecture_says(tmp_path: Path) -> None:
    architecture = {"n_classes": 11, "widths": [8, 4]}
    model = write_folder(tmp_path / "m", card(architecture=architecture), TENSORS)
    assert model.generator_arguments() == {"preset": "local", "latent_size": 8, **architecture}


@pytest.mark.parametrize("n_classes", [2, "many"])
def test_too_few_label_channels_are_refused(tmp_path: Path, n_classes: object) -> None:
    model = write_folder(tmp_path / "m", card(architecture={"n_classes": n_classes}), TENSORS)
    with pytest.raises(ModelError, match=f"takes {n_classes} label channels"):
        model.verify()


# --- Finding ----------------------------------------------------------------------------------


def test_models_are_listed_in_the_order_of_search(roots: tuple[Path, Path]) -> None:
    first, second = roots
    write_folder(second / "a", card("a"), TENSORS)
    write_folder(first / "b", card("b"), TENSORS)
    (first / "no-model").mkdir()
    (first / "file.txt").write_text("")
    assert [model.name for model in list_models()] == ["b", "a"]


def test_of_two_with_one_name_the_first_is_found(roots: tuple[Path, Path]) -> None:
    for root in roots[::-1]:
        write_folder(root / "a", card("a"), TENSORS)
    assert [model.path for model in list_models()] == [roots[0] / "a"]
    assert find_model("a").path == roots[0] / "a"


def test_a_folder_is_found_by_its_path(model: ModelFolder, roots: tuple[Path, Path]) -> None:
    assert find_model(model.path).name == "tiny"
    assert find_model(str(model.path)).name == "tiny"


def test_a_model_is_found_by_its_own_name_whatever_the_folder(roots: tuple[Path, Path]) -> None:
    write_folder(roots[0] / "renamed", card("a"), TENSORS)
    assert find_model("a").path == roots[0] / "renamed"


def test_an_unrelated_folder_of_that_name_does_not_hide_a_model(
    roots: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(roots[0] / "a", card("a"), TENSORS)
    (tmp_path / "elsewhere" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_model("a").path == roots[0] / "a"


def test_an_unknown_name_lists_the_known_ones(roots: tuple[Path, Path]) -> None:
    write_folder(roots[0] / "a", card("a"), TENSORS)
    write_folder(roots[1] / "b", card("b"), TENSORS)
    with pytest.raises(ModelError, match="no model 'c'; known models: a, b"):
        find_model("c")


def test_an_unknown_name_among_none_says_none(roots: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match="known models: none"):
        find_model("c")


def test_a_path_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        find_model(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"holds no model\.toml"):
        find_model(tmp_path)


def test_a_broken_card_hides_no_other_model_and_is_reported(roots: tuple[Path, Path]) -> None:
    write_folder(roots[0] / "a", card("a"), TENSORS)
    broken = roots[0] / "broken"
    broken.mkdir()
    (broken / "model.toml").write_text("name = ")
    told: list[Path] = []
    assert [model.name for model in list_models(lambda path, _error: told.append(path))] == ["a"]
    assert told == [broken]
    with pytest.raises(ModelError, match="not valid TOML"):
        find_model("broken")


# --- Tables -----------------------------------------------------------------------------------


def test_a_summary_counts_the_parameters_of_the_generator(model: ModelFolder) -> None:
    summary = model.summary()
    assert summary["parameters"] == 24
    assert (summary["name"], summary["scheme"], summary["preset"]) == ("tiny", "colon-3", "local")


def test_a_model_without_weights_can_still_be_listed(model: ModelFolder) -> None:
    model.weights_path.unlink()
    assert model.summary()["parameters"] is None


def test_importing_the_zoo_and_listing_models_loads_no_torch(model: ModelFolder) -> None:
    code = (
        "import sys; from napari_histosynth import zoo; "
        "models = zoo.list_models(); assert [m.name for m in models][:1] == ['tiny']; "
        "models[0].verify(); models[0].summary(); "
        "assert not {'torch', 'qtpy', 'dask.array'} & set(sys.modules)"
    )
    environment = {**os.environ, "HISTOSYNTH_MODELS": str(model.path.parent)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
