"""How a run's id stands in the names of what the run makes in Kafka, Redis and S3: nothing else is taken for ours.

An id holds the second in which its run began and 24 random bits, so that no two runs have the same one.
"""

import re

#: Of `ringbench run`. Other commands, whose ids have a word before that, use no services of the user's own.
_RUN = r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}"
_RUN_ID = re.compile(rf"(?:[a-z]+-)*{_RUN}")
_TOPIC = re.compile(rf"(?:cdr|cdr-aggregates|cdr-dead-letter)-({_RUN})-.+")
#: What an engine makes for itself has the input topic's name, and a dot, in its own: see `engines.contract.job`.
_ENGINES_TOPIC = re.compile(rf".*[^A-Za-z0-9]cdr-({_RUN})-.+\..+")
_GROUP = re.compile(rf"ringbench-({_RUN})-.+")
_KEY = re.compile(rf"cdr:({_RUN}):.+", re.DOTALL)
_OBJECT = re.compile(rf"({_RUN})/[^/]+/archive/.+", re.DOTALL)


def is_run_id(text: str) -> bool:
    """Whether `text` is a run's id, as a whole."""
    return _RUN_ID.fullmatch(text) is not None


def run_of_topic(name: str) -> str:
    """The id of the run that a topic is of; empty if it is of none."""
    return _run(name, _TOPIC, _ENGINES_TOPIC)


def run_of_group(name: str) -> str:
    """The id of the run that a consumer group is of; empty if it is of none."""
    return _run(name, _GROUP, _TOPIC, _ENGINES_TOPIC)


def run_of_key(name: str) -> str:
    """The id of the run that a Redis key is of; empty if it is of none."""
    return _run(name, _KEY)


def run_of_object(name: str) -> str:
    """The id of the run that an S3 object is of; empty if it is of none."""
    return _run(name, _OBJECT)


def _run(name: str, *forms: re.Pattern[str]) -> str:
    return next((found[1] for form in forms if (found := form.fullmatch(name))), "")
