"""Hosts on one machine: each is a network namespace with a cable to a switch.

A lab has a name. Its switch is a bridge in a namespace of its own, `tiktrue-NAME-switch`; host I is the namespace
`tiktrue-NAME-I` with `eth0` at 10.74.0.I. Nothing outside these namespaces is touched, so several labs stand side by side and
`down` finds all that belongs to one by its name, also after a crash.

A cable can be cut (the link goes down at the switch's side: silence, no reset), slowed (tbf in both directions), and made long
or lossy in the direction away from the host: then tools/lib/cable.c takes its frames from the host's end to the switch.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MULTICAST = "239.0.0.0/8"
HOSTS_MAX = 100

os.environ["PATH"] += ":/usr/sbin:/sbin"


class LabError(Exception):
    """Says in one sentence what could not be done, and why."""


def wait_until(condition, what, seconds=60.0, pause=0.05):
    """Asks until the condition gives something true, and returns that. Never sleeps longer than it must."""
    deadline = time.monotonic() + seconds
    while True:
        last_try = time.monotonic() > deadline
        found = condition()
        if found:
            return found
        if last_try:
            raise LabError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)


def _output(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(words)}` failed: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
    return done.stdout


def _start_time(pid):
    """When a process started, in clock ticks since boot; None where there is none. Tells it from a later one with its number."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_running(process):
    return process is not None and _start_time(process["pid"]) == process["started"] is not None


def cable_program():
    """Compiles the forwarder at first use and after each change of it; returns its path."""
    source = ROOT / "tools/lib/cable.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tiktrue" / "lab"
    program = cache / f"cable-{digest}"
    if not program.exists():
        compiler = next((name for name in ("cc", "clang", "gcc") if shutil.which(name)), None)
        if compiler is None:
            raise LabError("delay and loss need a C compiler: install one (on Debian: apt-get install gcc libc6-dev)")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as fresh:
            pass
        _output(compiler, "-O2", "-o", fresh.name, str(source))
        os.replace(fresh.name, program)
    return str(program)


