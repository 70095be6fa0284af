"""Scores to a decision, its reasons and suitability. Pure functions."""

from worksafe.models.registry import CATEGORIES, does_count
from worksafe.policy.document import Policy
from worksafe.policy.frames import agreed
from worksafe.results import (
    SCORE_DIGITS,
    UNSEEN,
    Decision,
    ImageScores,
    Reason,
    Scores,
    category_of,
    scores_in,
    strictest,
)


def decide(scored: ImageScores, policy: Policy) -> Decision:
    """Apply a policy to an image's scores.

    Scores are compared as answers hold them, rounded, so that a stored answer is decided alike.

    Parameters
    ----------
    scored : ImageScores
        Of all detectors.
    policy : Policy
        Rules and weights.

    Returns
    -------
    Decision
        The most severe action of all rules whose threshold was reached, with a reason for each.
    """
    reasons = [
        reason for name in policy.rules if (reason := _reason(name, scored, policy)) is not None
    ]
    reasons.sort(key=lambda reason: (reason.action.severity, reason.score), reverse=True)
    action = strictest([reason.action for reason in reasons])
    return Decision(action, tuple(reasons), suitability(scored.scores, policy))


def suitability(scores: Scores, policy: Policy) -> int:
    """Return how suitable for work an image is.

    Parameters
    ----------
    scores : Scores
        Of all detectors.
    policy : Policy
        Its weights say how much each label costs.

    Returns
    -------
    int
        0 to 100: 100 * (1 - the largest of weight * score over all labels).
    """
    risks = (
        policy.weight_of(name) * round(score, SCORE_DIGITS) for name, score in scores.labels.items()
    )
    return round(100 * (1 - max(risks, default=0.0)))


def _reason(rule_name: str, scored: ImageScores, policy: Policy) -> Reason | None:
    """Apply one rule, about a category, a label or what was not checked."""
    found = _score_and_frame(rule_name, scored, policy)
    if found is None:
        return None
    score, frame = found
    reached = policy.rules[rule_name].action_for(score)
    if reached is None:
        return None
    action, threshold = reached
    shown = scores_in(scored.frames, frame, scored.scores)
    label = _leading_label(rule_name, shown) if rule_name in CATEGORIES else None
    label = rule_name if "." in rule_name else label
    return Reason(
        rule=rule_name,
        category=category_of(rule_name),
        label=label,
        score=score,
        threshold=threshold,
        action=action,
        frame=frame,
        time_s=next((one.time_s for one in scored.frames if one.frame == frame), None),
        region=_leading_region(label, frame, scored),
    )


def _score_and_frame(
    rule_name: str, scored: ImageScores, policy: Policy
) -> tuple[float, int | None] | None:
    """Return what a rule compares, and which frame has it; None where nothing is known of it."""
    if rule_name == UNSEEN:
        return round(scored.unseen, SCORE_DIGITS), None
    known = scored.scores.labels if "." in rule_name else scored.scores.categories
    if rule_name not in known:
        return None
    if scored.is_video:
        return agreed(scored.frames, rule_name, policy.video)
    return round(known[rule_name], SCORE_DIGITS), scored.frame_of.get(rule_name)


def _leading_label(category: str, scores: Scores) -> str | None:
    """Find the largest counting label of a category; what is not registered counts."""
    counting = [
        name for name in scores.labels if category_of(name) == category and does_count(name)
    ]
    return max(counting, key=lambda name: scores.labels[name], default=None)


def _leading_region(label: str | None, frame: int | None, scored: ImageScores) -> int | None:
    """Find the most certain region of a label, if it is of that frame; the most certain is first.

    An image's regions are those of the frame that scores highest for their label, and frames that
    agree may be others.
    """
    if label is None or scored.frame_of.get(label) != frame:
        return None
    regions = enumerate(scored.scores.regions)
    return next((index for index, region in regions if region.label == label), None)
