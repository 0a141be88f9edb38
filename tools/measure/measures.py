"""How something is measured: each function takes a connected System and returns figures by name.

Throughput and its cost are of the whole machine: both ends, iperf3 and the kernel share it.
"""
import json
import operator
import os
import re
import statistics
import struct
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import Failure, Host, run, wait_until
from tunnel import endpoint, program

from systems import OUTSIDE, System

Figures = dict[str, float]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
IPERF_PORT = 5201


@dataclass
class Plan:
    """How long each measure takes."""
    seconds: float
    pings: int


def busy_seconds() -> float:
    """CPU time of the machine that was not idle, since it started."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = map(int, fields)
    return (user + nice + system + irq + softirq) / TICKS_PER_S


def context_switches(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        for status in Path("/proc", str(pid), "task").glob("*/status"):
            found = re.findall(r"ctxt_switches:\s+(\d+)", status.read_text(encoding="ascii"))
            total += sum(map(int, found))
    return total


def memory_mib(pids: list[int], which: str) -> float:
    """Of the larger daemon."""
    found = [re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
             for pid in pids]
    return max((int(each[1]) / 1024 for each in found if each), default=0.0)


def rss_mib(pids: list[int]) -> float:
    return memory_mib(pids, "VmRSS")


def peak_rss_mib(pids: list[int]) -> float:
    return memory_mib(pids, "VmHWM")


class Server:
    """A with-block: an iperf3 server on the right host."""

    def __init__(self, system: System, port: int = IPERF_PORT) -> None:
        self.process = system.right.popen("iperf3", "-s", "-p", str(port),
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        system.lab.children.append(self.process)
        wait_until("iperf3 listens", lambda: f":{port} " in system.right.run(
            "ss", "-Hltn").stdout)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def iperf(system: System, *options: str, seconds: float, port: int = IPERF_PORT) -> dict:
    done = system.left.run("iperf3", "-J", "-c", system.target, "-p", str(port), "-t",
                           f"{seconds:g}", *options, fails=True, timeout=seconds + 60)
    answer = json.loads(done.stdout or "{}")
    if "error" in answer or "end" not in answer:
        raise Failure(f"iperf3 {' '.join(options)}: {answer.get('error', done.stderr.strip())}")
    return answer["end"]


def gbit_received(end: dict) -> float:
    octets = end["sum_received"]["bytes"]
    if "sum_received_bidir_reverse" in end:
        octets += end["sum_received_bidir_reverse"]["bytes"]
    return octets * 8 / 1e9


def tcp(system: System, plan: Plan, name: str, *options: str) -> Figures:
    with Server(system):
        iperf(system, *options, seconds=1)  # warm: windows, caches, the handshake
        busy, switches = busy_seconds(), context_switches(system.daemons())
        end = iperf(system, *options, seconds=plan.seconds)
        busy = busy_seconds() - busy
        switches = context_switches(system.daemons()) - switches
    gbit = gbit_received(end)
    figures = {f"{name} Gbit/s": gbit / end["sum_received"]["seconds"],
               f"{name} CPU-s per Gbit": busy / gbit}
    if system.daemons():
        figures[f"{name} switches per MiB"] = switches / (gbit * 1e9 / 8 / (1 << 20))
    return figures


def udp(system: System, plan: Plan, octets: int) -> Figures:
    """As fast as iperf3 sends; what arrives counts."""
    with Server(system):
        busy = busy_seconds()
        end = iperf(system, "-u", "-b", "0", "-l", str(octets), seconds=plan.seconds)["sum"]
        busy = busy_seconds() - busy
    received = end["packets"] - end["lost_packets"]
    return {f"UDP {octets} kpps received": received / end["seconds"] / 1e3,
            f"UDP {octets} CPU-us per packet received": busy / max(received, 1) * 1e6}


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ping_times_us(host: Host, target: str, count: int, interval: float) -> list[float]:
    done = host.run("ping", "-n", "-c", str(count), "-i", f"{interval:g}", target, fails=True,
                    timeout=count * interval + 60)
    return [float(each) * 1000 for each in re.findall(r"time=([\d.]+) ms", done.stdout)]


def round_trips(times: list[float], name: str) -> Figures:
    if not times:
        raise Failure(f"{name}: no ping was answered")
    return {f"{name} p50 us": statistics.median(times), f"{name} p99 us": percentile(times, 99)}


def idle_rtt(system: System, plan: Plan) -> Figures:
    return round_trips(ping_times_us(system.left, system.target, plan.pings, 0.01), "idle RTT")


def loaded_rtt(system: System, plan: Plan, flows: int) -> Figures:
    pings = max(50, plan.pings)
    seconds = pings * 0.01 + 2
    with Server(system), ThreadPoolExecutor(1) as pool:
        load = pool.submit(iperf, system, "-P", str(flows), seconds=seconds)
        time.sleep(1)
        times = ping_times_us(system.left, system.target, pings, 0.01)
        load.result()
    return round_trips(times, f"RTT under TCP x{flows}")


def reordering(system: System, plan: Plan) -> Figures:
    """Numbered datagrams in several flows, as fast as Python sends: how many arrive late."""
    import socket
    flows = 4
    receivers = [system.right.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    senders = [system.left.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    for number, (near, far) in enumerate(zip(senders, receivers)):
        far.bind((system.target, 7000 + number))
        far.settimeout(0.5)
        near.connect((system.target, 7000 + number))

    def receive(far: socket.socket) -> tuple[int, int]:
        newest, late, seen = -1, 0, 0
        try:
            while True:
                number = struct.unpack("!Q", far.recv(2048)[:8])[0]
                late, newest, seen = late + (number < newest), max(newest, number), seen + 1
        except TimeoutError:
            return late, seen

    def send(near: socket.socket) -> None:
        end, number = time.monotonic() + plan.seconds, 0
        while time.monotonic() < end:
            for _ in range(32):
                near.send(struct.pack("!Q", number) + bytes(500 + number % 7 * 100))
                number += 1
            time.sleep(0.001)

    with ThreadPoolExecutor(2 * flows) as pool:
        counts = [pool.submit(receive, far) for far in receivers]
        list(pool.map(send, senders))
        found = [count.result() for count in counts]
    for each in (*senders, *receivers):
        each.close()
    if not sum(seen for _, seen in found):
        raise Failure("no numbered datagram arrived")
    return {"late datagrams of a flow": float(sum(late for late, _ in found))}


def handshakes(system: System, _: Plan) -> Figures:
    """How many a second the right one answers on one processor; few at a time, so that it asks for
    no cookies. The other processor makes the questions."""
    if not system.tunnels:
        return {}
    count, outstanding = 2000, 12
    tool = str(Path(program("troupe")).with_name("handshake-load"))
    answerer = system.tunnels[1]
    lines = []
    for number, key in enumerate(run(tool, "keys", str(count)).stdout.split()):
        lines += ["[Peer]", f"PublicKey = {key}",
                  f"AllowedIPs = 10.200.{number // 256}.{number % 256}/32"]
    answerer.wg("addconf", "/dev/stdin", text="\n".join(lines))
    pid = str(answerer.process.pid)
    run("taskset", "-a", "-p", "-c", "0", pid)
    asked = system.left.run("taskset", "-c", str(min(1, os.cpu_count() - 1)), tool, "run",
                            endpoint(OUTSIDE[1]), answerer.public_key, str(count),
                            str(outstanding), timeout=120)
    run("taskset", "-a", "-p", "-c", f"0-{os.cpu_count() - 1}", pid)
    found = json.loads(asked.stdout)
    if found["answered"] < 0.9 * count:
        raise Failure(f"of {count} handshakes {found['answered']} were answered, "
                      f"{found['cookies']} with a cookie")
    return {"handshakes per s, one core": found["answered"] / found["seconds"]}


def idle_wakeups(system: System, plan: Plan) -> Figures:
    """Of the busier daemon, while the tunnel is up and nothing happens."""
    if not system.daemons():
        return {}
    time.sleep(3)  # what came before has its last timers
    seconds = max(plan.seconds, 5)
    before = [context_switches([pid]) for pid in system.daemons()]
    time.sleep(seconds)
    after = [context_switches([pid]) for pid in system.daemons()]
    return {"idle wake-ups per s": max(map(operator.sub, after, before)) / seconds}


def many_peers(system: System, plan: Plan) -> Figures:
    """What silent peers cost the one that carries, and in memory. They stay, so this comes last."""
    if not system.tunnels:
        return {}
    name = "UDP 200 CPU-us per packet received"
    alone = udp(system, plan, 200)[name]
    rss, figures = rss_mib(system.daemons()), {}
    for count in (100, 10_000):
        added = count - 1 - system.idle_peers
        if added <= 0:  # --peers has asked for more
            continue
        system.add_idle_peers(added)
        figures[f"CPU per packet, {count} peers to 1"] = udp(system, plan, 200)[name] / alone
        rss, before = rss_mib(system.daemons()), rss
        figures[f"KiB per idle peer of {count}"] = (rss - before) * 1024 / added
    return figures


def memory(system: System, _: Plan) -> Figures:
    """The highest that all before it needed."""
    return {"peak RSS MiB": peak_rss_mib(system.daemons())} if system.daemons() else {}


MEASURES: dict[str, Callable[[System, Plan], Figures]] = {
    "tcp1": lambda system, plan: tcp(system, plan, "TCP x1 ->"),
    "tcp1-back": lambda system, plan: tcp(system, plan, "TCP x1 <-", "-R"),
    "tcp1-both": lambda system, plan: tcp(system, plan, "TCP x1 <->", "--bidir"),
    "tcp8": lambda system, plan: tcp(system, plan, "TCP x8 ->", "-P", "8"),
    "tcp8-back": lambda system, plan: tcp(system, plan, "TCP x8 <-", "-P", "8", "-R"),
    "tcp8-both": lambda system, plan: tcp(system, plan, "TCP x8 <->", "-P", "8", "--bidir"),
    "udp200": lambda system, plan: udp(system, plan, 200),
    "udp1400": lambda system, plan: udp(system, plan, 1400),
    "idle-rtt": idle_rtt,
    "rtt-tcp1": lambda system, plan: loaded_rtt(system, plan, 1),
    "rtt-tcp8": lambda system, plan: loaded_rtt(system, plan, 8),
    "order": reordering,
    "idle": idle_wakeups,
    "memory": memory,
    "peers": many_peers,
    "handshakes": handshakes,
}


def machine() -> dict[str, str]:
    """Where the figures were obtained."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    return {"processor": model[1] if model else "unknown", "cpus": str(os.cpu_count()),
            "kernel": os.uname().release,
            "memory": Path("/proc/meminfo").read_text("ascii").split("\n")[0].split(":")[1].strip(),
            "iperf3": run("iperf3", "--version").stdout.splitlines()[0]}
