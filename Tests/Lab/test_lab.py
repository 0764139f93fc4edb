"""The lab itself: what the other tests rely on when they pull cables."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from case import LabCase
from lab import Lab, LabError, is_running, wait_until

# Answers each datagram with its host's number; also hears what is sent to the group.
ECHO = """
import socket, struct, sys
host = int(sys.argv[1])
answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
answers.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
answers.bind(("", 7420))
group = struct.pack("4s4s", socket.inet_aton("239.255.74.20"), socket.inet_aton(f"10.74.0.{host}"))
answers.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print("ready", flush=True)
while True:
    words, sender = answers.recvfrom(65536)
    answers.sendto(b"%d" % host, sender)
"""

# Sends COUNT datagrams one after the other, each awaited for at most a second; prints who answered and the shortest time in
# seconds for there and back.
ASK = """
import json, socket, sys, time
target, count = sys.argv[1], int(sys.argv[2])
asks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asks.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
asks.settimeout(1)
answered, times = [], []
wanted = 2 if target.startswith("239.") else 1
for _ in range(count):
    began = time.monotonic()
    try:
        asks.sendto(b"?" * 1000, (target, 7420))
        for _ in range(wanted):
            answered.append(int(asks.recv(100)))
            times.append(time.monotonic() - began)
    except OSError:
        pass
