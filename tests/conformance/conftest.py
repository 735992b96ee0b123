"""Makes `servers` and `wire` of this folder importable by its tests. Knows the folder; holds no fixtures."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.append(FOLDER)
