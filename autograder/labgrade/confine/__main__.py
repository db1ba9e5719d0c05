"""``python -m labgrade.confine``: see :mod:`labgrade.confine.launch`."""

import sys

from labgrade.confine.launch import main

sys.exit(main(sys.argv[1:]))
