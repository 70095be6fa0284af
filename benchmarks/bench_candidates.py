"""Accuracy against time of all recipes, so that milliseconds are spent where they count.

Usage: python benchmarks/bench_candidates.py [RESULTS]

For each run in RESULTS/runs.csv (default: results) its recipe's network is built as it was trained,
with weights of chance, which take as long as trained ones, and timed on one thread of onnxruntime
in turns with NudeNet 320n; what ships is timed as it ships. Writes ``accuracy-against-time.csv``
and ``.png`` there: areas under the ROC curve on validation, and leaving sources out where there is
a table of that. Needs the extra ``train``.
"""

import csv
import functools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from worksafe.engine.session import OnnxSession
from worksafe.models import hazards, nudity
from worksafe.models.weights import SHIPPED, read_contract, read_weights
from worksafe.training.config import NetworkConfig, TrainingConfig, read_config
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


@functools.cache
def build(network: NetworkConfig, outputs: int) -> bytes:
    """Make an ONNX file of a recipe's network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(build_network(network, outputs).eval(), network.side_px, path)
        return path.read_bytes()


@functools.cache
def measure(weights: bytes, side_px: int) -> dict[str, float]:
    """Time a network in turns with NudeNet: medians, in milliseconds and as a share of it."""
    nudenet = OnnxSession(read_weights(nudity.SPEC.weights))
    pixels = np.random.default_rng(0).random((1, 3, 320, 320), dtype=np.float32)
    session = OnnxSession(weights)
    planes = np.random.default_rng(1).random((1, 3, side_px, side_px), dtype=np.float32)
    turns = [
        (
            time_ms(session, planes, ["logits"]),
            time_ms(nudenet, pixels, list(nudity.SPEC.outputs)),
        )
        for _ in range(ROUNDS + 3)
    ][3:]
    return {
        "ms": round(statistics.median(own for own, _ in turns), 2),
        "of_nudenet": round(statistics.median(own / other for own, other in turns), 3),
        "megabytes": round(len(weights) / 1e6, 1),
    }


def measure_shipped(results: Path) -> dict[str, Any]:
    """Time what ships, in the mean over ordinary pictures: of some the glance is not enough.

    Its accuracy is what the report on validation says; leaving sources out it is that of its
    recipe at a third of the length, in float, without a glance.
    """
    with (results / "hazards-val.csv").open(newline="", encoding="utf-8") as file:
        aucs = [float(row["auc"]) for row in csv.DictReader(file) if "." in row["subject"]]
    spec, glance = hazards.SPEC, hazards.SPEC.glance
    assert glance  # noqa: S101 - what ships has one
    in_doubt = read_contract(SHIPPED / "hazards.json")["glance"]["in_doubt"]
    quick = measure(read_weights(glance.spec.weights), glance.spec.side_px)
    full = measure(read_weights(spec.weights), spec.side_px)
    return {
        "recipe": f"{spec.name} {spec.version} as it ships",
        "draws": "",
        **{name: round(quick[name] + in_doubt * full[name], 3) for name in ("ms", "of_nudenet")},
        "megabytes": round(quick["megabytes"] + full["megabytes"], 1),
        "validation_auc": round(statistics.mean(aucs), 4),
        "leaving_sources_out_auc": auc_leaving_sources_out(
            results, read_config(CONFIGS / "hazards-folds.toml").name
        ),
    }


def auc_leaving_sources_out(results: Path, name: str) -> float | None:
    """Pool a recipe's sources by pictures, then take the mean over labels."""
    path = results / f"leave-sources-out-{name}.csv"
    if not path.exists():
        return None
    return round(statistics.mean(auc for auc, _ in pool(read_figures(path)).values()), 4)


def auc_on_validation(run: dict[str, str], config: TrainingConfig) -> float:
    """Take the mean over labels; categories are made of them."""
    return statistics.mean(float(run[name]) for name in config.labels.outputs if "." in name)


def main(results: Path) -> None:
    """Time, write and draw."""
    configs = [read_config(path) for path in sorted(CONFIGS.glob("*.toml"))]
    recipes = {config.name: config for config in configs}  # versions of one name cost the same
    rows: list[dict[str, Any]] = []
    with (results / "runs.csv").open(newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    for run in runs:
        config = recipes.get(run["recipe"])
        if config is None:
            print(f"{run['recipe']}: no such recipe any more")
            continue
        rows.append(
            {
                "recipe": f"{run['recipe']} {run['version']}",
                "draws": run["draws"],
                **measure(
                    build(config.network, len(config.labels.outputs)), config.network.side_px
                ),
                "validation_auc": round(auc_on_validation(run, config), 4),
                "leaving_sources_out_auc": auc_leaving_sources_out(results, config.name),
            }
        )
        print(rows[-1])
    rows.append(measure_shipped(results))
    print(rows[-1])
    with (results / "accuracy-against-time.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, auc_leaving_sources_out(results, PROBE), results / "accuracy-against-time.png")


def draw(rows: list[dict[str, Any]], frozen: float | None, path: Path) -> None:
    """Draw a numbered point or two for each run, their names beside it, and the yardstick."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots()
    kinds = {"validation_auc": "#0072b2", "leaving_sources_out_auc": "#d55e00"}
    for kind, colour in kinds.items():
        places: dict[tuple[float, float], list[str]] = {}
        for number, row in enumerate(rows, 1):
            if row[kind] is not None:
                places.setdefault((row["of_nudenet"], row[kind]), []).append(str(number))
        if not places:
            continue
        x, y = zip(*places, strict=True)
        label = kind.removesuffix("_auc").replace("_", " ")
        axes.plot(x, y, "o", color=colour, markersize=7, label=label)
        for place, numbers in places.items():
            axes.annotate(", ".join(numbers), place, (6, 0), textcoords="offset points", fontsize=9)
    if frozen is not None:
        colour = kinds["leaving_sources_out_auc"]
        axes.axhline(frozen, color=colour, linestyle="--", label="frozen ViT-Tiny, the same way")
    axes.axvline(1.0, color="grey", linewidth=1, label="budget: NudeNet 320n")
    axes.set(
        xlabel="time for one picture, as a share of NudeNet 320n (onnxruntime, one thread)",
        ylabel="AUC, mean over labels",
        xlim=(0, 1.1 * max(1.0, *(row["of_nudenet"] for row in rows))),
    )
    names = [
        f"{number}  {row['recipe']}" + (f", {int(row['draws']):,} draws" if row["draws"] else "")
        for number, row in enumerate(rows, 1)
    ]
    key = [Line2D([], [], linestyle="", label=name) for name in names]
    figure.legend(handles=key, loc="outside right upper", frameon=False, handlelength=0)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
