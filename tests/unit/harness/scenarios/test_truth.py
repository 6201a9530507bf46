"""Where the ground truth is computed: a cluster's master or none, and nothing else."""

from typing import Any

import pytest
from pydantic import ValidationError

from harness.scenarios.truth import TruthSection


@pytest.mark.parametrize("master", ["spark://10.0.0.1:7077", "spark://a.example:7077,b.example:7078", ""])
def test_masters_of_the_standalone_cluster_manager_are_taken(master: str) -> None:
    assert TruthSection.model_validate({"master": master}).master == master


@pytest.mark.parametrize(
    "master", ["local", "local[2]", "yarn", "k8s://https://h:6443", "h:7077", "spark://h", "spark://me:hush@h:7077"]
)
def test_all_else_is_refused_with_the_form_that_is_expected(master: str) -> None:
    with pytest.raises(ValidationError, match="give spark://HOST:PORT"):
        TruthSection.model_validate({"master": master})


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"conf": {"spark.a": "1"}}, "set `truth.master`, too"),
        ({"master": "spark://h:7077", "conf": {"spark.a": 1}}, "valid string"),
        ({"masters": "spark://h:7077"}, "Extra inputs"),
    ],
)
def test_options_are_texts_and_for_a_cluster(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TruthSection.model_validate(keys)
