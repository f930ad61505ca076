"""What an evaluation found, as a table for a terminal, for Markdown and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = tuple[str, str, str, str]
"""What is measured, what came out, what it is compared with, and what would be best."""

_LOOKS = {"own": "own look", "random": "random look", "real": "real against real"}


@dataclass(frozen=True)
class Report:
    """Results of an evaluation.

    Attributes
    ----------
    subject : dict
        Model, hash, data, patients, budget: what was measured on what.
    classes : sequence of str
        Names of the classes.
    results : dict
        For each measurement what it found.
    """

    subject: Mapping[str, Any]
    classes: Sequence[str]
    results: Mapping[str, Any]

    @property
    def heading(self) -> str:
        """Return one line that says what was measured on what."""
        said = self.subject
        return (
            f"{said['model']} {said['sha256'][:12]}, budget {said['budget']}: {said['held_out']} fields of "
            f"patients {', '.join(said['patients'])}, whom neither the generator nor a network here was "
            f"trained on ({said['trained']} fields of others)"
        )

    def rows(self) -> list[Row]:
        """Return the table."""
        return [
            *self._segmentation(),
            *self._faithfulness(),
            *self._two_sample(),
            *self._frechet(),
            *self._neighbors(),
        ]

    def metrics(self) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        table, again = self.results["segmentation"], self.results["faithfulness"]
        found = {f"miou_{arm}": row["miou"] for arm, row in table.items()}
        found |= {f"mpa_{arm}": row["mpa"] for arm, row in table.items()}
        found |= {f"miou_{arm}_to_real": table[arm]["to_real"] for arm in ("synthetic", "both")}
        found["faithfulness_to_real"] = again["ratio"]
        found |= {f"{name}_dice": value for name, value in again["dice"].items()}
        for look, areas in self.results["two_sample"].items():
            for steps, area in areas.items():
                suffix = {"own": "", "random": "_random_look", "real": "_real_against_real"}[look]
                found[f"two_sample_auc_{steps}_steps{suffix}"] = area
        apart, near = self.results["frechet"], self.results["neighbors"]
        found["frechet_to_real"] = apart["own_to_real"]
        found["frechet_to_real_random_look"] = apart["random_to_real"]
        found["nearest_neighbor_to_real"] = near["features"]["own_to_real"]
        found["nearest_neighbor_to_real_random_look"] = near["features"]["random_to_real"]
        return {name: round(float(value), 3) for name, value in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "subject": dict(self.subject),
            "classes": list(self.classes),
            "metrics": self.metrics(),
            **self.results,
        }

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"{self.heading}.", "", "| measure | result | beside it | best |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        return "\n".join(lines) + "\n"

    def _segmentation(self) -> list[Row]:
        rows = []
        for arm, row in self.results["segmentation"].items():
            spread = "" if row["miou_spread"] is None else f" ± {row['miou_spread']:.3f}"
            shares = ", ".join(
                f"{name} {value:.3f}"
                for name, value in zip(self.classes, row["iou"], strict=True)
                if value == value
            )
            low, high = row["to_real_interval"]
            against = "" if arm == "real" else f"{row['to_real']:.1%} of real ({low:.1%} to {high:.1%})"
            best = {"real": "", "synthetic": "100 % of real", "both": "more than real"}[arm]
            rows.append(
                (
                    f"segmentation trained on {arm}: mIOU, mPA (IOU of each class)",
                    f"{row['miou']:.3f}{spread}, {row['mpa']:.3f} ({shares})",
                    against,
                    best,
                )
            )
        return rows

    def _faithfulness(self) -> list[Row]:
        found = self.results["faithfulness"]
        rows = [
            (
                "labels found again by the network trained on real: mIOU",
                f"{found['miou_own']:.3f} own look, {found['miou_random']:.3f} random look",
                f"{found['miou_real']:.3f} on the real fields ({found['ratio']:.0%})",
                "100 % of real or more",
            )
        ]
        for name, value in found["dice"].items():
            rows.append((f"{name} found again by the recipe of the labels: Dice", f"{value:.3f}", "", "1"))
        return rows

    def _two_sample(self) -> list[Row]:
        found = self.results["two_sample"]
        rows = []
        for look, areas in found.items():
            if look == "real":
                continue
            for steps, area in areas.items():
                floor = found.get("real", {}).get(steps)
                against = "" if floor is None else f"{floor:.3f} real against real"
                rows.append(
                    (
                        f"drawn told from real, {_LOOKS[look]}: AUC after {steps} steps",
                        f"{area:.3f}",
                        against,
                        "0.5",
                    )
                )
        return rows

    def _frechet(self) -> list[Row]:
        found = self.results["frechet"]
        floor = _interval(found["real"])
        return [
            (
                f"Fréchet distance, {_LOOKS[look]}: half of the real fields to the other half drawn",
                _interval(found[look]),
                f"{floor} to the other half real ({found[f'{look}_to_real']:.2f} times)",
                "1 times",
            )
            for look in ("own", "random")
        ]

    def _neighbors(self) -> list[Row]:
        rows = []
        for kind, found in self.results["neighbors"].items():
            for look in ("own", "random"):
                rows.append(
                    (
                        f"distance to the nearest training window in {kind}, {_LOOKS[look]}: median",
                        f"{found[f'median_{look}']:.3f}",
                        f"{found['median_real']:.3f} for real fields ({found[f'{look}_to_real']:.2f} times; "
                        f"{found[f'{look}_to_real_closest']:.2f} for the closest 1 %)",
                        "1 times; far below is memory",
                    )
                )
        return rows


def _interval(summary: Mapping[str, float]) -> str:
    return f"{summary['median']:.1f} ({summary['low']:.1f} to {summary['high']:.1f})"
