"""What others had of the machine, in results whose reports are tested."""

from harness.results.host import ForeignProgram, Host

QUIET = Host(
    cores=2,
    stolen_share=0.02,
    foreign_cores=0.06,
    foreign_programs=[ForeignProgram(name="backup", cores=0.06)],
    throttled_share=None,
    cgroup_cores=None,
    cpu_pressure_share=None,
    memory_pressure_share=None,
    io_pressure_share=None,
    frequency_mhz=None,
)
