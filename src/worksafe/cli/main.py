"""The command group. Each command imports what it needs when it is called."""

import io
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from worksafe.choices import Method, Thorough
from worksafe.cli.shown import shown
from worksafe.errors import InputError, WorksafeError

_USAGE_STATUS = 2
_IMAGE_STATUS = 5  # as `check` says it of an image in error

_NAME_HELP = "name of a policy, or a .yaml file."
app = typer.Typer(
    name="worksafe",
    help="How suitable are images for work? Nudity, violence and drugs, offline, on a CPU.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help is plain text
)

DataOption = Annotated[
    Path,
    typer.Option(
        "--data", help="Folder of labelled pictures with a manifest.csv.", envvar="WORKSAFE_DATA"
    ),
]


ThoroughOption = Annotated[
    Thorough | None,
    typer.Option(
        help="When to look for nudity a second time, at twice the size; 'always' also skips the "
        "fast first look for violence and drugs."
    ),
]


def main() -> None:
    """Run the command line; errors become one line and a status: 5 an image's, else 2."""
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal need not know every character
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except WorksafeError as error:
        is_image = isinstance(error, InputError)
        _fail(str(error), error.code, _IMAGE_STATUS if is_image else _USAGE_STATUS)
    except OSError as error:  # a full disk behind the output, or a folder that is not ours
        with suppress(OSError):
            sys.stdout.close()  # else the interpreter writes what is left at its end, and fails
        what = error.filename or "the output"
        _fail(f"cannot read or write {what}: {error.strerror or error}", "io_error", _USAGE_STATUS)


def _replace_closed_streams() -> None:
    """Stand in for streams that a shell has closed (``<&-``); without an output there is no point.

    What is opened next would else get their numbers, and what is printed.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    if sys.stdout is None:
        _fail("cannot write the output: it is closed", "io_error", _USAGE_STATUS)


def _fail(message: str, code: str, status: int) -> NoReturn:
    with suppress(OSError):
        Console(stderr=True, soft_wrap=True).print(
            f"[red]error[/]: {shown(message)} [dim]({code})[/]"
        )
    raise SystemExit(status)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(version("worksafe"))
        raise typer.Exit


@app.callback()
def worksafe(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """How suitable are images for work? Nudity, violence and drugs, offline, on a CPU."""


@app.command()
def check(
    images: Annotated[
        list[str],
        typer.Argument(help="Images or videos: files, URLs, - for standard input."),
    ],
    policy: Annotated[str | None, typer.Option(help=f"What decides: {_NAME_HELP}")] = None,
    thorough: ThoroughOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the document of POST /v1/check.")
    ] = False,
    frames: Annotated[
        bool, typer.Option("--frames", help="With --json: the scores of each frame, too.")
    ] = False,
    explain: Annotated[
        str | None,  # of which an empty one is not a folder, and as a path the current one
        typer.Option(
            metavar="DIR", help="Write a picture for each image that shows why; it shows the image."
        ),
    ] = None,
) -> None:
    """Check images: scores, a decision and its reason for each.

    Exit status: 0 all allowed, 3 something to review, 4 something blocked, 5 an image in error
    (the highest applies), 2 wrong usage.
    """
    from worksafe.cli.check import check_images

    check_images(images, policy, thorough=thorough, as_json=as_json, frames=frames, explain=explain)


@app.command()
def redact(
    image: Annotated[str, typer.Argument(help="A picture: a file, a URL, - for standard input.")],
    to: Annotated[str, typer.Argument(help="The new file; - for standard output.")],
    policy: Annotated[str | None, typer.Option(help=f"What to pass: {_NAME_HELP}")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Cover this wherever it is seen; may be given repeatedly."),
    ] = None,
    method: Annotated[Method, typer.Option(help="What to cover areas with.")] = "blur",
    thorough: ThoroughOption = None,
) -> None:
    """Cover up what a policy does not allow in a picture; what comes out passes.

    The new file is in the picture's format (HEIC becomes JPEG), upright, without metadata.

    Exit status: 0 written, 5 the picture cannot be redacted, 2 wrong usage.
    """
    from worksafe.cli.redact import redact_image

    redact_image(image, to, policy, labels=label or [], method=method, thorough=thorough)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the HTTP API. All other settings are environment variables: see the documentation."""
    from worksafe.cli.serve import serve_http

    serve_http(host, port)


@app.command()
def doctor(
    hostile: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send odd and hostile input to a running service."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="The service's host, where it is not this machine.")
    ] = None,
) -> None:
    """Say what this installation runs on; or try a service with 190 odd and hostile inputs.

    Exit status with --hostile: 1 if an answer was wrong.
    """
    from worksafe.cli.doctor import attack_service, describe

    if hostile is None:
        describe()
    else:
        attack_service(hostile, host)


