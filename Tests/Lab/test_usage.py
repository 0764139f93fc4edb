"""Wrong usage ends with 2 and shows the right usage; a failure ends with 1 and says in one sentence why and what to do."""

import os
import subprocess
import tempfile
import unittest

from peers import MODEL, PROGRAM

WRONG = {
    "": ["", "bogus", "--bogus"],
    "up": ["up --share-memory plenty", "up --listen nowhere", "up --seed nowhere", "up --threads 0", "up here"],
    "status": ["status --bogus", "status here"],
    "network": ["network", "network bogus"],
    "network create": ["network create", "network create home", "network create --model m"],
    "network discover": ["network discover home"],
    "network join": ["network join", "network join a b"],
    "network invite": ["network invite", "network invite home --role king", "network invite home --valid-hours 0"],
    "network list": ["network list home"],
    "network show": ["network show"],
    "network leave": ["network leave"],
    "model": ["model", "model bogus"],
    "model add": ["model add", "model add a b"],
    "model list": ["model list a"],
    "model show": ["model show"],
    "peer": ["peer bogus"],
    "peer list": ["peer list --bogus"],
    "chat": ["chat --temperature hot", "chat --temperature -1", "chat --max-tokens 0", "chat --top-p 2", "chat --top-k -1",
             "chat --seed x", "chat --session short", "chat hello"],
    "bench": ["bench --threads 0", "bench --threads x", "bench --decode 0"],
}

NEED_A_PEER = ["status", "network create home --model m", "network discover", "network invite home", "network list",
               "network show home", "network leave home", "model list", "model show m", "peer list", "chat --prompt Hello"]


@unittest.skipUnless(PROGRAM, "TIKTRUE_BIN does not say which program to test")
class UsageTests(unittest.TestCase):
    def setUp(self):
        # An empty home: nothing of the person's own is met.
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.environment = {**os.environ, "HOME": home.name, "XDG_DATA_HOME": home.name, "XDG_CACHE_HOME": home.name}

    def run_words(self, words):
        return subprocess.run([PROGRAM, *words.split()], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment, timeout=60)

    def test_wrong_usage_ends_with_2_and_shows_the_usage_of_that_very_command(self):
        for command, cases in WRONG.items():
            for words in cases:
                with self.subTest(words):
                    done = self.run_words(words)
                    self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                    self.assertEqual(done.stdout, "")
                    self.assertRegex(done.stderr, rf"(?i)usage: tiktrue {command}".rstrip())

    def test_help_ends_with_0_and_goes_to_standard_output(self):
        for command in WRONG:
            with self.subTest(command):
                done = self.run_words(f"{command} --help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"tiktrue {command}".rstrip(), done.stdout)
                self.assertEqual(done.stderr, "")

    def test_without_a_running_peer_one_sentence_says_how_to_start_it(self):
        for words in NEED_A_PEER + [f"model add {MODEL}"]:
            with self.subTest(words):
                done = self.run_words(words)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertIn("tiktrue up", done.stderr)

    def test_json_is_not_disturbed_by_a_failure(self):
        done = self.run_words("status --json")
        self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_a_missing_model_is_named_where_bench_cannot_find_it(self):
        done = self.run_words("bench --model nowhere.gguf")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("nowhere.gguf", done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
