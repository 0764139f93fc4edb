"""Datagrams that are forged, replayed, cut or from a stranger, and datagrams that do not pass at all: the network works on."""

import subprocess
import sys

from agreement import NOTHING, ConfigCase, Doing
from lab import wait_until
from peers import PLENTY

# Prints datagrams that pass this host's card, as hexadecimal digits: what a listener on the cable could send again.
LISTEN = """
import socket, sys, time
card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
card.bind(("eth0", 0))
card.settimeout(1)
heard, until = [], time.monotonic() + 20
while len(heard) < 20 and time.monotonic() < until:
    try:
        frame = card.recv(65536)
    except TimeoutError:
        continue
    if frame[23] == 17:
        heard.append(frame[14 + (frame[14] & 15) * 4 + 8:])
for datagram in heard:
    print(datagram.hex())
"""

# Sends COUNT datagrams to ADDRESS, to all PORTS in turn, some 3,000 a second: noise of any size, and what was heard, as it was,
# cut short, changed, and with more behind it.
FLOOD = """
import random, socket, sys, time
address, count = sys.argv[1], int(sys.argv[2])
ports = [int(port) for port in sys.argv[3].split(",")]
heard = [bytes.fromhex(line) for line in sys.stdin.read().split()] or [b"?"]
draw = random.Random(1)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began = time.monotonic()
for number in range(count):
    datagram = bytearray(draw.choice(heard))
    kind = number % 6
    if kind == 0:
        datagram = draw.randbytes(draw.choice([0, 1, 7, 100, 1200, 1472]))
    elif kind == 1:
        datagram = datagram[:draw.randrange(len(datagram) + 1)]
    elif kind == 2 and datagram:
        datagram[draw.randrange(len(datagram))] ^= 1 << draw.randrange(8)
    elif kind == 3:
        datagram += draw.randbytes(500)
    elif kind == 4 and number % 60 == 4:
        datagram = draw.randbytes(60000)
    try:
        out.sendto(datagram, (address, ports[number % len(ports)]))
    except OSError:
        pass
    if number % 30 == 0:
        time.sleep(max(0, began + number / 3000 - time.monotonic()))
print("sent")
"""
FLOOD_COUNT = 18_000


class BadWeatherTests(ConfigCase):
    hosts = 4

    def udp_ports(self, host):
        lines = self.lab.run(host, "cat", "/proc/net/udp", capture_output=True, text=True, check=True).stdout.splitlines()
        return sorted({int(line.split()[1].rpartition(":")[2], 16) for line in lines[1:]})

    def memory(self, peer):
        """Resident bytes."""
        with open(f"/proc/{self.lab.pid(peer.host)}/statm") as file:
            return int(file.read().split()[1]) * 4096

    def all_alive(self, peers):
        return all(member["state"] == "alive" for peer in peers for member in peer.network()["peers"])

    def test_a_flood_of_strange_datagrams_neither_grows_memory_nor_keeps_members_from_anything(self):
        peers = self.council()
        self.settle(*peers)
        target = peers[0]
        answer = target.chat(tokens=24)
        heard = self.lab.run(1, sys.executable, "-c", LISTEN, capture_output=True, text=True, check=True).stdout
        self.assertTrue(heard.strip(), "members speak in datagrams")
        ports = self.udp_ports(1)
        self.assertTrue(ports)
        before = self.memory(target)
        # The stranger is a host without a peer.
        flood = self.lab.popen(4, sys.executable, "-c", FLOOD, self.lab.address(1), FLOOD_COUNT, ",".join(map(str, ports)),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (flood.poll() is None and flood.kill(), flood.communicate()))
        flood.stdin.write(heard)
        flood.stdin.close()
        flood.stdin = None
        changing = Doing(self, lambda: self.change(peers[1]))
        rounds = 0
        while flood.poll() is None:
            self.assert_same_answer(target.chat(tokens=24), answer)
            rounds += 1
        self.assertEqual(flood.returncode, 0)
        self.assertGreater(rounds, 0)
        changing.stop()
        self.change(target)
        wait_until(lambda: self.all_alive(peers), "all are seen alive")
        self.agree(*peers)
        self.assertLess(self.memory(target) - before, 64 << 20)
        # What was heard on the cable carries nobody in.
        self.assertEqual({member["id"] for member in target.show()["peers"]}, {peer.id for peer in peers})

    def test_two_between_whom_no_datagram_passes_see_each_other_alive(self):
        peers = self.council()
        self.lab.datagrams(1, 2, False)
        wait_until(lambda: self.all_alive(peers), "all are seen alive")
        self.holds_on(lambda: self.all_alive(peers), "nobody is suspected for want of datagrams", 8)
        # And where none passes at all, what is to be known travels on links.
        self.lab.datagrams(1, 3, False)
        self.lab.datagrams(2, 3, False)
        self.change(peers[2])
        view = self.agree(*peers)
        self.everyone_has_applied(peers, view["revision"])
        wait_until(lambda: self.all_alive(peers), "all are seen alive without any datagram")
        # Whoever is dead is still found to be.
        gone = peers[2].id
        peers[2].kill()
        wait_until(lambda: any(member["id"] == gone and member["state"] == "unreachable"
                               for member in peers[0].network()["peers"]), "the killed one is missed")
        self.change(peers[1])

    def test_a_peer_that_came_without_datagrams_takes_part(self):
        first = self.peer(1, share=PLENTY)
        first.create()
        for other in (2, 3):
            self.lab.datagrams(1, other, False)
        self.lab.datagrams(2, 3, False)
        peers = [first]
        for host in (2, 3):
            guest = self.peer(host, share=NOTHING)
            guest.join(first.invite("home", "--role", "admin"))
            peers.append(guest)
        self.agree(*peers)
        wait_until(lambda: self.all_alive(peers), "all are seen alive")
