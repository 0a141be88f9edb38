"""Nobody starves: no reader beside another, no direction, and nothing that TUNNEL does by the
clock.
"""
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from flow_lab import INSIDE, Flow, Pair, at_rest, require_balanced, require_memory, require_no_drops
from flow_traffic import Late, MessageTimes, S, SteadyFlow, note, try_again
from lab import Host, Lab, require
from packets import Train
from traffic import Load, ping
from tunnel import PORT, Peer, Tunnel, endpoint, introduce, new_key, public_of
from wire import DATA, DATA_OVERHEAD, INITIATION, LENGTHS

KEEPALIVE_S = 1
REKEY_TIMEOUT_S = (5.0, 5.334)  # With its jitter.
BEHIND_TIME_S = 0.1
WATCHED_S = 12
ARRIVES = 0.95

# --- The clock


def on_time(lab: Lab) -> None:
    """Keepalives and repeated initiations leave within 100 ms of their time while TCP and a flood
    run at full speed both ways"""
    pair, idle = Pair(lab), lab.host("idle")
    link, _ = lab.link(idle, pair.right.host, ["192.168.79.2/24"], ["192.168.79.1/24"])
    tunnel = Tunnel(lab, idle, "troupe-toml", ["10.66.0.3/24"])
    introduce(pair.right, tunnel, right_endpoint=endpoint("192.168.79.2"))
    pair.right.peers[-1].keepalive = KEEPALIVE_S
    # From this port nobody answers.
    pair.right.peers.append(Peer(public_of(new_key()), ["10.66.0.4/32"],
                                 f"192.168.79.2:{PORT + 1}", keepalive=KEEPALIVE_S))
    tunnel.start()
    pair.start()
    ping(pair.right.host, tunnel.inner())
    before = [at_rest(end) for end in pair.ends]
    with Load(pair.left.host, pair.right.host, INSIDE[1]):
        try_again(lambda: watch_times(idle, link))
    for end, was in zip(pair.ends, before):
        require_no_drops(was, require_balanced(end))
    require_memory(*pair.ends)


def watch_times(host: Host, link: str) -> None:
    with MessageTimes(host, link) as seen:
        time.sleep(WATCHED_S)
    keepalives = seen.pauses_s(DATA, DATA_OVERHEAD)
    initiations = seen.pauses_s(INITIATION, LENGTHS[INITIATION])
    require(keepalives and initiations, f"of messages there were only {seen.times}")
    note(f"{len(keepalives) + 1} keepalives, {min(keepalives):.3f} to {max(keepalives):.3f} s "
         f"apart; {len(initiations) + 1} initiations, {min(initiations):.3f} to "
         f"{max(initiations):.3f} s")
    if (max(keepalives) > KEEPALIVE_S + BEHIND_TIME_S or
            max(initiations) > REKEY_TIMEOUT_S[1] + BEHIND_TIME_S):
        raise Late("something left too late")
    # The tap's stamps are of when each came: one that was late makes the next pause shorter.
    require(min(keepalives) > KEEPALIVE_S - BEHIND_TIME_S and
            min(initiations) > REKEY_TIMEOUT_S[0] - BEHIND_TIME_S, "something left too early")


# --- Readers and directions


def shares(lab: Lab) -> None:
    """A flood through one reader takes nothing from a flow through another, nor from one that comes
    the other way"""
    pair = Pair(lab, settings="[tun]\nqueues = 2").start()
    left, right = pair.left.host, pair.right.host
    before = [at_rest(tunnel) for tunnel in pair.ends]
    with SteadyFlow(left, right, INSIDE[1], per_second=1000) as there, \
            SteadyFlow(right, left, INSIDE[0], per_second=1000) as back:
        busy = busiest_reader(pair.left, seconds=0.5)
        with flood_apart(pair.left, busy):
            try_again(lambda: watch_shares(pair.left, there, back))
    for tunnel, was in zip(pair.ends, before):
        require_no_drops(was, require_balanced(tunnel))
    require_memory(*pair.ends)


def read_by(tunnel: Tunnel) -> dict[str, int]:
    return {stage["actor"]: stage["packets"] for stage in Flow(tunnel).told["stages"]
            if stage["actor"].startswith("tun-reader")}


def busiest_reader(tunnel: Tunnel, seconds: float) -> str:
    before = read_by(tunnel)
    time.sleep(seconds)
    after = read_by(tunnel)
    return max(after, key=lambda name: after[name] - before[name])


@contextlib.contextmanager
def flood_apart(tunnel: Tunnel, busy: str) -> Iterator[None]:
    """A with-block: trains without a pause, all through another reader than the busy one. The
    kernel deals flows out by a hash that is its own, so ports are tried."""
    going, train = True, Train(bytes(40 * 1300), 1300)

    def send(made: socket.socket) -> None:
        while going:
            with contextlib.suppress(OSError):  # Nobody listens there.
                train.send(made)
    for _ in range(64):
        with tunnel.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.connect((INSIDE[1], 9))
            going, thread = True, threading.Thread(target=send, args=(made,))
            thread.start()
            try:
                if busiest_reader(tunnel, seconds=0.1) != busy:
                    yield
                    return
            finally:
                going = False
                thread.join()
    require(False, f"every flow went through {busy}")


def watch_shares(tunnel: Tunnel, there: SteadyFlow, back: SteadyFlow) -> None:
    before, begin = read_by(tunnel), time.time_ns()
    time.sleep(2)
    end, after = time.time_ns(), read_by(tunnel)
    time.sleep(0.2)
    arrived = [flow.share_arrived(begin, end) for flow in (there, back)]
    note(", ".join(f"{name} read {(after[name] - before[name]) / (end - begin) * S / 1e3:.0f} "
                   "thousand packets a second" for name in after) +
         "; there arrived {:.1%}, and back {:.1%}".format(*arrived))
    if min(arrived) < ARRIVES:
        raise Late("something was starved")