print(json.dumps({"answered": sorted(answered), "shortest": min(times, default=None)}))
"""


class LabTests(LabCase):
    def setUp(self):
        super().setUp()
        for host in self.lab.hosts:
            echo = self.lab.popen(host, sys.executable, "-c", ECHO, host, stdout=subprocess.PIPE)
            self.addCleanup(echo.wait)
            self.addCleanup(echo.kill)
            self.addCleanup(echo.stdout.close)
            self.assertEqual(echo.stdout.readline(), b"ready\n")

    def ask(self, host, target, count=1):
        done = self.lab.run(host, sys.executable, "-c", ASK, target, count, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_hosts_reach_each_other(self):
        self.assertEqual(self.ask(1, "10.74.0.3")["answered"], [3])
        self.assertEqual(self.ask(3, "10.74.0.2")["answered"], [2])

    def test_multicast_reaches_every_other_host(self):
        self.assertEqual(self.ask(1, "239.255.74.20")["answered"], [2, 3])

    def test_multicast_can_be_blocked_while_unicast_passes(self):
        self.lab.multicast(False)
        self.assertEqual(self.ask(1, "239.255.74.20")["answered"], [])
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [2])
        self.lab.multicast(True)
        self.assertEqual(self.ask(1, "239.255.74.20")["answered"], [2, 3])

    def test_datagrams_can_be_blocked_between_two_hosts_while_all_else_passes(self):
        self.lab.datagrams(1, 2, False)
        self.lab.datagrams(1, 2, False)
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [])
        self.assertEqual(self.ask(2, "10.74.0.1")["answered"], [])
        self.assertEqual(self.ask(1, "10.74.0.3")["answered"], [3])
        self.assertEqual(self.ask(3, "10.74.0.2")["answered"], [2])
        server = self.lab.popen(2, sys.executable, "-c", (
            "import socket\ns = socket.create_server(('', 5000))\nprint('ready', flush=True)\ns.accept()"),
            stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()
        self.lab.run(1, sys.executable, "-c", "import socket\nsocket.create_connection(('10.74.0.2', 5000), timeout=20)",
                     check=True)
        self.lab.datagrams(1, 2, True)
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [2])
        self.assertEqual(self.ask(2, "10.74.0.1")["answered"], [1])

    def test_a_cut_cable_is_silent_and_a_mended_one_works(self):
        self.lab.cut(2)
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [])
        self.assertEqual(self.ask(1, "10.74.0.3")["answered"], [3])
        self.lab.restore(2)
        wait_until(lambda: self.ask(1, "10.74.0.2")["answered"] == [2], "host 2 answers again")

    def test_a_cut_resets_no_connection(self):
        server = self.lab.popen(2, sys.executable, "-c", (
            "import socket\ns = socket.create_server(('', 5000))\nprint('ready', flush=True)\n"
            "c, _ = s.accept()\nwhile (words := c.recv(10)): c.sendall(words)"), stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()
        client = self.lab.popen(1, sys.executable, "-c", (
            "import socket, sys\nc = socket.create_connection(('10.74.0.2', 5000))\n"
            "for line in sys.stdin:\n  c.sendall(line.encode())\n  print(c.recv(10).decode(), end='', flush=True)"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.stdin.close)

        def say(word):
            client.stdin.write(word + "\n")
            client.stdin.flush()

        say("a")
        self.assertEqual(client.stdout.readline(), "a\n")
        self.lab.cut(2)
        say("b")
        self.lab.restore(2)
        self.assertEqual(client.stdout.readline(), "b\n")

    def test_a_delay_is_added_in_one_direction(self):
        self.lab.delay(1, 40)
        there_and_back = self.ask(1, "10.74.0.2", 5)
        self.assertEqual(there_and_back["answered"], [2] * 5)
        self.assertGreaterEqual(there_and_back["shortest"], 0.040)
        # Both ways: what host 2 sends is delayed as well.
        self.lab.delay(2, 40)
        self.assertGreaterEqual(self.ask(1, "10.74.0.2", 5)["shortest"], 0.080)

    def test_a_delay_can_be_taken_away(self):
        self.lab.delay(1, 400)
        self.lab.delay(1, 0)
        answer = self.ask(1, "10.74.0.2", 5)
        self.assertEqual(answer["answered"], [2] * 5)
        self.assertLess(answer["shortest"], 0.4)

    def test_full_loss_drops_all_and_can_be_taken_away(self):
        self.lab.loss(1, 100)
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [])
        self.lab.loss(1, 0)
        self.assertEqual(self.ask(1, "10.74.0.2")["answered"], [2])

    def test_half_loss_drops_about_half_and_keeps_the_order(self):
        # Neighbours are looked up beforehand, so that only the datagrams pass the lossy cable.
        sends = (
            "import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "for number in range(200): s.sendto(b'%d' % number, ('10.74.0.2', 5001))")
        hears = (
            "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 5001))\n"
            "print('ready', flush=True)\ns.settimeout(1)\nheard = []\ntry:\n"
            "  while True: heard.append(int(s.recv(100)))\nexcept TimeoutError: print(heard)")

        self.ask(1, "10.74.0.2")
        hardware = self.lab.run(2, "cat", "/sys/class/net/eth0/address", capture_output=True, text=True).stdout.strip()
        self.lab.run(1, "ip", "neighbour", "replace", "10.74.0.2", "lladdr", hardware, "dev", "eth0", "nud", "permanent",
                     check=True)
        self.lab.loss(1, 50, seed=7)
        with self.lab.popen(2, sys.executable, "-c", hears, stdout=subprocess.PIPE, text=True) as listener:
            listener.stdout.readline()
            self.lab.run(1, sys.executable, "-c", sends, check=True)
            numbers = json.loads(listener.stdout.read())
        self.assertTrue(60 < len(numbers) < 140, numbers)
        self.assertEqual(numbers, sorted(numbers))

    def test_large_transfers_pass_a_long_cable_unharmed(self):
        self.lab.delay(1, 5)
        server = self.lab.popen(2, sys.executable, "-c", (
            "import socket, hashlib\ns = socket.create_server(('', 5000))\nprint('ready', flush=True)\n"
            "c, _ = s.accept()\nh = hashlib.sha256()\nwhile (words := c.recv(1 << 20)): h.update(words)\nprint(h.hexdigest())"),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()
        sent = self.lab.run(1, sys.executable, "-c", (
            "import socket, hashlib\nwords = bytes(i * i % 251 for i in range(1 << 16)) * 128\n"
            "c = socket.create_connection(('10.74.0.2', 5000))\nc.sendall(words)\nprint(hashlib.sha256(words).hexdigest())"),
            capture_output=True, text=True, timeout=60)
        self.assertEqual(server.stdout.readline(), sent.stdout)

    def test_a_rate_slows_a_transfer(self):
        self.lab.rate(1, 20)
        server = self.lab.popen(2, sys.executable, "-c", (
            "import socket\ns = socket.create_server(('', 5000))\nprint('ready', flush=True)\n"
            "c, _ = s.accept()\nwhile c.recv(1 << 20): pass\nc.sendall(b'.')"), stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()
        began = time.monotonic()
        self.lab.run(1, sys.executable, "-c", (
            "import socket\nc = socket.create_connection(('10.74.0.2', 5000))\nc.sendall(bytes(2_500_000))\n"
            "c.shutdown(socket.SHUT_WR)\nc.recv(1)"), check=True, timeout=60)
        # 20 Mbit take a second at 20 Mbit/s; what the burst lets through at once is allowed for.
        self.assertGreater(time.monotonic() - began, 0.9)


class LabUpAndDownTests(unittest.TestCase):
    def setUp(self):
        self.lab = Lab(f"u{os.getpid()}")
        self.addCleanup(self.lab.down)

    def test_down_ends_what_runs_on_the_hosts_and_leaves_nothing(self):
        self.lab.up(2)
        self.lab.delay(1, 1)
        sleeper = self.lab.popen(1, "sleep", "600")
        self.lab.down()
        self.assertEqual(sleeper.wait(timeout=30), -signal.SIGKILL)
        spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        self.assertNotIn(self.lab.prefix, spaces)
        self.assertFalse(self.lab.folder.exists())

    def test_down_cleans_up_without_its_notes(self):
        self.lab.up(2)
        (self.lab.folder / "state.json").unlink()
        self.lab.down()
        self.lab.up(1)

    def test_two_labs_do_not_hear_each_other(self):
        other = Lab(f"v{os.getpid()}")
        self.addCleanup(other.down)
        self.lab.up(2)
        other.up(2)
        ears = other.popen(2, sys.executable, "-c", (
            "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 5001))\n"
            "print('ready', flush=True)\nprint(s.recv(10))"), stdout=subprocess.PIPE, text=True)
        self.addCleanup(ears.stdout.close)
        ears.stdout.readline()
        send = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'%s', ('10.74.0.2', 5001))"
        self.lab.run(1, sys.executable, "-c", send % "here", check=True)
        other.run(1, sys.executable, "-c", send % "there", check=True)
        self.assertEqual(ears.stdout.readline(), "b'there'\n")

    def test_a_second_up_is_refused(self):
        self.lab.up(1)
        self.assertRaises(LabError, self.lab.up, 1)

    def test_a_peer_is_started_killed_stopped_and_started_again(self):
        program = self.lab.folder.with_suffix(".sh")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\necho up \"$@\"\nexec sleep 600\n")
        program.chmod(0o755)
        self.addCleanup(program.unlink)
        self.lab.up(1)
        self.lab.start(1, ["--seed", "10.74.0.2:7420"], binary=program)
        self.assertTrue(self.lab.is_up(1))

        def starts():
            return self.lab.log_file(1).read_text().count("--data-dir")

        wait_until(lambda: starts() == 1, "the first start is in the log")
        self.assertRaises(LabError, self.lab.start, 1, binary=program)
        self.lab.kill(1)
        self.assertFalse(self.lab.is_up(1))
        self.lab.start(1, binary=program)
        wait_until(lambda: starts() == 2, "the log goes on after the first start")
        self.assertEqual(self.lab.stop(1), -signal.SIGTERM)
        self.assertFalse(is_running(self.lab.state["peers"]["1/peer"]))


if __name__ == "__main__":
    unittest.main()
