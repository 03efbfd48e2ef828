"""Write jars.json anew: `python -m local.broker.pin 4.4.0` pins that Kafka with everything it runs on."""

import hashlib
import json
import tempfile
from pathlib import Path

import click
from jgo.maven import MavenContext

from local.broker.jars import PINS

# Kafka 4.4 logs through SLF4J 1.7; this is the binding of that line, and it writes to standard error.
LOGGING = "org.slf4j:slf4j-simple:1.7.36"


@click.command()
@click.argument("version")
def main(version: str) -> None:
    """Resolve Kafka VERSION and write the SHA-256 of each of its jars."""
    with tempfile.TemporaryDirectory() as scratch:
        maven = MavenContext(repo_cache=Path(scratch))
        wanted = [
            maven.create_dependency(coordinate) for coordinate in (f"org.apache.kafka:kafka_2.13:{version}", LOGGING)
        ]
        itself, needed = maven.resolver.resolve(wanted)
        jars = []
        for dependency in [*itself, *needed]:
            artifact = dependency.artifact
            content = artifact.resolve().read_bytes()
            coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            digest = hashlib.sha256(content).hexdigest()
            jars.append({"coordinate": coordinate, "bytes": len(content), "sha256": digest})
    jars.sort(key=lambda jar: str(jar["coordinate"]))
    Path(str(PINS)).write_text(json.dumps({"kafka": version, "jars": jars}, indent=2) + "\n")


if __name__ == "__main__":
    main()