class Lab:
    def __init__(self, name="lab"):
        if not re.fullmatch(r"[a-z0-9]{1,24}", name):
            raise LabError(f"a lab's name is 1 to 24 small letters and digits, not {name!r}")
        if os.geteuid() != 0:
            raise LabError("a lab needs root, for network namespaces")
        if shutil.which("ip") is None or shutil.which("tc") is None:
            raise LabError("a lab needs ip and tc: apt-get install iproute2")
        self.name = name
        self.prefix = f"tiktrue-{name}-"
        self.switch = self.prefix + "switch"
        self.folder = pathlib.Path(tempfile.gettempdir()) / "tiktrue-lab" / name
        self._state_file = self.folder / "state.json"
        # Processes that this very program started have to be reaped by it.
        self._children = {}

    # -- What stands

    @property
    def state(self):
        try:
            return json.loads(self._state_file.read_text())
        except FileNotFoundError:
            return {"hosts": 0, "cables": {}, "peers": {}}

    def _save(self, state):
        fresh = self._state_file.with_suffix(".new")
        fresh.write_text(json.dumps(state, indent=1))
        os.replace(fresh, self._state_file)

    @property
    def hosts(self):
        return range(1, self.state["hosts"] + 1)

    def namespace(self, host):
        if host not in self.hosts:
            raise LabError(f"lab {self.name} has hosts 1 to {self.state['hosts']}, not {host}" if self.state["hosts"]
                           else f"lab {self.name} is not up: tools/lab up N")
        return f"{self.prefix}{host}"

    @staticmethod
    def address(host):
        return f"10.74.0.{host}"

    def _namespaces(self):
        names = [line.split()[0] for line in _output("ip", "netns", "list").splitlines() if line.strip()]
        return [name for name in names if name.startswith(self.prefix)]

    # -- Up and down

    def up(self, hosts):
        if not 1 <= hosts <= HOSTS_MAX:
            raise LabError(f"a lab has 1 to {HOSTS_MAX} hosts, not {hosts}")
        if self._namespaces():
            raise LabError(f"lab {self.name} is up already: tools/lab --lab {self.name} down")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _output("ip", "netns", "add", self.switch)
            # The switch only passes frames on; it has no address and answers nothing.
            self._write_setting(self.switch, "net/ipv6/conf/all/disable_ipv6", "1")
            _output("ip", "-n", self.switch, "link", "add", "switch", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
            _output("ip", "-n", self.switch, "link", "set", "switch", "up")
            for host in range(1, hosts + 1):
                space = f"{self.prefix}{host}"
                _output("ip", "netns", "add", space)
                _output("ip", "link", "add", "eth0", "netns", space, "type", "veth",
                        "peer", "name", f"host{host}", "netns", self.switch)
                _output("ip", "-n", self.switch, "link", "set", f"host{host}", "master", "switch", "up")
                _output("ip", "-n", space, "link", "set", "lo", "up")
                _output("ip", "-n", space, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
                _output("ip", "-n", space, "link", "set", "eth0", "up")
                _output("ip", "-n", space, "route", "add", MULTICAST, "dev", "eth0")
            self._save({"hosts": hosts, "cables": {}, "peers": {}})
        except BaseException:
            self.down()
            raise
        return self

    @staticmethod
    def _write_setting(space, path, value):
        _output("ip", "netns", "exec", space, "sh", "-c", f"echo {value} > /proc/sys/{path}")

    def down(self):
        """Ends every process on the hosts, and removes them with all they kept. Does so by name: nothing has to be in order."""
        spaces = self._namespaces()
        for space in spaces:
            self._end_processes(space)
        for child in self._children.values():
            child.wait()
        self._children.clear()
        for space in spaces:
            _output("ip", "netns", "delete", space)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _end_processes(space):
        def left():
            pids = [int(word) for word in _output("ip", "netns", "pids", space).split()]
            # What has ended and waits to be reaped is no longer there.
            pids = [pid for pid in pids if _start_time(pid) is not None]
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not pids

        wait_until(left, f"processes in {space} do not end", seconds=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    # -- Programs on hosts

    def on(self, host, *words):
        """The words of a command line that runs on a host."""
        return ["ip", "netns", "exec", self.namespace(host), *map(str, words)]

    def run(self, host, *words, **options):
        """Runs a command on a host to its end; `options` as for subprocess.run."""
        if options.get("input") is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.on(host, *words), **options)

    def popen(self, host, *words, **options):
        return subprocess.Popen(self.on(host, *words), **options)

    # -- Peers. `peer` tells several on one host apart.

    def peer_folder(self, host, peer="peer"):
        return self.folder / str(host) / peer

    def data_dir(self, host, peer="peer"):
        return self.peer_folder(host, peer) / "data"

    def log_file(self, host, peer="peer"):
        return self.peer_folder(host, peer) / "log"

    def log_files(self):
        return sorted(self.folder.glob("*/*/log"))

    def start(self, host, options=(), peer="peer", binary=None):
        """Starts `tiktrue up` on a host, in the background. The data directory stays over restarts; the log grows."""
        binary = binary or os.environ.get("TIKTRUE_BIN") or shutil.which("tiktrue")
        if not binary:
            raise LabError("which tiktrue? Put it into TIKTRUE_BIN or into the search path")
        if is_running(self._peer(host, peer)):
            raise LabError(f"{peer} runs on host {host} already")
        self.peer_folder(host, peer).mkdir(parents=True, exist_ok=True)
        options = list(map(str, options))
        name = [] if "--name" in options else ["--name", f"host-{host}" + ("" if peer == "peer" else f"-{peer}")]
        words = self.on(host, binary, "up", "--data-dir", self.data_dir(host, peer), *name, *options)
        with open(self.log_file(host, peer), "ab") as log:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._children[host, peer] = child
        state = self.state
        # `ip netns exec` becomes the program that it runs, so this is the peer's own number.
        state["peers"][f"{host}/{peer}"] = {"pid": child.pid, "started": _start_time(child.pid)}
        self._save(state)
        return child

    def _peer(self, host, peer="peer"):
        self.namespace(host)
        return self.state["peers"].get(f"{host}/{peer}")

    def is_up(self, host, peer="peer"):
        return is_running(self._peer(host, peer))

    def pid(self, host, peer="peer"):
        """The number of a peer's process."""
        if not self.is_up(host, peer):
            raise LabError(f"no {peer} runs on host {host}")
        return self._peer(host, peer)["pid"]

    def _signal(self, host, peer, number):
        process = self._peer(host, peer)
        if not is_running(process):
            raise LabError(f"no {peer} runs on host {host}")
        os.kill(process["pid"], number)
        return process

    def _reap(self, host, peer, process, seconds):
        wait_until(lambda: not is_running(process), f"{peer} on host {host} does not end", seconds)
        child = self._children.pop((host, peer), None)
        return child.wait() if child else None

    def kill(self, host, peer="peer"):
        """As when the plug is pulled: nothing is said, nothing is saved."""
        self._reap(host, peer, self._signal(host, peer, signal.SIGKILL), seconds=20)

    def stop(self, host, peer="peer"):
        """Asks the peer to end, and returns its exit code where it is known."""
        return self._reap(host, peer, self._signal(host, peer, signal.SIGTERM), seconds=30)

    # -- Cables

    def _cable(self, host):
        self.namespace(host)
        blank = {"cut": False, "rate": 0, "delay": 0, "loss": 0, "seed": 1, "forwarder": None}
        return {**blank, **self.state["cables"].get(str(host), {})}

    def _keep_cable(self, host, cable):
        state = self.state
        state["cables"][str(host)] = cable
        self._save(state)

    def _link(self, space, *words):
        _output("ip", "-n", space, "link", *words)

    def cut(self, host):
        cable = self._cable(host)
        self._link(self.switch, "set", f"host{host}", "down")
        self._keep_cable(host, {**cable, "cut": True})

    def restore(self, host):
        cable = self._cable(host)
        self._link(self.switch, "set", f"host{host}", "up")
        self._keep_cable(host, {**cable, "cut": False})

    def multicast(self, passes):
        """Whether the switch passes multicast on. Broadcast, and with it ARP, always passes."""
        for host in self.hosts:
            port = f"long{host}" if self._cable(host)["forwarder"] else f"host{host}"
            self._link(self.switch, "set", port, "type", "bridge_slave", "mcast_flood", "on" if passes else "off")

    def part(self, *hosts):
        """These hosts no longer reach each other, while all others still reach them; without hosts, all reach all again."""
        for host in self.hosts:
            port = f"long{host}" if self._cable(host)["forwarder"] else f"host{host}"
            self._link(self.switch, "set", port, "type", "bridge_slave", "isolated", "on" if host in hosts else "off")

    def datagrams(self, one, other, pass_on):
        """Whether UDP passes between two hosts, as where a firewall stands between them; TCP and multicast do in any case."""
        for host, sender in ((one, other), (other, one)):
            space = self.namespace(host)
            wall = ("pref", "10", "from", self.address(sender), "ipproto", "udp", "blackhole")
            rules = _output("ip", "-n", space, "rule", "list")
            # Rules are asked before the table of the host's own addresses, which is asked first of all otherwise.
            if "lookup local" in rules.partition("\n")[0]:
                _output("ip", "-n", space, "rule", "add", "pref", "20", "lookup", "local")
                _output("ip", "-n", space, "rule", "delete", "pref", "0")
            stands = f"from {self.address(sender)} ipproto udp blackhole" in rules
            if stands == pass_on:
                _output("ip", "-n", space, "rule", "delete" if pass_on else "add", *wall)

    def carried_bytes(self, host):
        """What the host's card has received and sent so far."""
        lines = self.run(host, "cat", "/proc/net/dev", capture_output=True, text=True, check=True).stdout.splitlines()
        numbers = next(line.split(":")[1].split() for line in lines if line.strip().startswith("eth0:"))
        return int(numbers[0]), int(numbers[8])

    def received_bytes(self, host):
        """What the host's card has received so far."""
        return self.carried_bytes(host)[0]

    def rate(self, host, megabits):
        """Limits the cable in both directions; 0 takes the limit away."""
        cable = self._cable(host)
        for space, device in ((self.namespace(host), "eth0"), (self.switch, f"host{host}")):
            if cable["rate"]:
                _output("tc", "-n", space, "qdisc", "delete", "dev", device, "root")
            if megabits:
                # Enough for 10 ms at that rate, so that the timer's steps do not cost throughput.
                burst = max(32_768, int(megabits * 1e6 / 8 / 100))
                _output("tc", "-n", space, "qdisc", "add", "dev", device, "root", "tbf",
                        "rate", f"{int(megabits * 1000)}kbit", "burst", str(burst), "latency", "200ms")
        self._keep_cable(host, {**cable, "rate": megabits})

    def delay(self, host, milliseconds):
        """Everything that leaves the host arrives so much later; 0 takes the delay away."""
        self._lengthen({**self._cable(host), "delay": milliseconds}, host)

    def loss(self, host, percent, seed=1):
        """So much of what leaves the host never arrives; 0 takes the loss away."""
        if not 0 <= percent <= 100:
            raise LabError(f"loss is 0 to 100 percent, not {percent}")
        self._lengthen({**self._cable(host), "loss": percent, "seed": seed}, host)

    def _lengthen(self, cable, host):
        space, near, far, port = self.namespace(host), f"host{host}", f"far{host}", f"long{host}"
        if is_running(cable["forwarder"]):
            os.kill(cable["forwarder"]["pid"], signal.SIGKILL)
            self._reap(host, "cable", cable["forwarder"], seconds=20)
        needed = cable["delay"] > 0 or cable["loss"] > 0
        program = cable_program()
        if needed and not cable["forwarder"]:
            self._link(self.switch, "add", far, "type", "veth", "peer", "name", port)
            for device, where in (("eth0", space), (port, self.switch), (far, self.switch), (near, self.switch)):
                _output("ip", "netns", "exec", where, program, "offload", device, "off")
            self._link(self.switch, "set", near, "nomaster")
            self._link(self.switch, "set", port, "master", "switch", "up")
            self._link(self.switch, "set", far, "up")
        if not needed and cable["forwarder"]:
            self._link(self.switch, "delete", far)
            self._link(self.switch, "set", near, "master", "switch")
            for device, where in (("eth0", space), (near, self.switch)):
                _output("ip", "netns", "exec", where, program, "offload", device, "on")
        cable["forwarder"] = None
        if needed:
            with open(self.folder / f"cable-{host}.log", "ab") as log:
                child = subprocess.Popen(
                    ["ip", "netns", "exec", self.switch, program, "forward", near, far, str(int(cable["delay"] * 1000)),
                     str(int(cable["loss"] * 10_000)), str(cable["seed"])],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
            with child.stdout:
                if child.stdout.readline() != b"ready\n":
                    raise LabError(f"the forwarder for host {host} did not start: {self.folder}/cable-{host}.log")
            self._children[host, "cable"] = child
            cable["forwarder"] = {"pid": child.pid, "started": _start_time(child.pid)}
        self._keep_cable(host, cable)

    # -- For people

    def describe(self):
        lines = []
        for host in self.hosts:
            cable, prefix = self._cable(host), f"{host}/"
            words = [f"host {host}", self.address(host)]
            words += ["cut"] if cable["cut"] else []
            words += [f"{cable['rate']} Mbit/s"] if cable["rate"] else []
            words += [f"{cable['delay']} ms away"] if cable["delay"] else []
            words += [f"loses {cable['loss']} %"] if cable["loss"] else []
            for key, process in sorted(self.state["peers"].items()):
                if key.startswith(prefix):
                    running = f"runs as {process['pid']}" if is_running(process) else "is not running"
                    words.append(f"{key[len(prefix):]} {running}, data in {self.data_dir(host, key[len(prefix):])}")
            lines.append("  ".join(words))
        return "\n".join(lines) or f"lab {self.name} is not up"

    def lock(self):
        """Held while a command of tools/lab changes this lab, so that two do not do so at once."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open(self.folder.parent / f"{self.name}.lock", "w")
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle
