"""The direct route's sink, `RedisConnector.java`: compiled by the compiler that Flink itself compiles queries with.

There is no released connector for Redis and Flink 2, and a sink in Python would need a Python worker for each task. So
the sink is Java, like Flink's own. A JDK is not needed: Flink brings Janino.
"""

import zipfile
from pathlib import Path

from pyflink.java_gateway import get_gateway

SOURCE = Path(__file__).with_name("RedisConnector.java")
#: Where Flink looks for connectors in a jar.
SERVICES = "META-INF/services/org.apache.flink.table.factories.Factory"
FACTORY = "ringbench.RedisConnector"


def compile_connector(jars: list[str], directory: Path) -> Path:
    """Compile the connector against Flink and `jars`, which hold the Redis client. Returns a jar in `directory`."""
    gateway = get_gateway()
    java = gateway.jvm.java
    urls = gateway.new_array(java.net.URL, len(jars))
    for at, jar in enumerate(jars):
        urls[at] = java.io.File(jar).toURI().toURL()
    compiler = gateway.jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setTargetVersion(8)  # the first with static methods of interfaces, which Flink's providers have
    compiler.setParentClassLoader(java.net.URLClassLoader(urls, java.lang.ClassLoader.getSystemClassLoader()))
    compiler.cook(SOURCE.read_text(encoding="utf-8"))
    path = directory / "ringbench-redis.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(SERVICES, FACTORY + "\n")
        for name, code in compiler.getBytecodes().items():
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(code))
    return path
