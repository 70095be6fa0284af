"""Draw this machine's tables of `bench_http.py` and `bench_growth.py` beside them in results/.

Usage: python benchmarks/plot.py
"""

import csv
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from load import processor, table_path
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

GROUP = ("naive second model", "runtime", "clients")
OURS, NAIVE = "#0a6ebd", "#b8b8b8"

Table = list[dict[str, str]]


def read(path: Path) -> Table:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw_http(table: Table, path: Path) -> None:
    """Draw requests a second of the latest run against each naive server, ours beside it."""
    latest = {tuple(row[name] for name in (*GROUP, "megapixels")): row for row in table}
    groups = list(dict.fromkeys(key[:-1] for key in latest))
    figure, axes = plt.subplots(1, len(groups), figsize=(4.2 * len(groups), 3.6), squeeze=False)
    for axis, group in zip(axes[0], groups, strict=True):
        rows = [row for key, row in latest.items() if key[:-1] == group]
        at = range(len(rows))
        for offset, who, colour in ((-0.2, "ours", OURS), (0.2, "naive", NAIVE)):
            rates = [float(row[f"{who} req/s"]) for row in rows]
            axis.bar([x + offset for x in at], rates, 0.38, color=colour, label=who)
        for x, row in zip(at, rows, strict=True):
            axis.text(x, float(row["ours req/s"]), f"x {row['ratio']}", ha="center", va="bottom")
        axis.set_xticks(list(at), [f"{row['megapixels']} MP" for row in rows])
        second, runtime, clients = group
        axis.set_title(f"runtime {runtime}; naive: NudeNet and {second}", fontsize=9)
        axis.set_ylabel(f"requests a second, clients: {clients}")
        axis.margins(y=0.15)
        axis.legend(frameon=False, fontsize=8)
    finish(figure, path)


def draw_growth(table: Table, path: Path) -> None:
    """Draw cost against images in a request, clients, and requests answered."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
    line(axes[0], table, "images in a request", "ms each", "images in a request", is_log=True)
    for unit, colour in (("p50 ms", OURS), ("p99 ms", "#d1495b")):
        line(axes[1], table, "clients", unit, "clients", is_log=True, colour=colour)
    axes[1].legend(frameon=False, fontsize=8)
    axes[1].set_ylabel("ms")
    line(axes[2], table, "requests", "MB", "requests answered")
    for axis in axes:
        axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
    figure.tight_layout()
    finish(figure, path)


def line(
    axis: Axes, table: Table, what: str, unit: str, name: str, *, is_log: bool = False,
    colour: str = OURS,
) -> None:  # fmt: skip
    """Draw one measurement."""
    points = [
        (float(row["at"]), float(row["value"]))
        for row in table
        if (row["what"], row["unit"]) == (what, unit)
    ]
    if not points:
        return
    axis.plot(*zip(*points, strict=True), "o-", color=colour, label=unit)
    axis.set_xlabel(name)
    axis.set_ylabel(unit)
    if is_log:
        axis.set_xscale("log")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(4))


def finish(figure: plt.Figure, path: Path) -> None:  # type: ignore[name-defined]
    """Write a figure that names its hardware."""
    figure.text(0.01, 0.005, processor(), fontsize=6, color="#666666")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=110)
    print(f"wrote {path.name}")


def main() -> None:
    """Draw what there is."""
    for what, draw in (("http", draw_http), ("growth", draw_growth)):
        path = table_path(what)
        if path.exists():
            draw(read(path), path.with_suffix(".png"))


if __name__ == "__main__":
    main()
