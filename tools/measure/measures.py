"""How something is measured: each function takes a connected System and returns figures by name.

Throughput and its cost are of the whole machine: both ends, iperf3 and the kernel share it.
"""
import contextlib
import itertools
import json
import math
import multiprocessing
import operator
import os
import random
import re
import socket
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import Failure, Host, require, run, wait_until
from tunnel import endpoint, program

from systems import OUTSIDE, System

Figures = dict[str, float]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
IPERF_PORT = 5201
UDP_SEGMENT = 103  # <linux/udp.h>
TRAIN_DATAGRAMS_MAX = 64
TRAIN_OCTETS_MAX = 65_000
TRAIN_SIZES = (64, 200, 500, 900, 1300, 1392)  # the last fills the tunnel's usual MTU, 1420
# KEEPALIVE_TIMEOUT and REKEY_TIMEOUT are 15 s together: no timer of past traffic is left then.
QUIET_S = 16.0


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


def own_seconds(pids: list[int]) -> float:
    """CPU time of the daemons alone, which the kernel counts finer than that of the machine."""
    tasks = [task for pid in pids for task in Path("/proc", str(pid), "task").iterdir()]
    return sum(int(task.joinpath("schedstat").read_text("ascii").split()[0])
               for task in tasks) / 1e9


def context_switches(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        for status in Path("/proc", str(pid), "task").glob("*/status"):
            found = re.findall(r"ctxt_switches:\s+(\d+)", status.read_text(encoding="ascii"))
            total += sum(map(int, found))
    return total


def memory_kib(pids: list[int], which: str) -> list[int]:
    """Of each daemon: VmRSS what it has now, VmHWM the most it had."""
    texts = [Path(f"/proc/{pid}/status").read_text("ascii") for pid in pids]
    return [int(text.split(f"{which}:")[1].split()[0]) for text in texts]


@contextlib.contextmanager
def server(system: System) -> Iterator[None]:
    """A with-block: an iperf3 server on the right host."""
    process = system.right.popen("iperf3", "-s", "-p", str(IPERF_PORT),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("iperf3 listens", lambda: f":{IPERF_PORT} " in system.right.run(
            "ss", "-Hltn").stdout)
        yield
    finally:
        process.kill()
        process.wait()


def iperf(system: System, *options: str, seconds: float) -> dict:
    """For whole seconds: iperf3 cuts what is less, and takes 0 for ever."""
    done = system.left.run("iperf3", "-J", "-c", system.target, "-p", str(IPERF_PORT), "-t",
                           str(math.ceil(seconds)), *options, fails=True, timeout=seconds + 60)
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
    with server(system):
        iperf(system, *options, seconds=1)  # warm: windows, caches, the handshake
        busy, switches = busy_seconds(), context_switches(system.daemons())
        end = iperf(system, *options, seconds=plan.seconds)
        busy = busy_seconds() - busy
        switches = context_switches(system.daemons()) - switches
    gbit = gbit_received(end)
    require(gbit > 0, f"{name}: nothing arrived")
    figures = {f"{name} Gbit/s": gbit / end["sum_received"]["seconds"],
               f"{name} CPU-s per Gbit": busy / gbit}
    if system.daemons():
        figures[f"{name} switches per MiB"] = switches / (gbit * 1e9 / 8 / (1 << 20))
    return figures


def udp(system: System, plan: Plan, octets: int) -> Figures:
    """As fast as iperf3 sends; what arrives counts."""
    with server(system):
        busy, own = busy_seconds(), own_seconds(system.daemons())
        end = iperf(system, "-u", "-b", "0", "-l", str(octets), seconds=plan.seconds)
        own = own_seconds(system.daemons()) - own
        busy = busy_seconds() - busy
    received = end["sum_received"]["bytes"] / octets
    require(received > 0, f"UDP {octets}: nothing arrived")
    figures = {f"UDP {octets} kpps received": received / end["sum_received"]["seconds"] / 1e3,
               f"UDP {octets} CPU-us per packet received": busy / received * 1e6}
    if system.daemons():
        figures[f"UDP {octets} daemons' CPU-us per packet"] = own / received * 1e6
    return figures


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ping_times_us(host: Host, target: str, count: int, interval: float) -> list[float]:
    done = host.run("ping", "-n", "-c", str(count), "-i", f"{interval:g}", target, fails=True,
                    timeout=count * interval + 60)
    return [float(each) * 1000 for each in re.findall(r"time=([\d.]+) ms", done.stdout)]


def round_trips(times: list[float], pings: int, name: str) -> Figures:
    """Of the pings that were answered, and how many were not."""
    require(times, f"{name}: no ping was answered")
    return {f"{name} p50 us": statistics.median(times), f"{name} p99 us": percentile(times, 99),
            f"{name} lost %": 100 * (1 - len(times) / pings)}


def idle_rtt(system: System, plan: Plan) -> Figures:
    times = ping_times_us(system.left, system.target, plan.pings, 0.01)
    return round_trips(times, plan.pings, "idle RTT")


def loaded_rtt(system: System, plan: Plan, flows: int) -> Figures:
    pings = max(50, plan.pings)
    seconds = pings * 0.01 + 2
    with server(system), ThreadPoolExecutor(1) as pool:
        load = pool.submit(iperf, system, "-P", str(flows), seconds=seconds)
        time.sleep(1)
        times = ping_times_us(system.left, system.target, pings, 0.01)
        load.result()
    return round_trips(times, pings, f"RTT under TCP x{flows}")


def send_train(near: socket.socket, train: memoryview, size: int) -> None:
    try:
        near.sendmsg([train], [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))])
    except OSError:  # before Linux 6.11 a link without checksum offload takes no trains
        for at in range(0, len(train), size):
            near.send(train[at:at + size])


