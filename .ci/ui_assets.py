"""Brings Swagger UI's files into velocipy-openapi: a pinned npm package, checked, compressed. Knows files; runs nothing of them.

python .ci/swagger_ui.py          fetch by `npm pack`, check, and write the assets
python .ci/swagger_ui.py --check  the same into memory: fails if the committed assets are others
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "swagger-ui-dist"
VERSION = "5.35.0"
SHA512 = "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ=="
ASSETS = Path(__file__).resolve().parents[1] / "packages/velocipy-openapi/src/velocipy/openapi/ui/assets"

# File of the package -> file of ours. What is served stands there compressed alone; licences stand there to be read.
COMPRESSED = {
    "swagger-ui-bundle.js": "swagger-ui-bundle.js.gz",
    "swagger-ui.css": "swagger-ui.css.gz",
    "oauth2-redirect.js": "oauth2-redirect.js.gz",
}
PLAIN = {
    "LICENSE": "LICENSE",
    "NOTICE": "NOTICE",
    "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
}


def fetch(folder: Path) -> Path:
    """The tarball of the pinned version; exits where it is not the one that was pinned."""
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], check=True, cwd=folder)
    tarball = folder / f"{PACKAGE}-{VERSION}.tgz"
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != SHA512:
        sys.exit(f"{tarball.name} has the SHA-512 {found}, not the pinned {SHA512}")
    return tarball


def assets(tarball: Path) -> dict[str, bytes]:
    """Name of ours -> content. The comment that names a source map is taken out: the map is not there."""
    found = {}
    with tarfile.open(tarball) as package:
        for theirs, ours in {**COMPRESSED, **PLAIN}.items():
            member = package.extractfile(f"package/{theirs}")
            if member is None:
                sys.exit(f"{tarball.name} has no {theirs}")
            content = member.read()
            if theirs in COMPRESSED:
                content = gzip.compress(without_map(content), 9, mtime=0)
            found[ours] = content
    return found


def without_map(content: bytes) -> bytes:
    """Without its last line, if that is the comment for debuggers."""
    head, line, tail = content.rpartition(b"\n")
    return head + line if b"sourceMappingURL=" in tail else content


def main() -> None:
    """Write the assets, or compare them."""
    with tempfile.TemporaryDirectory() as folder:
        found = assets(fetch(Path(folder)))
    for name, content in found.items():
        path = ASSETS / name
        if sys.argv[1:] == ["--check"]:
            there = path.read_bytes()
            same = (
                there == content
                or name.endswith(".gz")
                and gzip.decompress(there) == gzip.decompress(content)
            )
            if not same:
                sys.exit(f"{path} is not that of {PACKAGE} {VERSION}")
        else:
            path.write_bytes(content)
            print(f"{len(content):>8} {path.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