@app.command()
def evaluate(
    *,
    data: DataOption,
    split: Annotated[str, typer.Option(help="Which pictures: val, or test for a final figure.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for tables and pictures: results, or beside the contract of --hazards."
        ),
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score pictures compressed, cropped, blurred…")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Draw curves. Needs the extra 'evaluate'.")] = True,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write a contact sheet of the worst errors; it shows the pictures."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card whose figures are made anew.")
    ] = None,
    hazards: Annotated[
        Path | None,
        typer.Option(help="Contract (JSON) of a trained network, to measure it before it ships."),
    ] = None,
) -> None:
    """Measure what ships on labelled pictures: each label against all neutral pictures."""
    from worksafe.cli.evaluate import evaluate_detectors

    evaluate_detectors(
        data,
        split,
        out or (hazards.parent if hazards else Path("results")),
        robustness=robustness,
        pictures=pictures,
        sheet=sheet,
        card=card,
        hazards=hazards,
    )


@app.command()
def dataset(
    folder: Annotated[
        Path, typer.Argument(help="The tree: source/category/label/ and source/neutral/.")
    ],
    to: Annotated[Path, typer.Option(help="Folder for the pictures and manifest.csv.")],
    *,
    longest: Annotated[
        int, typer.Option(help="Longer side of the pictures at most, in pixels.", min=32, max=4096)
    ] = 288,
    every: Annotated[
        float, typer.Option(help="Seconds between two frames of a video.", min=0.01)
    ] = 2.0,
    test_source: Annotated[
        list[str] | None, typer.Option(help="A source for test alone; may be given repeatedly.")
    ] = None,
    val_share: Annotated[float, typer.Option(help="Of the groups, for val.")] = 0.1,
    test_share: Annotated[float, typer.Option(help="Of the groups, for test.")] = 0.1,
    near: Annotated[
        int,
        typer.Option(help="Near duplicates differ in at most so many bits of 256.", min=0, max=64),
    ] = 32,
) -> None:
    """Make a data set from folders of pictures and videos. Needs the extra 'train'."""
    from worksafe.cli.dataset import make_dataset

    make_dataset(
        folder,
        to,
        longest_px=longest,
        every_s=every,
        near=near,
        test_sources=tuple(test_source or ()),
        val_share=val_share,
        test_share=test_share,
    )


policy_app = typer.Typer(help="Show, validate, test and compare policies.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")


@policy_app.command("show")
def policy_show(
    names: Annotated[list[str] | None, typer.Argument(help=_NAME_HELP)] = None,
) -> None:
    """List policies, or show some in full."""
    from worksafe.cli.policy import show

    show(names or [])


@policy_app.command("validate")
def policy_validate(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
) -> None:
    """Name file, line and field of each mistake. Exit status: 2 if there is one."""
    from worksafe.cli.policy import validate

    validate(paths)


@policy_app.command("test")
def policy_test(
    names: Annotated[list[str], typer.Argument(help=_NAME_HELP)],
    on: Annotated[
        Path | None, typer.Option(help="Stored answers of POST /v1/check, or of check --json.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of labelled pictures: a table by what they show."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which of them.")] = "val",
) -> None:
    """Count what policies allow, send to review and block."""
    from worksafe.cli.policy import test

    test(names, on, data, split)


@policy_app.command("diff")
def policy_diff(
    first: Annotated[str, typer.Argument(help=_NAME_HELP)],
    second: Annotated[str, typer.Argument(help=_NAME_HELP)],
    on: Annotated[Path, typer.Option(help="Stored answers; no images are needed.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which past decisions would change. Exit status: 1 if any would."""
    from worksafe.cli.policy import diff

    diff(first, second, on, as_json=as_json)


InitialOption = Annotated[
    Path | None,
    typer.Option(help="Pretrained weights to start from, in the backbone's own format."),
]
ResultsOption = Annotated[Path, typer.Option(help="Folder for tables that recipes share.")]


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    data: DataOption,
    run_dir: Annotated[
        Path, typer.Option(help="Checkpoints and figures; the same folder resumes a run.")
    ],
    initial: InitialOption = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the ONNX file and its contract.")
    ] = None,
    results: ResultsOption = Path("results"),
    average: Annotated[
        list[Path] | None,
        typer.Option(
            help="network.safetensors of another run, to average the weights with; may be repeated."
        ),
    ] = None,
) -> None:
    """Train the hazards detector and export it. Needs the extra 'train'."""
    from worksafe.cli.train import train_detector

    train_detector(
        config,
        data,
        initial,
        run_dir=run_dir,
        to=to or run_dir,
        results=results,
        others=average or [],
    )


@app.command()
def crossvalidate(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    data: DataOption,
    run_dir: Annotated[
        Path | None, typer.Option(help="A folder for each fold; the same folder resumes a run.")
    ] = None,
    initial: InitialOption = None,
    results: ResultsOption = Path("results"),
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Measure frozen ViT-Tiny features instead.")
    ] = False,
) -> None:
    """Measure a recipe on sources that it was not trained on, beside all others measured so."""
    from worksafe.cli.train import cross_validate_frozen, cross_validate_recipe

    if frozen:
        if initial is None:
            raise typer.BadParameter("the frozen probe needs --initial")
        cross_validate_frozen(config, data, initial, results)
    elif run_dir is None:
        raise typer.BadParameter("the folds need --run-dir")
    else:
        cross_validate_recipe(config, data, initial, run_dir=run_dir, results=results)
