import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes import brightness_detector
from films import film
from pictures import encode, photo, photographs
from worksafe import Moderator, Settings
from worksafe.api.rendering import render_check
from worksafe.cli.main import app
from worksafe.errors import DatasetError, PolicyError, StoredResultsError
from worksafe.items import Item
from worksafe.policy.reading import read_policy
from worksafe.policy.stored import read_results

runner = CliRunner()
# Thresholds at what photographs score at all, so that decisions differ.
NEAR = """
name: {name}
on_error: {on_error}
rules:
  nudity: {{review: {low}, block: {high}}}
  violence: {{review: {low}, block: {high}}}
  drugs: {{review: {low}}}
  unseen: {{review: 0.05}}
"""


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.yaml", tmp_path / "b.yaml"
    paths[0].write_text(NEAR.format(name="a", on_error="review", low=0.002, high=0.02))
    paths[1].write_text(NEAR.format(name="b", on_error="block", low=0.008, high=0.01))
    return paths


@pytest.fixture(scope="module")
def items() -> list[Item]:
    still = [Item(encode(photo(name)), name) for name in photographs()]
    first, second = (np.asarray(photo(name).resize((160, 120))) for name in ("coffee", "rocket"))
    moving = film(60, lambda at: first if at % 20 < 12 else second)
    animated = encode(
        photo("cat").resize((200, 150)), "GIF", save_all=True, append_images=[photo("china")]
    )
    return [*still, Item(moving, "film"), Item(animated, "gif"), Item(b"no picture", "broken")]


def test_diff_agrees_with_running_both(
    items: list[Item], policies: tuple[Path, Path], tmp_path: Path
) -> None:
    read = {path.stem: read_policy(path) for path in policies}
    made = Moderator(Settings(policy="a"), policies=read)
    done = {name: made.check_set(items, name) for name in read}
    made.close()
    results = tmp_path / "results.jsonl"
    results.write_text(render_check(done["a"], ["frames"]).model_dump_json() + "\n")

    output = runner.invoke(
        app, ["policy", "diff", *map(str, policies), "--on", str(results), "--json"]
    )

    assert output.exit_code == 1
    document = json.loads(output.stdout)
    expected = {
        first.id: (first.decision.value, second.decision.value)
        for first, second in zip(done["a"].results, done["b"].results, strict=True)
    }
    changed = {one["id"]: (one["was"], one["becomes"]) for one in document["changes"]}
    assert changed == {name: pair for name, pair in expected.items() if pair[0] != pair[1]}
    assert len(changed) >= 3
    assert sum(one["images"] for one in document["counts"]) == len(items)


def test_a_video_without_frames_is_not_guessed_about(
    items: list[Item], policies: tuple[Path, Path], tmp_path: Path
) -> None:
    made = Moderator(Settings(cache_entries=0))
    results = tmp_path / "results.json"
    results.write_text(render_check(made.check_set(items)).model_dump_json(indent=2))
    made.close()

    output = runner.invoke(
        app, ["policy", "diff", *map(str, policies), "--on", str(results), "--json"]
    )

    document = json.loads(output.stdout)
    assert document["not_told"] == 1
    assert "film" not in {one["id"] for one in document["changes"]}
    counted = runner.invoke(app, ["policy", "test", "default", "--on", str(results)])
    assert f"| all | {len(items) - 1} |" in counted.output


def test_no_change_is_status_0(policies: tuple[Path, Path], tmp_path: Path) -> None:
    made = Moderator(Settings(cache_entries=0), detectors=[brightness_detector()])
    results = tmp_path / "results.json"
    results.write_text(render_check(made.check_set([Item(b"x")])).model_dump_json())
    made.close()
    path = str(policies[0])

    assert runner.invoke(app, ["policy", "diff", path, path, "--on", str(results)]).exit_code == 0


def test_nothing_to_compare_is_an_error_and_not_no_change(
    items: list[Item], tmp_path: Path
) -> None:
    made = Moderator(Settings(cache_entries=0))
    video = next(item for item in items if item.id == "film")
    without_frames = render_check(made.check_set([video])).model_dump_json()
    made.close()
    results = tmp_path / "results.json"

    for command in (["diff", "default", "strict"], ["test", "default"]):
        said = []
        for text in ("", "[]", without_frames):
            results.write_text(text)
            said.append(runner.invoke(app, ["policy", *command, "--on", str(results)]).exception)

        assert [type(one) for one in said] == [StoredResultsError] * 3
        assert "it holds no results" in str(said[0])
        assert "do not hold what decides on them: 1." in str(said[2])


@pytest.mark.parametrize("command", ["check", "redact"])
def test_a_policy_may_be_a_file_of_no_folder(command: str, tmp_path: Path) -> None:
    policy, picture = tmp_path / "mine.yaml", tmp_path / "a.jpg"
    policy.write_text("name: mine\nrules: {unseen: {review: 0.5}}\n")
    picture.write_bytes(encode(photo()))
    new = [str(tmp_path / "b.jpg")] if command == "redact" else ["--json"]

    done = runner.invoke(app, [command, str(picture), *new, "--policy", str(policy)])

    assert done.exit_code == 0
    if command == "check":
        assert json.loads(done.stdout)["policy"]["name"] == "mine"
    policy.write_text("name: mine\nrules: {nudity: {block: 0.0}}\n")
    assert runner.invoke(app, [command, str(picture), *new, "--policy", str(policy)]).exit_code


