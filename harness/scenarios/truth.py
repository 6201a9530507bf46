"""The section of a scenario that says where its ground truth is computed."""

from __future__ import annotations

import re

from pydantic import Field, ValidationInfo, field_validator

from harness.scenarios.sections import Section

_MASTER = re.compile(r"spark://[A-Za-z0-9.\-]+:[0-9]+(,[A-Za-z0-9.\-]+:[0-9]+)*")
#: What a cluster's master for the truth is to be.
MASTER_FORM = "spark://HOST:PORT, the standalone cluster manager's address"


def is_standalone_master(master: str) -> bool:
    """Whether `master` is the address of Spark's own cluster manager, or of several of its masters."""
    return bool(_MASTER.fullmatch(master))


class TruthSection(Section):
    """Where the ground truth is computed: on a Spark of the user's own, or, without a master, in a process here."""

    master: str = ""
    conf: dict[str, str] = Field({}, description="options of Spark for this job, which go before all others")

    @field_validator("master")
    @classmethod
    def _is_one(cls, master: str) -> str:
        if master and not is_standalone_master(master):
            raise ValueError(f"no cluster's master; give {MASTER_FORM}, or leave it out for a Spark in a process here")
        return master

    @field_validator("conf")
    @classmethod
    def _has_a_cluster(cls, conf: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if conf and info.data.get("master") == "":
            raise ValueError("options are for a cluster: set `truth.master`, too")
        return conf
