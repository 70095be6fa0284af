"""Malformed policy files: each error names the file, the line and the field."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worksafe.errors import PolicyError
from worksafe.policy.reading import read_policies, read_policy

HEAD = "name: school\n"
RULES = "rules:\n  nudity: {review: 0.2, block: 0.4}\n"
GOOD = HEAD + RULES

# What the file says; the line, the field and a part of the message of the error.
MALFORMED: list[tuple[str | bytes, int, str, str]] = [
    ("", 1, "the document", "is empty"),
    ("# nothing but a comment\n", 1, "the document", "is empty"),
    ("just words\n", 1, "the document", "must be a mapping"),
    ("- name: school\n", 1, "the document", "must be a mapping"),
    ("42\n", 1, "the document", "must be a mapping"),
    (HEAD, 1, "rules", "is missing"),
    (RULES, 1, "name", "is missing"),
    (GOOD + "---\n" + GOOD, 4, "the document", "is not YAML"),
    (HEAD + "rules:\n\tnudity: {block: 0.5}\n", 3, "the document", "is not YAML"),
    (HEAD + "rules: {nudity: {block: 0.5}\n", 3, "the document", "is not YAML"),
    (HEAD + 'description: "open\n' + RULES, 5, "the document", "is not YAML"),
    (HEAD + "rules: @nudity\n", 2, "the document", "is not YAML"),
    (b"name: school\nrules: \xff\xfe\n", 2, "the document", "is not UTF-8"),
    ("name: The School\n" + RULES, 1, "name", "lower-case letters"),
    ("name: 12\n" + RULES, 1, "name", "must be text"),
    ("name: " + "a" * 65 + "\n" + RULES, 1, "name", "up to 64"),
    ("name: [school]\n" + RULES, 1, "name", "must be text"),
    (GOOD + "on_error: ignore\n", 4, "on_error", "'allow', 'review' or 'block'"),
    (GOOD + "on_eror: block\n", 4, "on_eror", "no such member"),
    (GOOD + "name: other\n", 4, "name", "is given twice"),
    (GOOD + "  nudity: {block: 0.5}\n", 4, "rules.nudity", "is given twice"),
    (GOOD + "? [a, b]\n: 1\n", 4, "the document", "plain text"),
    (GOOD + "description: 2026-13-45\n", 4, "description", "type that is not known"),
    (GOOD + "description: !!python/name:os.system x\n", 4, "description", "not known"),
    (HEAD + "rules:\n  nudity: &n {block: 0.5}\n  drugs: *n\n", 4, "rules.drugs", "is an alias"),
    (HEAD + "rules: []\n", 2, "rules", "must be a mapping"),
    (HEAD + "rules:\n", 2, "rules", "must be a mapping; {} for no rules"),
    (HEAD + "rules:\n  nudty: {block: 0.5}\n", 3, "rules.nudty", "not a category or label"),
    (HEAD + "rules:\n  nudity.nipple: {block: 0.5}\n", 3, "rules.nudity.nipple", "not a category"),
    (HEAD + "rules:\n  nudity: 0.5\n", 3, "rules.nudity", "must be a mapping, such as {review"),
    (HEAD + "rules:\n  nudity: {}\n", 3, "rules.nudity", "needs a threshold"),
    (HEAD + "rules:\n  nudity:\n    blok: 0.5\n", 4, "rules.nudity.blok", "known are review"),
    (HEAD + "rules:\n  nudity:\n    block: 1.5\n", 4, "rules.nudity.block", "less than"),
    (HEAD + "rules:\n  nudity:\n    block: -0.1\n", 4, "rules.nudity.block", "greater than"),
    (HEAD + "rules:\n  nudity:\n    block: .nan\n", 4, "rules.nudity.block", "less than"),
    (HEAD + "rules:\n  nudity:\n    block: .inf\n", 4, "rules.nudity.block", "less than"),
    (HEAD + "rules:\n  nudity:\n    block: '0.5'\n", 4, "rules.nudity.block", "must be a number"),
    (HEAD + "rules:\n  nudity:\n    block: yes\n", 4, "rules.nudity.block", "must be a number"),
    (HEAD + "rules:\n  nudity:\n    block: 50%\n", 4, "rules.nudity.block", "must be a number"),
    (
        HEAD + "rules:\n  drugs: {block: 0.5}\n  nudity:\n    review: 0.9\n    block: 0.5\n",
        4, "rules.nudity", "must not be above block",
    ),
    (
        HEAD + "rules:\n  drugs:\n    block: {fpr: 0.03}\n",
        4, "rules.drugs.block.fpr", "no rate 0.03; known are 0.005, 0.01",
    ),
    (HEAD + "rules:\n  drugs:\n    block: {fpr: x}\n", 4, "rules.drugs.block.fpr", "no rate 'x'"),
    (
        HEAD + f"rules:\n  drugs:\n    block: {{fpr: 0x{'F' * 5000}}}\n",
        4, "rules.drugs.block.fpr", "is too large a number",
    ),
    (HEAD + "rules:\n  drugs:\n    block: {rate: 0.01}\n", 4, "rules.drugs.block", "{fpr: rate}"),
    (HEAD + "rules:\n  nudity: {block: {fpr: 0.01}}\n", 3, "rules.nudity.block", "no table"),
    (HEAD + "rules:\n  nudity: {review: 0,5}\n", 3, "rules.nudity.5", "with a point, as 0.5"),
    (HEAD + "rules:\n  nudity:\n    block: 0,5\n", 4, "rules.nudity.block", "as 0.5"),
    (GOOD + "weights:\n  drugs.tobacco: 0,4\n", 5, "weights.drugs.tobacco", "as 0.5"),
    (GOOD + "weights:\n  nudity: 0.4\n", 5, "weights.nudity", "is not a label"),
    (GOOD + "weights:\n  drugs.tobacco: 2\n", 5, "weights.drugs.tobacco", "less than"),
    (GOOD + "weights: 0.4\n", 4, "weights", "must be a mapping"),
    (GOOD + "video:\n  agree: yes\n", 5, "video.agree", "whole number"),
    (GOOD + "video:\n  agree: 2.0\n", 5, "video.agree", "whole number"),
    (GOOD + "video:\n  within_s: '1'\n", 5, "video.within_s", "must be a number"),
    (GOOD + "video:\n  within_s: .inf\n", 5, "video.within_s", "finite"),
    (GOOD + "video:\n  within_s: .nan\n", 5, "video.within_s", "finite"),
    (GOOD + "video:\n  agree: 0\n", 5, "video.agree", "greater than"),
    (GOOD + "video:\n  within_s: -1\n", 5, "video.within_s", "greater than"),
    (GOOD + "video:\n  alone: 2\n", 5, "video.alone", "less than"),
    (GOOD + "video:\n  agrees: 2\n", 5, "video.agrees", "known are agree, within_s"),
    (GOOD + "description: " + "[" * 30 + "]" * 30 + "\n", 4, "description.0.0.0", "too deeply"),
    (GOOD + "description: " + "[" * 5000 + "]" * 5000 + "\n", 4, "the document", "too deeply"),
    (GOOD + "description:\n  " + "- " * 5000 + "x\n", 5, "the document", "too deeply"),
    (GOOD + "description: !!int ''\n", 4, "description", "not known"),
    (GOOD + "description: !!bool x\n", 4, "description", "not known"),
    (GOOD + "description: !!timestamp x\n", 4, "description", "not known"),
    (GOOD + 'description: "\\UFFFFFFFF"\n', 4, "the document", "is not YAML"),
    (GOOD + 'description: "\\ud800"\n', 4, "description", "unpaired surrogate"),
    (GOOD + "# one\ndescription: \x1b[2J\n", 5, "the document", r"'\x1b' is not allowed"),
    (HEAD + "rules: !!python/dict {nudity: {block: 0.5}}\n", 2, "rules", "python/dict"),
    (HEAD + f"rules: {{drugs: {{block: {'1:' * 300}1.0}}}}\n", 2, "rules.drugs.block", "not known"),
    (GOOD + "#" * 64 * 1024, 1, "the document", "is larger than"),
]  # fmt: skip


def test_there_are_forty_of_them() -> None:
    assert len(MALFORMED) >= 40


@pytest.mark.parametrize(("content", "line", "field", "message"), MALFORMED)
def test_the_error_names_file_line_and_field(
    content: str | bytes, line: int, field: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "school.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(PolicyError) as caught:
        read_policy(path)

    text = str(caught.value)
    assert re.match(re.escape(f"{path}:{line}: {field}") + r"[.\d]*: ", text), text
    assert message in text


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "school.yaml"
    path.write_text(
        "name: The School\n"
        "on_error: ignore\n"
        "rules:\n"
        "  nudty: {block: 2}\n"
        "  gore: {block: 0.5}\n"
        "  drugs: {review: {fpr: 0.03}, block: {rate: 1}}\n"
        "  nudity: {block: {fpr: 0.01}, reviw: 1}\n"
        "  violence: {review: 0.9, block: 0.5}\n"
        "weights: {drugs: 0.4, alcohol.beer: 2}\n"
    )

    with pytest.raises(PolicyError) as caught:
        read_policy(path)

    said = [line.removeprefix(f"{path}:").split(": ")[:2] for line in str(caught.value).split("\n")]
    assert said == [
        ["1", "name"],
        ["2", "on_error"],
        ["4", "rules.nudty"],
        ["4", "rules.nudty.block"],
        ["5", "rules.gore"],
        ["6", "rules.drugs.review.fpr"],
        ["6", "rules.drugs.block"],
        ["7", "rules.nudity.block"],
        ["7", "rules.nudity.reviw"],
        ["8", "rules.violence"],
        ["9", "weights.drugs"],
        ["9", "weights.alcohol.beer"],
        ["9", "weights.alcohol.beer"],
    ]


ODD = [
    *": -?!&*[]{},|>%@`'\"#\n\t~=\x00\ufeff\u2028", "!!int ", "!!float ", "!!set ", "&a ", "*a",
    "<<: ", "---\n", "fpr", ".nan", "1e999", "1:30:", "\\ud800", "\\U", "name: ", "rules:\n",
    "  nudity: ",
]  # fmt: skip


@given(st.lists(st.sampled_from(ODD), max_size=30).map("".join), st.integers(0, len(GOOD)))
def test_whatever_stands_in_a_file_it_is_a_policy_or_an_error_with_its_line(
    text: str, at: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "school.yaml"
        path.write_text(GOOD[:at] + text + GOOD[at:], encoding="utf-8")
        try:
            said = read_policy(path).version
        except PolicyError as error:
            said = str(error)

    assert re.match(re.escape(str(path)) + r":\d+: |sha256:", said)


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_holds_they_are_a_policy_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "school.yaml"
        path.write_bytes(data)
        with pytest.raises(PolicyError):
            read_policy(path)


def test_a_second_policy_of_a_name_is_named_with_its_line(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("# one\n" + GOOD)

    with pytest.raises(PolicyError, match=r"b\.yaml:2: name: another file"):
        read_policies(tmp_path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml cannot be read: No such file"):
        read_policy(tmp_path / "none.yaml")
