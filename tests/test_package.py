"""The package as a whole: what importing it costs, what it exports, what napari and pip find in it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

import napari_histosynth

HEAVY = {"PyQt6", "PySide6", "dask", "napari", "qtpy", "scipy", "skimage", "torch", "vispy"}


def heavy_modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return which heavy packages it left loaded."""
    report = "\nimport sys; print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stdout.rpartition("LOADED")[2].split())


def light_modules() -> list[str]:
    """Return the dotted names of all modules that have to load without anything heavy."""
    root = Path(napari_histosynth.__file__).parent
    files = [path for folder in ("core", "zoo") for path in (root / folder).rglob("*.py")]
    names = [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel as a release would, by way of the sdist, and open it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        yield archive


def test_importing_loads_nothing_heavy() -> None:
    modules = ["napari_histosynth", *light_modules()]
    assert len(modules) > 20
    # one process for all; which of them it was is found out only if there is one
    if heavy_modules_after(f"import {', '.join(modules)}"):
        assert {name: heavy for name in modules if (heavy := heavy_modules_after(f"import {name}"))} == {}


def test_napari_finding_the_plugin_loads_nothing_heavy() -> None:
    code = "from npe2 import PluginManifest; PluginManifest.from_distribution('napari-histosynth')"
    assert heavy_modules_after(code) == set()


def test_a_scheme_is_had_from_the_package_without_anything_heavy() -> None:
    assert heavy_modules_after("import napari_histosynth as hs; hs.get_scheme('prostate-3')") == set()


@pytest.mark.parametrize("name", napari_histosynth.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(napari_histosynth, name) is not None


def test_dir_lists_the_public_names() -> None:
    assert set(napari_histosynth.__all__) <= set(dir(napari_histosynth))


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_histosynth.no_such_name


def test_the_manifest_names_the_plugin() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-histosynth")
    assert (manifest.name, manifest.display_name) == ("napari-histosynth", "Histosynth")


def test_every_command_of_the_manifest_is_a_callable() -> None:
    from npe2 import PluginManifest
    from npe2.manifest.utils import import_python_name

    commands = PluginManifest.from_distribution("napari-histosynth").contributions.commands or []
    names = [command.python_name for command in commands if command.python_name]
    assert [name for name in names if not callable(import_python_name(name))] == []


def test_the_manifest_at_the_top_is_a_link_to_the_one_in_the_package(repository: Path) -> None:
    assert (repository / "napari.yaml").resolve() == repository / "src/napari_histosynth/napari.yaml"


def test_the_wheel_carries_every_model_and_the_package_data(repository: Path, wheel: zipfile.ZipFile) -> None:
    files = [path.relative_to(repository) for path in repository.glob("models/*/*") if path.is_file()]
    wanted = {f"napari_histosynth/{path.as_posix()}" for path in files}
    wanted |= {f"napari_histosynth/{name}" for name in ("py.typed", "napari.yaml", "models/README.md")}
    assert wanted - set(wheel.namelist()) == set()


def test_the_wheel_brings_no_qt_binding_of_its_own(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line for line in required if line.lower().startswith(("pyqt", "pyside", "napari["))] == []


def test_the_version_is_the_same_wherever_it_stands(repository: Path, wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    version = Parser().parsestr(wheel.read(name).decode())["Version"]
    citation = (repository / "CITATION.cff").read_text()
    assert version == napari_histosynth.__version__
    assert f"\nversion: {version}\n" in citation
    assert f"## [{version}]" in (repository / "CHANGELOG.md").read_text()


def test_no_weights_are_larger_than_sixteen_megabytes(repository: Path) -> None:
    weights = repository.glob("models/*/weights.safetensors")
    assert [path for path in weights if path.stat().st_size > 16_000_000] == []


def test_dependencies_are_lower_bounds_except_for_torch(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    capped = [line for line in project["dependencies"] if "<" in line or "==" in line]
    assert [line.partition(">")[0] for line in capped] == ["torch"]
