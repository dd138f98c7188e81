# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/kill.py with a real API server: weird is killed at random points of changes under
traffic. Afterwards one more start finds nothing to do in the kernel."""
import os

os.environ.setdefault("WEIR_KILLS", "50")

from node import main  # noqa: E402
from kill import test_kill_under_traffic  # noqa: E402 pylint: disable=wrong-import-order

if __name__ == "__main__":
    main(__file__, [test_kill_under_traffic])
