"""Tests of the gateway, by kind."""

import os

# Several processes share the cores: threads of numpy that wait for each other in a loop cost more than twice as much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