def test_changes_name_the_answer_and_the_place_in_it(tmp_path: Path) -> None:
    """Raw bodies have no id, and many files have the same; whoever uploads one chooses its name."""
    made = Moderator(Settings(cache_entries=0), detectors=[brightness_detector()])
    checks = [made.check_set([Item(b"x", name)]) for name in (None, "a\x1b[2J.jpg")]
    made.close()
    results = tmp_path / "results.jsonl"
    results.write_text("\n".join(render_check(check).model_dump_json() for check in checks))

    output = runner.invoke(app, ["policy", "diff", "default", "strict", "--on", str(results)])

    assert output.exit_code == 1
    assert f"{checks[0].id}[0]: review -> block (on_error)" in output.output
    assert f"{checks[1].id}[0] a\ufffd[2J.jpg: review -> block" in output.output


@pytest.mark.parametrize("text", ["{", '{"results": 3}', "[1]", '{"results": [{"id": "a"}]}', "x"])
def test_what_is_no_answer_is_an_error_with_its_line(text: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text("\n" + text)

    output = runner.invoke(app, ["policy", "diff", "default", "strict", "--on", str(results)])

    assert output.exception is not None
    assert "results.json:2" in str(output.exception)


@pytest.mark.usefixtures("policies")
def test_validate_names_every_mistake_and_goes_through_folders(tmp_path: Path) -> None:
    assert runner.invoke(app, ["policy", "validate", str(tmp_path)]).exit_code == 0
    (tmp_path / "c.yaml").write_text("name: c\non_error: pass\nrules: {nudty: {block: 1}}\n")
    (tmp_path / "d.yaml").write_text("name: D\nrules: {}\n")

    output = runner.invoke(app, ["policy", "validate", str(tmp_path)])

    assert output.exit_code == 2
    assert "c.yaml:2: on_error" in output.output
    assert "c.yaml:3: rules.nudty" in output.output
    assert "d.yaml:1: name" in output.output


def test_validate_finds_what_only_the_folder_as_a_whole_has(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("name: same\nrules: {}\n")

    output = runner.invoke(app, ["policy", "validate", str(tmp_path)])

    assert output.exit_code == 2
    assert "b.yaml:1: name: another file of this folder" in output.output


def test_validate_warns_of_thresholds_that_are_not_told_as_one_may_expect(tmp_path: Path) -> None:
    rules = "{drugs: {review: 0.5}, violence.blade: {review: {fpr: 0.02}, block: 0.9}, "
    rules += "nudity: {block: 0.1}, unseen: {review: 0.01}}"
    (tmp_path / "a.yaml").write_text(f"name: eager\nrules: {rules}\n")

    output = runner.invoke(app, ["policy", "validate", str(tmp_path)])

    _, blade, nudity = output.output.splitlines()
    assert "violence.blade from 0.01" in blade
    assert "glance" in blade
    assert "nudity from 0.1: of a film" in nudity
    assert output.exit_code == 0


def test_validating_nothing_is_a_mistake(tmp_path: Path) -> None:
    output = runner.invoke(app, ["policy", "validate", str(tmp_path)])

    assert isinstance(output.exception, PolicyError)


@pytest.mark.parametrize(("split", "what"), [("val", "no pictures"), ("tset", "must be one of")])
def test_a_split_without_pictures_is_an_error(tmp_path: Path, split: str, what: str) -> None:
    (tmp_path / "manifest.csv").write_text("path,split,category,label,source,group\n")
    arguments = ["policy", "test", "default", "--data", str(tmp_path), "--split", split]

    output = runner.invoke(app, arguments)

    assert isinstance(output.exception, DatasetError)
    assert what in str(output.exception)


def test_show_lists_policies_and_prints_one_in_full() -> None:
    listed = runner.invoke(app, ["policy", "show"])
    full = runner.invoke(app, ["policy", "show", "strict"])

    assert all(name in listed.output for name in ("default", "lenient", "strict"))
    assert "drugs.tobacco" in full.output


def test_test_counts_decisions_of_several_policies(tmp_path: Path) -> None:
    made = Moderator(Settings(cache_entries=0))
    results = tmp_path / "results.jsonl"
    with results.open("w") as file:
        for _ in range(2):
            check = made.check_set([Item(encode(photo("cat")), "cat"), Item(b"x", "x")])
            file.write(render_check(check).model_dump_json() + "\n")
    made.close()

    output = runner.invoke(app, ["policy", "test", "default", "strict", "--on", str(results)])

    assert "2 / 2 / 0" in output.output  # the broken ones are reviewed ...
    assert "2 / 0 / 2" in output.output  # ... or blocked
    assert len(read_results(results)) == 4


def test_labelled_pictures_are_counted_by_kind(labelled_pictures: Path, tmp_path: Path) -> None:
    lines = (labelled_pictures / "manifest.csv").read_text().splitlines()
    some = [line for line in lines[1:] if ",val," in line][::60]
    (tmp_path / "manifest.csv").write_text("\n".join([lines[0], *some]))
    for folder in labelled_pictures.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)

    output = runner.invoke(app, ["policy", "test", "strict", "lenient", "--data", str(tmp_path)])

    assert output.exit_code == 0, output.output
    assert "ordinary, all" in output.output
