# SPDX-License-Identifier: Apache-2.0
"""How often a test repeats what it does.

A variable of the environment says it for one test. WEIR_TEST_SHORT=1 makes a quarter of all that
nobody has said: ./check sets it where the same test has run in full length before.
"""
import os

SHORT = bool(os.environ.get("WEIR_TEST_SHORT"))


def rounds(variable, usual):
    """A number from variable; else the usual one, or a quarter of it."""
    said = os.environ.get(variable)
    if said:
        return int(said)
    return max(usual // 4, 1) if SHORT else usual
