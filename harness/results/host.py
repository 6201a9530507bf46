"""How quiet the machine was on which a trial took place."""

from __future__ import annotations

from pydantic import Field

from harness.results.part import ResultPart


class ForeignProgram(ResultPart):
    """A program that is none of the run's own."""

    name: str
    cores: float = Field(description="CPU-seconds per second, of processes that lived at start and end")


class Host(ResultPart):
    """What of the machine was not the run's own, over the measured time. Null is what could not be read."""

    cores: int = Field(description="that the operating system has")
    stolen_share: float | None = Field(description="of all cores' time: the hypervisor gave it to others")
    foreign_cores: float | None = Field(description="CPU-seconds per second that no process of the run used")
    foreign_programs: list[ForeignProgram] = Field([], description="who it was, the greatest first")
    throttled_share: float | None = Field(description="of the time: the cgroup was kept from running")
    cgroup_cores: float | None = Field(description="the cgroup's limit; null if it has none")
    cpu_pressure_share: float | None = Field(description="of the time: some task of the machine waited for a core")
    memory_pressure_share: float | None
    io_pressure_share: float | None
    frequency_mhz: float | None = Field(description="the mean of all cores")
