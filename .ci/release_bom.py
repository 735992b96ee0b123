"""What a release is made of: a CycloneDX document beside its files. Knows environments and pinned packages; builds nothing.

cyclonedx-py lists what an environment has in which the dist is installed alone, with what it requires. We add what it cannot see:
the version of the dist itself, and the JavaScript and CSS that stand in its wheel.
"""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tag import Dist
from ui_assets import PINNED, Package

Document = dict[str, Any]
ROOT_REF = "root-component"  # cyclonedx-py's name for what the document is about


def document(dist: Dist, python: Path, epoch: int) -> Document:
    """The document of a dist that is installed in the environment of `python`; the same again for the same environment."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--short-PURLs",
        "--mc-type",
        "library",
    ]
    done = subprocess.run(
        [*command, "--pyproject", str(dist.folder / "pyproject.toml"), str(python)],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{dist.name}: {done.stderr}")
    return completed(json.loads(done.stdout), dist)


def completed(found: Document, dist: Dist) -> Document:
    """The document with our versions, and with what stands in the wheel and comes from elsewhere."""
    about = found["metadata"]["component"]
    about |= {"version": dist.version, "purl": purl(dist.name, dist.version)}
    for component in found["components"]:
        if "purl" not in component:  # a sibling, which was installed from a file: where that was says nothing
            component["purl"] = purl(component["name"], component["version"])
            component.pop("externalReferences", None)
    inside = [vendored(package) for package in PINNED if package.folder.is_relative_to(home(dist))]
    if inside:
        found["components"] += inside
        (edges,) = (one for one in found["dependencies"] if one["ref"] == ROOT_REF)
        edges["dependsOn"] = sorted([*edges.get("dependsOn", []), *(one["bom-ref"] for one in inside)])
        found["dependencies"] += [{"ref": one["bom-ref"]} for one in inside]
    return found


def home(dist: Dist) -> Path:
    """The dist's folder in this checkout, where the pinned packages are told to lie; the dist may be a copy's."""
    return Path(__file__).resolve().parents[1] / "packages" / dist.folder.name


def purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def vendored(package: Package) -> Document:
    """The component of an npm package whose files stand in a wheel."""
    locator = f"pkg:npm/{package.name.replace('@', '%40')}@{package.version}"
    return {
        "type": "library",
        "bom-ref": locator,
        "name": package.name,
        "version": package.version,
        "purl": locator,
        "licenses": [{"license": {"id": package.licence, "acknowledgement": "declared"}}],
        "hashes": [{"alg": "SHA-512", "content": base64.b64decode(package.sha512).hex()}],
        "description": f"Files of it stand in the wheel: {', '.join(sorted(package.compressed))}",
    }


def problem(found: Document) -> str | None:
    """What the schema of CycloneDX has against the document; None if it has nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.from_version(found["specVersion"])).validate_str(
        json.dumps(found)
    )
    return None if error is None else str(error)
