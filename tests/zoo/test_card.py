from __future__ import annotations

from pathlib import Path

import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.zoo import ModelCard

CARD = ModelCard(
    name="colon-3class",
    title="Colon",
    preset="local",
    scheme="colon-3",
    um_per_px=0.62,
    latent_size=64,
    sha256="ab" * 32,
    data='GlaS, "split" by patient',
    trained="two hours\non two cores",
    architecture={"widths": [64, 32], "hidden": [16, 8]},
    metrics={"steps": 100, "fid": 31.5, "split": "patients 1-8"},
)


def write(folder: Path, text: str) -> Path:
    path = folder / "model.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert ModelCard.read(write(tmp_path, CARD.to_toml())) == CARD


def test_cards_with_the_same_contents_are_the_same_text() -> None:
    shuffled = ModelCard(**dict(reversed(CARD.model_dump().items())))
    assert shuffled.to_toml() == CARD.to_toml()


def test_fields_stand_in_their_declared_order_and_tables_last() -> None:
    lines = [line for line in CARD.to_toml().splitlines() if " = " in line or line.startswith("[")]
    keys = [line.split(" = ")[0] for line in lines]
    assert keys[:4] == ["format", "name", "title", "system"]
    assert keys.index("citation") < keys.index("[architecture]") < keys.index("[metrics]")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('name = "colon-3class"', "", "field 'name' is missing"),
        ('name = "colon-3class"', 'name = "a/b"', "'name' is 'a/b'"),
        ("um_per_px = 0.62", "um_per_px = 0", "'um_per_px' is 0, but"),
        ("um_per_px = 0.62", "um_per_px = nan", "'um_per_px' is nan, but"),
        ("latent_size = 64", 'latent_size = "many"', "'latent_size' is 'many', but"),
        ('preset = "local"', 'preset = "remote"', "'preset' is 'remote', but .*local"),
        ('system = "shi-gan"', 'system = "alchemy"', "'system' is 'alchemy', but .*shi-gan"),
        ('scheme = "colon-3"', 'scheme = ""', "'scheme' is '', but"),
        ('scheme = "colon-3"', 'schema = "colon-3"', "field 'scheme' is missing"),
        ('title = "Colon"', 'titel = "Colon"', "field 'titel' is unknown"),
        ("abab", "xyz!", "'sha256' is 'xyz!"),
        ("format = 1", "format = 2\nnews = 1", "format is 2 and this version reads format 1, update"),
        ('name = "colon-3class"', "name = colon-3class", "not valid TOML .*line"),
    ],
)
def test_a_field_that_is_wrong_is_named_in_one_sentence(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    text = CARD.to_toml()
    assert was in text
    with pytest.raises(ModelError, match=said) as caught:
        ModelCard.read(write(tmp_path, text.replace(was, becomes, 1)))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "model.toml") in str(caught.value)


def test_bytes_that_are_no_text_are_no_toml(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ModelError, match="not valid TOML"):
        ModelCard.read(tmp_path / "model.toml")


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.toml cannot be read"):
        ModelCard.read(tmp_path / "model.toml")


def test_classes_that_repeat_are_kept_and_not_measured_is_not_none_found(tmp_path: Path) -> None:
    for repeats in (None, (), ("mucin", "muscle")):
        card = CARD.model_copy(update={"repeats": repeats})
        assert ModelCard.read(write(tmp_path, card.to_toml())).repeats == repeats


def test_a_model_of_stains_names_two_and_no_scheme(tmp_path: Path) -> None:
    card = ModelCard(
        name="stains", system="stain", preset="compact", stains=("H&E", "Ki-67"), um_per_px=0.5, latent_size=0
    )
    assert "scheme" not in card.to_toml()
    assert ModelCard.read(write(tmp_path, card.to_toml())) == card


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('stains = [\n    "H&E",\n    "Ki-67",\n]', "", "field 'stains' is missing"),
        ('    "Ki-67",\n', "", "'stains' is .*names two"),
        ("latent_size = 0", "latent_size = 3", "'latent_size' is 3, but"),
        ('preset = "compact"', 'preset = "local"', "'preset' is 'local', but .*compact"),
        ("um_per_px = 0.5", 'um_per_px = 0.5\nscheme = "colon-3"', "'scheme' is 'colon-3', but"),
    ],
)
def test_what_does_not_fit_a_model_of_stains_is_named(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    card = ModelCard(
        name="stains", system="stain", preset="compact", stains=("H&E", "Ki-67"), um_per_px=0.5, latent_size=0
    )
    text = card.to_toml()
    assert was in text
    with pytest.raises(ModelError, match=said):
        ModelCard.read(write(tmp_path, text.replace(was, becomes)))
