"""Who is not of the network learns nothing, and identities are kept close."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from peers import PLENTY, PROGRAM, PeerCase

# Connects and waits for whatever the peer says to it; prints how that ended. `bytes N` would be N bytes of frames.
CONNECT = """
import socket, ssl, sys
host, port, protocol, certificate = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if len(sys.argv) > 5:
    context.maximum_version = getattr(ssl.TLSVersion, sys.argv[5])
if protocol:
    context.set_alpn_protocols([protocol])
if certificate:
    context.load_cert_chain(certificate)
try:
    with socket.create_connection((host, port), timeout=20) as plain, context.wrap_socket(plain) as link:
        # A hello's prefix that announces more than follows: enough to be read by a careless peer, too little to be one.
        link.sendall(bytes([0, 0, 0, 9, 0]))
        words = link.recv(65536)
        print("bytes", len(words))
except TimeoutError:
    print("silence")
except (ssl.SSLError, OSError) as error:
    print("refused", error)
"""


class StrangerTests(PeerCase):
    hosts = 2

    def setUp(self):
        super().setUp()
        self.member = self.peer(1, share=PLENTY)
        self.member.create()

    def connect(self, protocol="tiktrue/1", certificate="", *limits):
        host, _, port = self.member.address.rpartition(":")
        done = self.lab.run(2, sys.executable, "-c", CONNECT, host, port, protocol, certificate, *limits,
                            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def certificate(self, kind):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("openssl is missing: apt-get install openssl")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", key, "-out", certificate,
                        "-subj", "/CN=stranger", "-days", "2"], check=True, capture_output=True)
        both = f"{folder}/both.pem"
        pathlib.Path(both).write_text(pathlib.Path(key).read_text() + pathlib.Path(certificate).read_text())
        return both

    def assert_refused(self, how_it_ended):
        # An orderly end without a word is a refusal too.
        self.assertTrue(how_it_ended.startswith("refused") or how_it_ended == "bytes 0", how_it_ended)

    def test_without_a_certificate_nothing_is_said(self):
        self.assert_refused(self.connect())
        self.assert_refused(self.connect(protocol="tiktrue-join/1"))

    def test_a_certificate_of_nobody_in_the_roster_is_refused(self):
        self.assert_refused(self.connect(certificate=self.certificate(["ed25519"])))

    def test_a_certificate_of_another_kind_is_refused_even_to_ask_for_admission(self):
        other = self.certificate(["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        self.assert_refused(self.connect(certificate=other))
        self.assert_refused(self.connect("tiktrue-join/1", other))

    def test_older_tls_is_refused(self):
        self.assert_refused(self.connect("tiktrue/1", self.certificate(["ed25519"]), "TLSv1_2"))

    def test_a_connection_that_says_nothing_is_closed(self):
        host, _, port = self.member.address.rpartition(":")
        wait = ("import socket, sys\nlink = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=45)\n"
                "try: print(len(link.recv(10)))\nexcept ConnectionError: print(0)")
        done = self.lab.run(2, sys.executable, "-c", wait, host, port, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.strip(), "0", done.stderr)

    def test_the_peer_serves_on_after_all_of_that(self):
        for _ in range(3):
            self.connect()
        guest = self.peer(2, share=PLENTY)
        guest.join(self.member.invite())
        self.settle(self.member, guest)


class IdentityTests(PeerCase):
    hosts = 1

    def test_the_key_is_the_owners_alone_and_refused_when_others_can_read_it(self):
        peer = self.peer(1, share=PLENTY)
        before = peer.id
        key = peer.data_dir / "identity.key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        peer.stop()
        key.chmod(0o644)
        done = self.lab.run(1, PROGRAM, "up", "--data-dir", peer.data_dir, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("identity.key", done.stderr)
        key.chmod(0o600)
        peer.up_again()
        self.assertEqual(peer.id, before)

    def test_one_data_directory_serves_one_peer_at_a_time(self):
        peer = self.peer(1, share=PLENTY)
        done = self.lab.run(1, PROGRAM, "up", "--data-dir", peer.data_dir, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        peer.do("status")
