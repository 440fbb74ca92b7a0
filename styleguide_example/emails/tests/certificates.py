"""Certificates for servers on loopback, made for the moment."""

import shutil
import subprocess
from pathlib import Path

import pytest

HOST = "127.0.0.1"


def certificate_new(directory: Path, name: str, *, host: str = HOST, authority: Path | None = None) -> Path:
    """Return a file with a key and the certificate of ``host``: signed by ``authority``, else by itself."""
    file, request, extensions = directory / f"{name}.pem", directory / f"{name}.csr", directory / f"{name}.ext"
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", file, "-out", request)  # fmt: skip
    kind = "DNS" if host.rpartition(".")[2].isalpha() else "IP"
    extensions.write_text(
        f"subjectAltName={kind}:{host}\nsubjectKeyIdentifier=hash\nbasicConstraints=critical,CA:FALSE\n"
        if authority
        else f"subjectAltName={kind}:{host}\nsubjectKeyIdentifier=hash\nbasicConstraints=critical,CA:TRUE\n"
    )
    signer: list[str | Path] = (
        ["-CA", authority, "-CAkey", authority, "-CAcreateserial"] if authority else ["-signkey", file]
    )
    certificate = _openssl("x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions)
    file.write_bytes(file.read_bytes() + certificate)
    return file


def _openssl(*arguments: str | Path) -> bytes:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("There is no openssl here to make certificates with.")
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True).stdout  # noqa: S603
