"""A run's folder belongs to one run, and nothing that others learn from changes under them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.config import TrainingConfig
from worksafe.training.run_folder import GLANCE, METRICS, NETWORK, START, claim_folder
from worksafe.training.train import train

pytestmark = pytest.mark.train


def test_files_that_no_run_writes_do_not_make_a_folder_a_runs(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "log.txt").write_text("by the shell")
    (tmp_path / "notes").mkdir()

    claim_folder(tmp_path, config, examples, None)
    claim_folder(tmp_path, config, examples[1:], None)  # nothing was learnt yet

    assert (tmp_path / "log.txt").read_text() == "by the shell"


@pytest.mark.parametrize("held", [START, METRICS, NETWORK, f"fold-3/{START}", f"{GLANCE}/{START}"])
def test_a_folder_that_holds_something_of_another_run_is_refused(
    config: TrainingConfig, examples: list[Example], tmp_path: Path, held: str
) -> None:
    claim_folder(tmp_path, config, examples[1:], None)
    (tmp_path / held).parent.mkdir(exist_ok=True)
    (tmp_path / held).write_bytes(b"")

    with pytest.raises(TrainingError, match="use a new folder"):
        claim_folder(tmp_path, config, examples, None)


def test_a_network_is_not_replaced_under_the_glance_that_learns_from_it(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(finished, run_dir)
    other = replace(config, optimiser=replace(config.optimiser, start_share=0.9))
    before = (run_dir / NETWORK).read_bytes()

    with pytest.raises(TrainingError, match="glance learns from another mixture: move it away"):
        list(train(other, examples, None, run_dir))
    assert (run_dir / NETWORK).read_bytes() == before
    assert list(train(config, examples, None, run_dir)) == []  # the same mixture is the same file
    assert (run_dir / NETWORK).read_bytes() == before

    (run_dir / GLANCE).rename(tmp_path / "away")
    (mixed,) = train(other, examples, None, run_dir)
    assert mixed.validation
    assert (run_dir / NETWORK).read_bytes() != before
