"""A foreign dist in the tests: adapters that VelociPy finds by their entry points. Knows only core's seams."""
