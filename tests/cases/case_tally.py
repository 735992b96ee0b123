"""How often endpoints of the cases came to their end. Knows names and numbers."""

from __future__ import annotations

from collections import Counter

TALLY: Counter[str] = Counter()
