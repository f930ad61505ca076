"""The training loop: resuming goes on as if nothing had happened, and nothing is lost on the way."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_histosynth.core import training as loop
from napari_histosynth.core.errors import SaveError, TrainingError
from napari_histosynth.core.training import LoopSettings, decayed, decayed_as_paper, train, update_average


class Line:
    """Fits a line to noisy points; noise from torch's generator, as a GAN's is."""

    def __init__(self) -> None:
        torch.manual_seed(7)
        self.networks: dict[str, nn.Module] = {"line": nn.Linear(3, 1)}
        self.optimizers = {"line": torch.optim.Adam(self.networks["line"].parameters(), 0.01)}
        self.steps: list[int] = []
        self.interrupt_at: int | None = None
        self.loss: float | None = None

    def batch(self, step: int) -> Mapping[str, Any]:
        return {"x": torch.randn(8, 3, generator=torch.Generator().manual_seed(step))}

    def step(self, batch: Mapping[str, Any], step: int, fabric: Any) -> dict[str, float]:
        x = batch["x"]
        y = x.sum(1, keepdim=True) + 0.1 * torch.randn(8, 1)
        loss = ((self.networks["line"](x) - y) ** 2).mean()
        self.optimizers["line"].zero_grad()
        loss.backward()
        self.optimizers["line"].step()
        self.steps.append(step)
        if step == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": float(loss.detach()) if self.loss is None else self.loss}

    def sheet(self, path: Path, step: int, fabric: Any) -> None:
        path.write_text(str(step))


def _settings(steps: int, **changes: Any) -> LoopSettings:
    kept = {"checkpoint_every": 3, "sheet_every": 4, "log_every": 1, "device": "cpu", "precision": "32-true"}
    return LoopSettings(steps, **{**kept, **changes})


def _weights(line: Line) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in line.networks["line"].parameters()])


def _silent(_: str) -> None:
    pass


def test_a_run_in_two_parts_equals_a_run_in_one(tmp_path: Path) -> None:
    whole, first, second = Line(), Line(), Line()
    train(whole, tmp_path / "whole", _settings(10), _silent)
    train(first, tmp_path / "parts", _settings(4), _silent)
    train(second, tmp_path / "parts", _settings(10), _silent)
    assert second.steps == list(range(4, 10))
    torch.testing.assert_close(_weights(second), _weights(whole), atol=0, rtol=0)


def test_a_killed_run_repeats_from_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed, second = Line(), Line(), Line()
    train(whole, tmp_path / "whole", _settings(10), _silent)

    class PowerCutError(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCutError

    monkeypatch.setattr(killed, "sheet", cut)
    with pytest.raises(PowerCutError):
        train(killed, tmp_path / "parts", _settings(10, sheet_every=5), _silent)
    train(second, tmp_path / "parts", _settings(10), _silent)
    assert second.steps[0] == 3  # step 5 was reached, 3 was saved
    torch.testing.assert_close(_weights(second), _weights(whole), atol=0, rtol=0)
    with (tmp_path / "parts" / loop.LOSSES).open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, 11))


def test_a_signal_ends_the_run_after_a_step_with_a_checkpoint(tmp_path: Path) -> None:
    line, again = Line(), Line()
    line.interrupt_at = 4
    before = signal.getsignal(signal.SIGTERM)
    assert train(line, tmp_path, _settings(10), _silent) == 5
    assert signal.getsignal(signal.SIGTERM) == before
    train(again, tmp_path, _settings(10), _silent)
    assert again.steps == [5, 6, 7, 8, 9]


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    train(Line(), tmp_path, _settings(4), _silent)
    again = Line()
    assert train(again, tmp_path, _settings(4), _silent) == 4
    assert again.steps == []


def test_losses_and_sheets_are_written(tmp_path: Path) -> None:
    said: list[str] = []
    train(Line(), tmp_path, _settings(9), said.append)
    assert sorted(p.name for p in tmp_path.glob("sheet*")) == [f"sheet-{k:06d}.png" for k in (4, 8, 9)]
    with (tmp_path / loop.LOSSES).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert float(rows[-1]["loss"]) >= 0
    assert any("left" in line and "9/9" in line for line in said)


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path: Path) -> None:
    line = Line()
    line.loss = float("nan")
    with pytest.raises(TrainingError, match="not a number at step 0"):
        train(line, tmp_path, _settings(4), _silent)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x80\x04not a checkpoint"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / loop.CHECKPOINT).write_bytes(content)
    with pytest.raises(TrainingError, match="damaged") as caught:
        train(Line(), tmp_path, _settings(4), _silent)
    assert "\n" not in str(caught.value)
    assert (tmp_path / loop.CHECKPOINT).read_bytes() == content


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(Line(), tmp_path, _settings(4), _silent)
    kept = (tmp_path / loop.CHECKPOINT).read_bytes()

    def full(state: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(SaveError, match="disk is full"):
        train(Line(), tmp_path, _settings(9), _silent)
    assert (tmp_path / loop.CHECKPOINT).read_bytes() == kept
    assert not list(tmp_path.glob("*.tmp*"))


def test_averages_follow_slowly() -> None:
    average, current = nn.Linear(2, 2), nn.Linear(2, 2)
    start = average.weight.detach().clone()
    update_average(average, current, step=10**6, decay=0.9)
    expected = 0.9 * start + 0.1 * current.weight.detach()
    torch.testing.assert_close(average.weight.detach(), expected)


def test_young_averages_forget_faster() -> None:
    average, current = nn.Linear(2, 2), nn.Linear(2, 2)
    start = average.weight.detach().clone()
    update_average(average, current, step=0, decay=0.999)
    torch.testing.assert_close(average.weight.detach(), 0.1 * start + 0.9 * current.weight.detach())


def test_the_learning_rate_warms_up_holds_and_falls() -> None:
    assert decayed(0, 1000) == pytest.approx(0.01)
    assert decayed(400, 1000) == 1
    assert decayed(750, 1000) == pytest.approx(1 - 0.95 / 2)
    assert decayed(1000, 1000) == pytest.approx(0.05)


def test_the_papers_schedule_falls_by_a_twentieth_every_thousand_steps() -> None:
    assert [decayed_as_paper(step) for step in (0, 999, 1000, 2500)] == pytest.approx([1, 1, 0.95, 0.9025])


def test_an_impossible_device_is_one_sentence(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(TrainingError, match="'cuda'"):
        train(Line(), tmp_path, _settings(4, device="cuda"), _silent)
