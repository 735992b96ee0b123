"""Brings the files of the docs pages into their dists: pinned npm packages, checked, compressed. Knows files; runs nothing of them.

python .ci/ui_assets.py                fetch by `npm pack`, check, and write the assets
python .ci/ui_assets.py --check        the same into memory: fails if the committed assets are others
python .ci/ui_assets.py [--check] redoc ...  of some packages alone
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
SWAGGER = PACKAGES / "velocipy-openapi/src/velocipy/openapi/ui/assets"
OTHERS = PACKAGES / "velocipy-openapi-ui/src/velocipy/openapi_ui/assets"

# Redoc shows these images of a foreign host below the list of operations. Its name stands there instead, so that nobody is asked.
NAME_OF_REDOC = (
    b"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='42' height='14'%3E"
    b"%3Ctext y='11' font-family='sans-serif' font-size='11' font-weight='bold' fill='%230044d4'%3ERedoc%3C/text%3E%3C/svg%3E"
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package at a pinned version, and which of its files become which of ours.

    What is served stands with us compressed alone; licences stand there to be read. `edits` are made in what is served, each of them once.
    """

    name: str
    version: str
    sha512: str
    folder: Path
    compressed: dict[str, str]
    plain: dict[str, str]
    edits: dict[bytes, bytes] = field(default_factory=dict)
    licence: str = "MIT"  # as SPDX has it

    @property
    def tarball(self) -> str:
        """What `npm pack` calls its file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


PINNED = (
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        SWAGGER,
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js.gz",
            "swagger-ui.css": "swagger-ui.css.gz",
            "oauth2-redirect.js": "oauth2-redirect.js.gz",
        },
        {
            "LICENSE": "LICENSE",
            "NOTICE": "NOTICE",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        },
        licence="Apache-2.0",
    ),
    Package(
        "redoc",
        "3.0.1",
        "KDfoKaYW19LCl4YStgBnwlaNjYEFfs5zCNt1s1WZ2YM5u8d26Yuzd2l43fZO851ZsgIMe/D640fDJkD8eaRQKQ==",
        OTHERS,
        {"bundles/redoc.standalone.js": "redoc.standalone.js.gz"},
        {"LICENSE": "redoc.LICENSE"},
        {
            b"`https://cdn.redoc.ly/redoc/logo-mini-full.svg`": b"`" + NAME_OF_REDOC + b"`",
            b"`https://cdn.redoc.ly/redoc/logo-mini.svg`": b"`" + NAME_OF_REDOC + b"`",
        },
    ),
    Package(
        "@scalar/api-reference",
        "1.76.0",
        "pjqwnzmA9YK3ZX+IZSICMsywm4qI6HLSngR2py9H6TvFApHHuJjkTAd+gFJfnqJDzJuro8k7ji6JCtJ2U+Byng==",
        OTHERS,
        {"dist/browser/standalone.js": "scalar.standalone.js.gz"},
        {},  # the package has no licence file; scalar.LICENSE is that of its repository, written by hand
    ),
)


def fetch(package: Package, folder: Path) -> Path:
    """The tarball of the pinned version; exits where it is not the one that was pinned."""
    subprocess.run(["npm", "pack", "--silent", f"{package.name}@{package.version}"], check=True, cwd=folder)
    tarball = folder / package.tarball
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.sha512:
        sys.exit(f"{tarball.name} has the SHA-512 {found}, not the pinned {package.sha512}")
    return tarball


def assets(package: Package, tarball: Path) -> dict[str, bytes]:
    """Name of ours -> content. The comment that names a source map is taken out: the map is not there."""
    found = {}
    edits = dict(package.edits)
    with tarfile.open(tarball) as archive:
        for theirs, ours in {**package.compressed, **package.plain}.items():
            member = archive.extractfile(f"package/{theirs}")
            if member is None:
                sys.exit(f"{tarball.name} has no {theirs}")
            content = member.read()
            if theirs in package.compressed:
                content = gzip.compress(edited(without_map(content), edits), 9, mtime=0)
            found[ours] = content
    if edits:
        sys.exit(f"{tarball.name} has not once each: {', '.join(map(repr, edits))}")
    return found


def edited(content: bytes, edits: dict[bytes, bytes]) -> bytes:
    """The content after the edits whose text stands in it once; these are taken out of `edits`."""
    for old in [old for old in edits if content.count(old) == 1]:
        content = content.replace(old, edits.pop(old))
    return content


def without_map(content: bytes) -> bytes:
    """Without its last line, if that is the comment for debuggers."""
    head, line, tail = content.rpartition(b"\n")
    return head + line if b"sourceMappingURL=" in tail else content


def is_there(path: Path, content: bytes) -> bool:
    """Whether the file holds the content; how well it was compressed is no matter."""
    there = path.read_bytes()
    return there == content or (path.suffix == ".gz" and gzip.decompress(there) == gzip.decompress(content))


def main(arguments: list[str]) -> None:
    """Write the assets, or compare them."""
    names = [argument for argument in arguments if argument != "--check"]
    if set(names) - {package.name for package in PINNED}:
        sys.exit(f"these are pinned: {', '.join(package.name for package in PINNED)}")
    for package in PINNED:
        if names and package.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = assets(package, fetch(package, Path(folder)))
        for name, content in found.items():
            path = package.folder / name
            if "--check" not in arguments:
                path.write_bytes(content)
                print(f"{len(content):>8} {path.relative_to(PACKAGES)}")
            elif not is_there(path, content):
                sys.exit(f"{path} is not that of {package.name} {package.version}")


if __name__ == "__main__":
    main(sys.argv[1:])
