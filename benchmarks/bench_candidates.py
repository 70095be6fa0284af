"""Accuracy against time of all recipes, so that milliseconds are spent where they count.

Usage: python benchmarks/bench_candidates.py [RESULTS]

For each recipe that has a table ``leave-sources-out-<name>.csv`` in RESULTS (default: results) its
network is built with weights of chance, which take as long as trained ones, and timed on one thread
of onnxruntime in turns with NudeNet 320n. Writes ``accuracy-against-time.csv`` and ``.png`` there.
Needs the extra ``train``.
"""

import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from worksafe.engine.session import OnnxSession
from worksafe.models import nudity
from worksafe.models.weights import read_weights
from worksafe.training.config import read_config
from worksafe.training.crossvalidate import PROBE, read_figures
from worksafe.training.export import write_onnx
from worksafe.training.folds import pool
from worksafe.training.networks.build import build_network

CONFIGS = Path(__file__).parents[1] / "src" / "worksafe" / "training" / "configs"
ROUNDS = 30


def time_ms(session: OnnxSession, planes: NDArray[np.float32], outputs: list[str]) -> float:
    """Time one picture, in milliseconds."""
    began = time.perf_counter()
    session.run(planes, outputs)
    return (time.perf_counter() - began) * 1000


def mean_auc(path: Path) -> float:
    """Pool a recipe's sources by pictures, then take the mean over labels."""
    return statistics.mean(auc for auc, _ in pool(read_figures(path)).values())


def main(results: Path) -> None:
    """Time, write and draw."""
    nudenet = OnnxSession(read_weights(nudity.SPEC.weights))
    pixels = np.random.default_rng(0).random((1, 3, 320, 320), dtype=np.float32)
    rows: list[dict[str, Any]] = []
    recipes = {
        config.name: config for path in CONFIGS.glob("*.toml") for config in [read_config(path)]
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, config in sorted(recipes.items()):
            table = results / f"leave-sources-out-{name}.csv"
            if not table.exists():
                continue
            path = Path(folder) / f"{name}.onnx"
            side_px = config.network.side_px
            network = build_network(config.network, len(config.labels.outputs)).eval()
            write_onnx(network, side_px, path)
            session = OnnxSession(path.read_bytes())
            planes = np.zeros((1, 3, side_px, side_px), np.float32)
            pairs = [
                (
                    time_ms(session, planes, ["logits"]),
                    time_ms(nudenet, pixels, list(nudity.SPEC.outputs)),
                )
                for _ in range(ROUNDS + 3)
            ][3:]
            rows.append(
                {
                    "recipe": name,
                    "ms": round(statistics.median(own for own, _ in pairs), 2),
                    "of_nudenet": round(statistics.median(own / other for own, other in pairs), 3),
                    "megabytes": round(path.stat().st_size / 1e6, 1),
                    "mean_auc": round(mean_auc(table), 4),
                }
            )
            print(rows[-1])
    with (results / "accuracy-against-time.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, results)


def draw(rows: list[dict[str, Any]], results: Path) -> None:
    """Draw a point for each recipe, and the frozen yardstick as a line."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        axes.plot(row["of_nudenet"], row["mean_auc"], "o", color="#0072b2", markersize=8)
        axes.annotate(
            row["recipe"],
            (row["of_nudenet"], row["mean_auc"]),
            xytext=(8, -4),
            textcoords="offset points",
        )
    frozen = results / f"leave-sources-out-{PROBE}.csv"
    if frozen.exists():
        axes.axhline(
            mean_auc(frozen), color="#d55e00", linestyle="--", label="frozen ViT-Tiny probe"
        )
    axes.axvline(1.0, color="grey", linewidth=1, label="budget: NudeNet 320n")
    axes.set(
        xlabel="time for one picture, as a share of NudeNet 320n (onnxruntime, one thread)",
        ylabel="AUC leaving sources out, mean over labels",
        xlim=(0, 1.3 * max(1.0, *(row["of_nudenet"] for row in rows))),
    )
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(results / "accuracy-against-time.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