def send_numbered(near: socket.socket, seconds: float, seed: int) -> None:
    """Trains that the kernel takes as one super-datagram, of sizes and lengths that vary, and with
    a shorter datagram at their end: all that a tunnel has to split and may join."""
    chance, numbers = random.Random(seed), itertools.count()
    buffer = bytearray(TRAIN_OCTETS_MAX)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        size = chance.choice(TRAIN_SIZES)
        datagrams = chance.randint(1, min(TRAIN_DATAGRAMS_MAX, TRAIN_OCTETS_MAX // size))
        for place in range(datagrams):
            struct.pack_into("!Q", buffer, place * size, next(numbers))
        octets = (datagrams - 1) * size + chance.randint(8, size)
        send_train(near, memoryview(buffer)[:octets], size)
        time.sleep(0.0005)  # else the senders take the processors, and fewer datagrams arrive


def receive_numbered(far: socket.socket, seconds: float) -> tuple[int, int]:
    """How many came until, after that time, no more did; and how many of them late, or twice."""
    newest, seen, late = -1, 0, 0
    buffer = bytearray(2048)
    far.settimeout(0.5)
    end = time.monotonic() + seconds
    while True:
        try:
            far.recv_into(buffer)
        except TimeoutError:
            if time.monotonic() > end:
                return seen, late
            continue
        number, = struct.unpack_from("!Q", buffer)
        seen, late, newest = seen + 1, late + (number <= newest), max(newest, number)


def connected_sockets(source: Host, target: Host, address: str,
                      port: int) -> tuple[socket.socket, socket.socket]:
    near = source.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far = target.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.bind((address, port))
    near.connect((address, port))
    return near, far


def reordering(system: System, plan: Plan) -> Figures:
    """Two flows each way, all at once; each end is a process, or Python would not load a tunnel."""
    ways = [(system.left, system.right, system.target), (system.right, system.left, system.near)]
    flows = [connected_sockets(*way, 7000 + number) for number, way in enumerate(ways * 2)]
    with ProcessPoolExecutor(2 * len(flows), multiprocessing.get_context("fork")) as pool:
        counts = [pool.submit(receive_numbered, far, plan.seconds) for _, far in flows]
        sent = [pool.submit(send_numbered, near, plan.seconds, seed)
                for seed, (near, _) in enumerate(flows)]
        found = [each.result() for each in (*counts, *sent)][:len(counts)]
    for each in itertools.chain(*flows):
        each.close()
    require(all(seen for seen, _ in found), "of a flow no numbered datagram arrived")
    return {"late datagrams of a flow": float(sum(late for _, late in found)),
            "datagrams checked for order": float(sum(seen for seen, _ in found))}


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
    time.sleep(QUIET_S)
    seconds = max(plan.seconds, 5)
    before = [context_switches([pid]) for pid in system.daemons()]
    time.sleep(seconds)
    after = [context_switches([pid]) for pid in system.daemons()]
    return {"idle wake-ups per s": max(map(operator.sub, after, before)) / seconds}


def own_cost_us(system: System, plan: Plan) -> float:
    """Of a packet, without iperf3 and in the middle of short runs, or noise hides that of peers."""
    short = Plan(plan.seconds / 2, plan.pings)
    return statistics.median(udp(system, short, 200)["UDP 200 daemons' CPU-us per packet"]
                             for _ in range(5))


def many_peers(system: System, plan: Plan) -> Figures:
    """What silent peers cost the one that carries, and in memory. They stay, so this comes last."""
    if not system.tunnels:
        return {}
    alone, figures = own_cost_us(system, plan), {}
    for count in (100, 10_000):
        added = count - 1 - system.idle_peers
        if added <= 0:  # --peers has asked for more
            continue
        before = memory_kib(system.daemons(), "VmRSS")
        system.add_idle_peers(added)
        after = memory_kib(system.daemons(), "VmRSS")
        figures[f"KiB per idle peer of {count}"] = max(map(operator.sub, after, before)) / added
        figures[f"daemons' CPU per packet, {count} peers to 1"] = own_cost_us(system, plan) / alone
    return figures


def memory(system: System, _: Plan) -> Figures:
    """The highest that all before it needed."""
    if not system.daemons():
        return {}
    return {"peak RSS MiB": max(memory_kib(system.daemons(), "VmHWM")) / 1024}


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
    tree = run("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty",
               fails=True).stdout.strip()
    return {"processor": model[1] if model else "unknown", "cpus": str(os.cpu_count()),
            "kernel": os.uname().release,
            "memory": Path("/proc/meminfo").read_text("ascii").split("\n")[0].split(":")[1].strip(),
            "iperf3": run("iperf3", "--version").stdout.splitlines()[0],
            "source tree": f"{tree or 'unknown'}, which the programs need not be built from"}
