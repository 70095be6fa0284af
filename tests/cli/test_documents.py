"""What documents say of the code, held against it."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from worksafe.api.response_schemas import CheckResponse, ResultModel
from worksafe.cli.main import app
from worksafe.doctor.corpus import all_cases
from worksafe.models.registry import CATEGORIES, LABELS
from worksafe.results import ImageInfo

ROOT = Path(__file__).parents[2]
COUNTED = re.compile(r"(\d+) (?:odd and hostile inputs|of them and the answers)")


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/cli.md"])
def test_documents_count_the_hostile_inputs(name: str) -> None:
    assert COUNTED.findall((ROOT / name).read_text()) == [str(len(all_cases()))]


def test_the_help_counts_the_hostile_inputs() -> None:
    text = " ".join(CliRunner().invoke(app, ["doctor", "--help"]).output.split())

    assert COUNTED.findall(text) == [str(len(all_cases()))]


def missing(model: type[BaseModel], example: dict[str, Any]) -> set[str]:
    """Find members of an answer that an example does not have, or has beside it."""
    return set(model.model_fields) ^ example.keys()


def test_the_answer_in_the_readme_is_one_of_the_service() -> None:
    text = re.search(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert text is not None
    document = json.loads(text[1])
    document["results"] = document["results"][:1]  # the others are cut short

    CheckResponse.model_validate(document)
    first = document["results"][0]
    assert missing(CheckResponse, document) == set()
    assert missing(ResultModel, first) == set()
    assert first["image"].keys() == {field.name for field in fields(ImageInfo)}
    assert list(first["categories"]) == list(CATEGORIES)
    assert [
        f"{name}.{label}" for name, one in first["categories"].items() for label in one["labels"]
    ] == list(LABELS)


def test_the_python_page_names_what_is_known_of_an_image() -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| `result.image`"))

    assert {field.name for field in fields(ImageInfo)} <= set(re.findall(r"`(\w+)`", row))
