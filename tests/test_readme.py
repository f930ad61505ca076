"""What the README and the guides show works: Python runs, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.cli.app import app
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_provenance

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((REPOSITORY / "docs").glob("*.md")))]
HOME = "https://github.com/napari-histosynth/napari-histosynth/blob/main/"


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL
    )


def commands(page: str) -> list[list[str]]:
    """Return the calls of histosynth on a page, as arguments."""
    lines = "\n".join(blocks(page, "sh")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("histosynth ")]


@pytest.fixture
def workplace(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder where a tiny model goes by the name of the one that comes with the package."""
    model = tmp_path / "models" / "colon-3class"
    shutil.copytree(tiny_model, model)
    card = (model / "model.toml").read_text().replace('name = "tiny"', 'name = "colon-3class"')
    (model / "model.toml").write_text(card)
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(model.parent))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def run(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(arguments, prog_name="histosynth")
    assert not ended.value.code, arguments


def test_the_python_of_the_readme_runs(workplace: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks("README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)
    hs, model, labels = names["hs"], names["model"], names["labels"]
    assert model.name == "colon-3class"
    assert np.array_equal(names["image"], hs.Canvas(model, labels, seed=0).render()), (
        "a window differs from all"
    )
    assert names["gradient"].shape == (256, 256, 3)
    made = read_provenance(workplace / "he.png")
    assert made is not None
    assert made.synthetic


def test_the_commands_for_the_shell_run_in_their_order(workplace: Path) -> None:
    shown = next(block for block in blocks("README.md", "sh") if "histosynth render" in block)
    for line in shown.splitlines():
        run(shlex.split(line, comments=True)[1:])
    assert read_image(workplace / "he.png").shape == read_image(workplace / "labels.png").shape
    assert (read_image(workplace / "he.png") != read_image(workplace / "other.png")).any()
    assert (workplace / "found.png").exists()


@pytest.fixture(scope="module")
def helps() -> dict[tuple[str, ...], str]:
    """What commands have said of themselves."""
    return {}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_on_a_page_exists(
    page: str, helps: dict[tuple[str, ...], str], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in commands(page):
        words = [word for word in arguments if not word.startswith("-")]
        depth = 2 if words[0] in ("models", "train", "evaluate", "anchors", "atlas", "slide") else 1
        command = tuple(words[:depth])
        if command not in helps:
            capsys.readouterr()
            run([*command, "--help"])
            helps[command] = capsys.readouterr().out
        options = [word for word in arguments if word.startswith("-")]
        assert [option for option in options if not re.search(rf"{option}\b", helps[command])] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_of_the_repository_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (REPOSITORY / page).read_text())
    inside = [link.removeprefix(HOME) for link in links if link.startswith(HOME) or "://" not in link]
    base = [
        REPOSITORY if "docs/" in link or page == "README.md" else (REPOSITORY / page).parent
        for link in inside
    ]
    assert [link for top, link in zip(base, inside, strict=True) if not (top / link).exists()] == []


def test_the_readme_has_no_relative_links_which_a_package_index_cannot_follow() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (REPOSITORY / "README.md").read_text())
    assert [link for link in links if "://" not in link] == []


def test_the_scheme_of_the_guide_is_one(tmp_path: Path) -> None:
    (text,) = blocks("docs/schemes.md", "toml")
    (tmp_path / "kidney.toml").write_text(text)
    scheme = get_scheme(tmp_path / "kidney.toml")
    assert scheme.names == ("background", "glomerulus", "tubulus")
    assert scheme.um_per_px == 0.5


def test_the_card_of_the_guide_is_one(tmp_path: Path) -> None:
    from napari_histosynth.zoo import ModelCard

    (text,) = blocks("docs/models.md", "toml")
    (tmp_path / "model.toml").write_text(text.replace('"..."', '""'))
    assert ModelCard.read(tmp_path / "model.toml").name == "colon-3class"


def test_the_guide_to_training_names_every_key_with_its_default() -> None:
    from napari_histosynth.paint.config import PaintConfig

    page = (REPOSITORY / "docs/training.md").read_text()
    wrong = []
    for name, section in PaintConfig.model_fields.items():
        (part,) = re.findall(rf"^\| \*\*\[{name}\]\*\* .*\n((?:\| `.*\n)*)", page, re.MULTILINE) or [""]
        rows = re.findall(r"^\| (`[^|]+)\|([^|]*)\|", part, re.MULTILINE)
        shown = {key: default.strip() for keys, default in rows for key in re.findall(r"`(\w+)`", keys)}
        assert isinstance(section.annotation, type)
        for key, field in section.annotation.model_fields.items():  # type: ignore[attr-defined]
            if key not in shown:
                wrong.append(f"{key} is missing")
            elif field.is_required() != (shown[key] == ""):
                wrong.append(f"{key} has to be there, or not")
            elif isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                numbers = [float(word) for word in re.findall(r"\d[\d.e-]*", shown[key].replace(",", ""))]
                if float(field.default) not in numbers:
                    wrong.append(f"{key} is {field.default}")
    assert wrong == []


def test_the_guide_to_training_stains_names_every_key() -> None:
    from napari_histosynth.stain.config import PicturesSection, StainConfig

    page = (REPOSITORY / "docs/stain-training.md").read_text()
    shown = set(re.findall(r"`(\w+)`", page))
    parts = ("model", "data", "loss", "optimizer", "discriminator")
    sections = [PicturesSection, *(StainConfig.model_fields[name].annotation for name in parts)]
    keys = {key for section in sections for key in section.model_fields}  # type: ignore[union-attr]
    assert keys - shown - {"first", "second"} == set()


def test_the_guide_to_training_on_slides_names_every_key() -> None:
    from napari_histosynth.slide.config import SlideConfig

    page = (REPOSITORY / "docs/slide-training.md").read_text()
    shown = set(re.findall(r"`(\w+)`", page))
    parts = ("model", "data", "loss", "optimizer", "discriminator")
    sections = [SlideConfig.model_fields[name].annotation for name in parts]
    keys = {key for section in sections for key in section.model_fields}  # type: ignore[union-attr]
    assert keys - shown == set()


def test_the_guide_to_training_on_layouts_names_every_key() -> None:
    from napari_histosynth.layout.config import GrowthSection, LayoutConfig

    page = (REPOSITORY / "docs/layout-training.md").read_text()
    shown = set(re.findall(r"`(\w+)`", page))
    parts = ("model", "data", "loss", "optimizer", "encoder")
    sections = [GrowthSection, *(LayoutConfig.model_fields[name].annotation for name in parts)]
    keys = {key for section in sections for key in section.model_fields}  # type: ignore[union-attr]
    assert keys - shown == set()


def test_the_python_of_the_guide_to_looks_runs(workplace: Path) -> None:
    names: dict[str, Any] = {}
    block, _ = blocks("docs/looks.md", "python")
    exec(compile(block.replace("(512, 1024)", "(64, 128)"), "docs/looks.md", "exec"), names)
    assert names["image"].shape == (64, 128, 3)
    assert names["canvas"].change_looks(names["moved"]) == []


def test_the_stain_of_a_slide_is_taken_as_the_guide_to_looks_says() -> None:
    slide = np.full((64, 64, 3), (225, 160, 200), np.uint8)
    names: dict[str, Any] = {"slide": slide, "labels": np.full((64, 64), 1, np.uint8)}
    _, block = blocks("docs/looks.md", "python")
    exec(compile(block, "docs/looks.md", "exec"), names)
    assert names["image"].shape == (64, 64, 3)


def test_the_file_of_the_guide_to_looks_is_read(workplace: Path) -> None:
    import napari_histosynth
    from napari_histosynth.io import save_labels
    from napari_histosynth.paint.lookfile import read_look_plan, region_scheme

    (text,) = blocks("docs/looks.md", "json")
    (workplace / "looks.json").write_text(text.replace('"picture": "slide.png"', '"seed": 3'))
    save_labels(workplace / "labels_looks.png", np.zeros((448, 1344), np.uint8), region_scheme())
    plan = read_look_plan(workplace / "looks.json", napari_histosynth.load_model("colon-3class"))
    assert (len(plan.looks), len(plan.places), plan.width_um) == (2, 2, 300)
