"""What a person may choose about the services and places of a run."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.scenarios.refusals import OWN_KAFKA, OWN_REDIS, OWN_S3, VIEW
from harness.services.backing import External


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What the command line says of every command that runs trials.

    Attributes:
        runs_dir: where the command's own directory is made.
        engine_paths: further folders of engines.
        external: the user's own services, in place of started ones.
        command: the arguments that repeat the command.
        keep_logs: keep the logs of what went well, too.
        view: serve the live map meanwhile.
        view_rate_hz: its frames a second at the most.
        profile: draw flame graphs of JVMs.
    """

    runs_dir: Path
    engine_paths: list[Path] = field(default_factory=list)
    external: External = field(default_factory=External)
    command: list[str]
    keep_logs: bool = False
    view: bool = False
    view_rate_hz: float = 4.0
    profile: bool = False

    @property
    def asked(self) -> list[str]:
        """Options with which not every scenario goes, as `harness.scenarios.refusals` calls them."""
        external = self.external
        given = {VIEW: self.view, OWN_KAFKA: external.kafka, OWN_REDIS: external.redis, OWN_S3: external.s3}
        return [option for option, is_given in given.items() if is_given]
