"""In which groups `--help` shows options and commands: the usual ones first, without a heading of their own.

It is a matter of names alone, so that an option has the same place in every command that has it.
"""

from typing import Any

from typer.core import TyperGroup

#: A command with no more options shows them as one list.
FEW = 9
#: By heading; what stands in none is usual.
OPTIONS = {
    "The workload": ("--seed", "--warmup", "--confirm-duration", "--route", "--delivery", "--query"),
    "Engines": ("--tuning", "--engine-cpus", "--engine-path"),
    "Records of your own": ("--input", "--input-map", "--speed", "--skip-bad-lines", "--show-bad-values"),
    "Clusters": (
        *("--cluster", "--spark-master", "--spark-conf", "--flink-jobmanager", "--flink-conf"),
        *("--truth-master", "--truth-conf"),
    ),
    "Services of your own": (
        *("--kafka", "--kafka-properties", "--redis", "--redis-properties", "--namespace", "--s3"),
        *("--kafka-port", "--redis-port", "--s3-port", "--topic", "--create-topic"),
    ),
    "Bounds": (
        *("--lowest-rate", "--highest-rate", "--p99-bound-ms", "--resolution", "--per-trial", "--recover-within"),
        *("--max-growth", "--max-push-ms", "--max-lag-ms", "--max-users", "--spawn-rate"),
    ),
    "Runs that differ": ("--allow-different-host", "--allow-different-workload", "--point-estimates"),
    "Sizing": ("--utilisation", "--cores", "--replication", "--consumers", "--retention-h", "--partition-bytes-per-s"),
    "While it goes on": (
        *("--view", "--view-rate", "--max-rate", "--host", "--port", "--ui-port"),
        *("--metrics-port", "--metrics-host"),
    ),
    "Results": (
        *("--runs-dir", "--resume", "--fresh", "--profile", "--keep-logs", "--out", "--site", "--join"),
        *("--format", "--md", "--html", "--junit", "--benchmark-json", "--json"),
    ),
}
#: By heading; as docs/commands.md has them.
COMMANDS = {
    "Measure": ("run", "sweep", "scale", "plan", "bench"),
    "Prove": ("calibrate", "compare", "history", "conformance"),
    "Break": ("chaos", "operate", "soak"),
    "Look": ("view", "loadtest", "workload", "report"),
    "Your own data": ("input",),
    "Many machines": ("generate", "merge-shards"),
    "Keep house": ("doctor", "clean", "services", "engines"),
}
_HEADING_OF_OPTION = {name: heading for heading, names in OPTIONS.items() for name in names}
_HEADING_OF_COMMAND = {name: heading for heading, names in COMMANDS.items() for name in names}


class Grouped(TyperGroup):
    """A command line whose help is in groups."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands by heading; those of none are last."""
        order = list(_HEADING_OF_COMMAND)
        return sorted(super().list_commands(ctx), key=lambda name: order.index(name) if name in order else len(order))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called so, with headings."""
        command: Any = super().get_command(ctx, cmd_name)
        if command is not None:
            command.rich_help_panel = _HEADING_OF_COMMAND.get(cmd_name)
            _group(command)
        return command


def _group(command: Any) -> None:
    """Give the options of a command with many of them their headings; what has to be given is usual."""
    options = [each for each in command.params if each.param_type_name == "option"]
    if len(options) > FEW:
        for option in options:
            option.rich_help_panel = None if option.required else _HEADING_OF_OPTION.get(option.opts[0])
