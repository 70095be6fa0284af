from pathlib import Path

import pytest
import yaml

from worksafe.errors import PolicyError, UnknownPolicyError
from worksafe.models import hazards
from worksafe.policy.document import DEFAULT, Policy
from worksafe.policy.reading import choose_policy, read_policies, read_policy
from worksafe.results import Action

GOOD = """
name: school
on_error: block
rules:
  nudity: {review: 0.2, block: 0.4}
  drugs.tobacco: {block: 0.5}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "school.yaml"
    path.write_text(text)
    return path


def test_reads_a_policy(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, GOOD))

    assert policy.on_error is Action.BLOCK
    assert policy.rules["nudity"].block == 0.4


def test_the_version_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, GOOD))
    same = read_policy(write(tmp_path, "# a comment\n" + yaml.dump(yaml.safe_load(GOOD))))
    other = read_policy(write(tmp_path, GOOD.replace("0.4", "0.41")))

    assert policy.version == same.version != other.version
    assert policy.version.startswith("sha256:")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("nudity:", "nudty:"), "rules.nudty: is not a category or label"),
        (("drugs.tobacco:", "drugs.tabaco:"), "rules.drugs.tabaco: is not a category or label"),
        (("review: 0.2", "review: 0.9"), "rules.nudity.*must not be above block"),
        (("review: 0.2", "review: 20"), "rules.nudity.review.*less than or equal to 1"),
        (("{block: 0.5}", "{}"), "needs a threshold"),
        (("on_error: block", "on_error: ignore"), "on_error"),
        (("on_error: block", "on_eror: block"), "on_eror"),
        (("name: school", "name: The School"), "name"),
        (("name: school", "weights: {nudity: 1}\nname: school"), "weights.nudity: is not a label"),
    ],
)
def test_mistakes_are_named_with_file_and_field(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, GOOD.replace(*change))

    with pytest.raises(PolicyError, match=message) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "a: b: c", "\x00", "- 1"])
def test_what_is_no_policy_at_all_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        read_policy(write(tmp_path, text))


def test_an_operators_policies_stand_beside_the_shipped_ones(tmp_path: Path) -> None:
    write(tmp_path, GOOD)

    policies = read_policies(tmp_path)

    assert {DEFAULT, "school"} <= policies.keys()


def test_two_policies_of_one_name_are_a_mistake_and_yml_counts_too(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "second.yml").write_text(GOOD)

    with pytest.raises(PolicyError, match=r"second\.yml.*'school'"):
        read_policies(tmp_path)


def test_a_missing_folder_is_an_error_and_not_no_policies(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read: No such file"):
        read_policies(tmp_path / "absent")


def test_what_editors_and_file_managers_leave_in_a_folder_is_no_policy(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / ".#school.yaml").symlink_to("nobody@nowhere.1")  # Emacs, while it is edited
    (tmp_path / "._school.yaml").write_bytes(b"\x00\x05\x16\x07")  # macOS, beside every file

    assert "school" in read_policies(tmp_path)


def test_an_unknown_policy_lists_the_known() -> None:
    with pytest.raises(UnknownPolicyError, match="known are default"):
        choose_policy(read_policies(), "defualt")


@pytest.mark.parametrize("policy", read_policies().values(), ids=lambda policy: policy.name)
def test_no_shipped_policy_fails_open(policy: Policy) -> None:
    assert policy.on_error is not Action.ALLOW
    assert {"nudity", "violence", "drugs"} <= policy.rules.keys()


@pytest.mark.parametrize("name", ["violence", "violence.firearm", "drugs.tobacco"])
def test_a_threshold_by_false_positive_rate_is_the_detectors_own(name: str, tmp_path: Path) -> None:
    text = f"name: school\nrules:\n  {name}: {{review: {{fpr: 0.02}}, block: {{fpr: 0.005}}}}\n"

    rule = read_policy(write(tmp_path, text)).rules[name]

    assert rule.review == hazards.SPEC.thresholds[name]["0.02"]
    assert rule.block == hazards.SPEC.thresholds[name]["0.005"]


def test_a_rate_has_the_version_of_the_score_that_it_stands_for(tmp_path: Path) -> None:
    text = "name: school\nrules:\n  violence: {block: %s}\n"
    by_rate = read_policy(write(tmp_path, text % "{fpr: 0.01}"))

    by_score = read_policy(write(tmp_path, text % hazards.SPEC.thresholds["violence"]["0.01"]))

    assert by_rate.version == by_score.version


EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "policies").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_whole_policies_that_say_whom_they_are_for(path: Path) -> None:
    policy = read_policy(path)

    assert policy.name == path.stem
    assert policy.description
    assert {rule.partition(".")[0] for rule in policy.rules} >= {"nudity", "violence", "drugs"}


def test_there_is_an_example_for_each_trade() -> None:
    assert {path.stem for path in EXAMPLES} == {
        "art-museum", "dating-site", "medical-forum", "newsroom", "school",
    }  # fmt: skip
