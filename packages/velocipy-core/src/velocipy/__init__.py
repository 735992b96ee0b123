"""VelociPy: typed handlers, honest HTTP, and the speed of the bare server. Names what core makes public, no more."""

import pkgutil

# velocipy-asgi, velocipy-limiter and the other dists put their sub-packages beside core's. Installed as wheels they
# share one directory; from source each has its own, and without this line only core's would be found.
__path__ = pkgutil.extend_path(__path__, __name__)
