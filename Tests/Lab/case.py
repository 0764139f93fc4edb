"""What the tests on several hosts share: a lab of their own each, and the peers' logs where one fails."""

import itertools
import os
import sys
import unittest

from lab import Lab

# Waiting ends as soon as there is something to see; this is only how long a slow machine may take.
PATIENCE = 60.0
LOG_LINES = 40

_numbers = itertools.count(1)


class LabCase(unittest.TestCase):
    hosts = 3

    def setUp(self):
        self.lab = Lab(f"t{os.getpid()}x{next(_numbers)}")
        self.addCleanup(self.lab.down)
        self.lab.up(self.hosts)

    def _callSetUp(self):
        self._told(super()._callSetUp)

    def _callTestMethod(self, method):
        self._told(super()._callTestMethod, method)

    def _told(self, step, *arguments):
        """Runs a step of the test; where it fails, tells what the peers said, while their logs are still there."""
        try:
            step(*arguments)
        except unittest.SkipTest:
            raise
        except BaseException:
            self._tell()
            raise

    def _tell(self):
        if not hasattr(self, "lab"):
            return
        print(f"\n--- {self.id()}", self.lab.describe(), sep="\n", file=sys.stderr)
        for log in self.lab.log_files():
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            print(f"--- log of {log.parent.parent.name}/{log.parent.name}", *lines, sep="\n", file=sys.stderr)
        sys.stderr.flush()
