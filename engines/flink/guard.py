"""Keeps other users of the machine out of Flink: what runs code for whoever reaches a port asks for a secret."""

import os
import secrets
from functools import partial
from pathlib import Path

from pyflink import java_gateway

#: What PyFlink and its JVM tell each other, and what Flink's REST interface asks for: in the environment, which nobody
#: else can read, for `ringbench.flink.Gateway` and `ringbench.flink.RestGuard`.
_GATEWAY_SECRET, _REST_SECRET = "RINGBENCH_GATEWAY_SECRET", "RINGBENCH_FLINK_SECRET"
_GATEWAY = "ringbench.flink.Gateway"
_USUAL_HADOOP = Path("/etc/hadoop/conf")


def guard_jvm(jar: str, *, on_cluster: bool) -> None:
    """Have the JVM that PyFlink is about to start obey this process only; to be called before anything else.

    Args:
        jar: of the engine's own classes, for the JVM's class path.
        on_cluster: whether the REST interface is that of a cluster, whose secret is in the environment if it has one.
    """
    gateway_secret = os.environ[_GATEWAY_SECRET] = secrets.token_urlsafe(32)
    if not on_cluster:
        os.environ[_REST_SECRET] = secrets.token_urlsafe(32)
    # The later of two classes that PyFlink is to start is in effect.
    os.environ["SUBMIT_ARGS"] = f"-c {_GATEWAY} local"
    if not os.environ.keys() & {"HADOOP_CLASSPATH", "HADOOP_CONF_DIR"} and _USUAL_HADOOP.is_dir():
        # As PyFlink itself would have it without the next line.
        os.environ["HADOOP_CONF_DIR"] = str(_USUAL_HADOOP)
    os.environ["HADOOP_CLASSPATH"] = os.pathsep.join(filter(None, [os.environ.get("HADOOP_CLASSPATH"), jar]))
    for parameters in ("GatewayParameters", "CallbackServerParameters"):
        vars(java_gateway)[parameters] = partial(vars(java_gateway)[parameters], auth_token=gateway_secret)


def rest_headers() -> dict[str, str]:
    """What requests to the REST interface need."""
    secret = os.environ.get(_REST_SECRET)
    return {"Authorization": f"Bearer {secret}"} if secret else {}
