"""Training of slides: slides on disk become pairs, pairs teach a refiner, a run goes on and makes a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.training import LoopSettings, make_fabric
from napari_histosynth.slide.config import read_slide_config
from napari_histosynth.slide.data import Child, PairSampler, load_slides, palette_pictures, reduced
from napari_histosynth.slide.fit import prepare_slide, train_slide
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.model import load_slide_model


def _silent(_: str) -> None:
    pass


def test_the_configuration_that_ships_is_valid(repository: Path) -> None:
    config = read_slide_config(repository / "models/colon-slide/train.toml")
    assert config.loop.crop % STEP == 0
    assert set(config.data.held_out).isdisjoint(config.data.muscle)


def test_slides_are_held_out_whole(config: Path, data: Path) -> None:
    wanted = read_slide_config(config)
    for held_out, name in ((False, "first"), (True, "second")):
        slides, children = load_slides(data, wanted, held_out=held_out)
        assert [slide.name for slide in slides] == [name]
        assert {child.slide for child in children} == {name}
        # overview at both of its levels, the field, and the region at its own and the next level
        assert sorted(child.step for child in children) == [0, 1, 2, 2, 3]


def test_layouts_lie_where_their_pictures_do(config: Path, data: Path) -> None:
    slides, children = load_slides(data, read_slide_config(config))
    for child in children:
        assert child.layout.shape == (*(side // STEP for side in child.image.shape[:2]), 5)
    overview = next(child for child in children if child.step == 1)
    glass = overview.layout[..., 0] > 128
    bright = reduced(overview.image).mean(2) > 200
    assert (glass == bright).mean() > 0.95
    field = next(child for child in children if child.step == 2)
    assert (field.layout[..., 0] == 0).all()  # in the middle of tissue
    picture, fractions = palette_pictures(slides)[0]
    assert fractions.shape == (5, *picture.shape[:2])


def test_a_step_gives_the_same_pairs_and_parents_are_children_reduced(config: Path, data: Path) -> None:
    wanted = read_slide_config(config)
    sampler = PairSampler(wanted, load_slides(data, wanted)[1], margin=20)
    first, again = sampler.batch(5), sampler.batch(5)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert first["image"].shape == (2, 32, 32, 3)
    assert first["parent"].shape == (2, 18, 18, 3)
    assert first["layout"].shape == (2, 5, 18, 18)
    np.testing.assert_allclose(first["layout"].sum(1), 1, atol=0.02)
    for image, parent in zip(first["image"], first["parent"], strict=True):
        assert np.array_equal(reduced(image), parent[5:-5, 5:-5])


def test_parents_that_are_drawn_cover_those_that_are_not(config: Path, data: Path) -> None:
    unchained = read_slide_config(config)
    config.write_text(config.read_text().replace("[data]", "[data]\nchain = 0.5"))
    wanted = read_slide_config(config)
    sampler = PairSampler(wanted, load_slides(data, wanted)[1], margin=4, stride=16)
    assert (sampler.parent, sampler.drawn, sampler.rim) == (10, 16, 3)
    batches = [sampler.batch(step) for step in range(20)]
    chained = [batch for batch in batches if "chained" in batch]
    assert chained
    for batch in chained:
        assert list(batch["chained"]) == [1], "half of two"
        assert batch["step"][1] > 0, "the coarsest parents are sketches"
        assert batch["above"].shape == (1, 6, 6, 3)
        assert batch["layout_above"].shape == (1, 5, 6, 6)
        # 6 px above are 24 of the parent's; those from 4 + 3 on are the crop's, 1 of whose 10 is margin
        parent, above = batch["parent"][1].astype(float), batch["above"][0].astype(float)
        inside = parent[1:9, 1:9].reshape(2, 4, 2, 4, 3).mean((1, 3))
        assert np.abs(inside - above[2:4, 2:4]).max() < 1.01, "each was rounded"
    untouched = sampler.batch(0)["image"][0]
    plain = PairSampler(unchained, load_slides(data, wanted)[1], margin=4)
    assert np.array_equal(plain.batch(0)["image"][0], untouched)


def test_a_step_on_parents_of_its_own_teaches_to_lose_nothing_of_them(config: Path, data: Path) -> None:
    config.write_text(
        config.read_text().replace("[data]", "[data]\nchain = 1.0\nsteps = [0.0, 0.0, 0.0, 1.0]")
    )
    wanted = read_slide_config(config)
    rng = np.random.default_rng(5)
    image = np.repeat(np.repeat(rng.integers(0, 200, (58, 58, 3), np.uint8), 16, 0), 16, 1)
    child = Child("large", 3, image, np.full((232, 232, 5), 51, np.uint8))
    training = prepare_slide(wanted, data, _silent)
    training.sampler = PairSampler(wanted, [child], training.refiner.margin, training.refiner.stride)
    batch = training.batch(0)
    assert list(batch["chained"]) == [0, 1]
    losses = training.step(batch, 0, make_fabric(LoopSettings(1, device="cpu", precision="32-true")))
    assert losses["features"] == 0, "no real crop has such a parent"
    assert losses["coherence"] > 0
    assert losses["adversarial"] > 0


def test_at_full_magnification_colors_count_if_they_are_to(config: Path, data: Path) -> None:
    text = config.read_text().replace("[data]", "[data]\nsteps = [0.0, 0.0, 0.5, 0.5]")
    config.write_text(text.replace("[discriminator]", "[loss]\nfine_pixels = 2.0\n[discriminator]"))
    training = prepare_slide(read_slide_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    of_steps: dict[bool, list[float]] = {True: [], False: []}
    for step in range(6):
        batch = training.batch(step)
        of_steps[bool((batch["step"] == 3).any())].append(training.step(batch, step, fabric)["pixels"])
    assert min(of_steps[True]) > 0
    assert set(of_steps[False]) <= {0.0}


def test_all_steps_are_sampled_and_white_patches_are_not(config: Path, data: Path) -> None:
    wanted = read_slide_config(config)
    sampler = PairSampler(wanted, load_slides(data, wanted)[1], margin=20)
    batches = [sampler.batch(step) for step in range(40)]
    assert set(np.concatenate([batch["step"] for batch in batches])) == {0, 1, 2, 3}
    white = [(image.mean(2) > 225).mean() > 0.99 for batch in batches for image in batch["image"]]
    assert np.mean(white) < 0.1


def test_a_run_goes_on_and_makes_a_model_that_draws(config: Path, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_slide(config, data, run, device="cpu", say=_silent)
    assert (run / "sheet-000002.png").exists()
    said: list[str] = []
    out = train_slide(config, data, run, steps=3, device="cpu", say=said.append)
    assert "Resuming at step 2 of 3." in said
    model = load_slide_model(out, device="cpu")
    assert model.card.system == "slide"
    assert model.palette.mean.shape == (1, 5, 3)
    assert (model.palette.mean[0, 3] > model.palette.mean[0, 0]).all()  # tumor is darker than glass


def test_both_sides_learn_and_statistics_stand_still_at_the_end(config: Path, data: Path) -> None:
    training = prepare_slide(read_slide_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    before = {
        name: [value.detach().clone() for value in training.networks[name].parameters()]
        for name in ("refiner", "discriminator")
    }
    losses = training.step(training.batch(0), 0, fabric)
    assert np.isfinite(list(losses.values())).all()
    for name, values in before.items():
        after = list(training.networks[name].parameters())
        assert any((one != other).any() for one, other in zip(values, after, strict=True)), name

    def statistics() -> list[np.ndarray]:
        kept = training.networks["refiner"].state_dict()
        return [value.numpy().copy() for name, value in kept.items() if name.endswith("running_mean")]

    moving = statistics()
    training.step(training.batch(2), 2, fabric)  # beyond 0.6 of the run
    assert all(np.array_equal(one, other) for one, other in zip(moving, statistics(), strict=True))


def test_what_is_missing_is_one_sentence(config: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="a slide is a folder with overview_8um"):
        load_slides(tmp_path, read_slide_config(config))
    text = config.read_text().replace("crop = 32", "crop = 4096")
    config.write_text(text)
    with pytest.raises(TrainingError, match="large enough for crops of 4096 px"):
        prepare_slide(read_slide_config(config), data, _silent)
    config.write_text(text.replace("crop = 4096", "crop = 33"))
    with pytest.raises(TrainingError, match="multiples of 4 px, not 33"):
        prepare_slide(read_slide_config(config), data, _silent)


def test_the_diffusion_is_trained_beside_a_refiner_that_is_kept(
    config: Path, data: Path, tmp_path: Path, slide_folder: Path
) -> None:
    pytest.importorskip("diffusers")
    start = f'setting = "diffusion"\nstart = "{slide_folder}"\ndiffusion = {{ widths = [16, 16, 16] }}\n'
    config.write_text(
        config.read_text().replace("[model]\n", f"[model]\n{start}").replace("steps = 2\n", "steps = 1\n")
    )
    out = train_slide(config, data, tmp_path / "run", device="cpu", say=_silent)
    model, before = load_slide_model(out, device="cpu"), load_slide_model(slide_folder, device="cpu")
    assert model.diffusion
    kept = zip(model.refiner.parameters(), before.refiner.parameters(), strict=True)
    assert all((one == other).all() for one, other in kept)
    assert np.array_equal(model.palette.mean, before.palette.mean)
