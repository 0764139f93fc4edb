#!/usr/bin/env python3
"""Runs the tests on several hosts: run.py [-k NAME]... [--counts FILE]

Needs root, and the program to test in TIKTRUE_BIN. FILE receives how many passed, failed and were skipped."""

import argparse
import pathlib
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Result(unittest.TextTestResult):
    """Says for each test how long it took."""

    def startTest(self, test):
        self._began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.stream.write(f"({time.monotonic() - self._began:.1f} s) ")
        super().addSuccess(test)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", action="append", metavar="NAME", help="only tests whose name contains NAME")
    parser.add_argument("--counts", metavar="FILE")
    asked = parser.parse_args()
    loader = unittest.TestLoader()
    if asked.k:
        loader.testNamePatterns = [name if "*" in name else f"*{name}*" for name in asked.k]
    suite = loader.discover(str(HERE), top_level_dir=str(HERE))
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = max(0, result.testsRun - failed - len(result.skipped))
    if asked.counts:
        pathlib.Path(asked.counts).write_text(f"{passed} {failed} {len(result.skipped)}\n")
    return 0 if failed == 0 else 1


sys.exit(main())
