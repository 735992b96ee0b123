"""From a signature to running code: markers, signatures, plans, and the compiler that lays plans out as source."""
