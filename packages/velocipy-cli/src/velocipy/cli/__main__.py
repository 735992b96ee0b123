"""`python -m velocipy.cli`, which is the `velocipy` command."""

import sys

from velocipy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
