"""Puts the harness on the path of its tests. Knows this folder; nothing of pytest's other folders."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
