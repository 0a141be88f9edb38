#!/usr/bin/env python3
"""The data path of a running router takes another shape: more and fewer TUN queues and UDP SENDERs,
offloads off and on, other socket options. The pair is flow_lab.py's.
"""
import contextlib
import os
import re
from pathlib import Path

from control_lab import apply, refused
from flow_lab import INSIDE, Pair, ask
from flow_traffic import note
from lab import Lab, Scenario, main, require, scenario, wait_until
from traffic import Load, ping
from tunnel import Tunnel

ROUNDS = 3
BUFFER = 300_000
# `tun.queues`, `udp.senders`, and whether packets are joined.
SHAPES = ((4, 1, True), (4, 3, True), (2, 2, False), (1, 3, True), (1, 1, True))


def shape_toml(queues: int, senders: int, joined: bool) -> str:
    on = str(joined).lower()
    return (f"[tun]\nqueues = {queues}\noffload = {on}\n"
            f"[udp]\nsenders = {senders}\ngso = {on}\ngro = {on}\n")


def threads(tunnel: Tunnel) -> list[str]:
    """Those that come and go."""
    names = []
    for task in Path(f"/proc/{tunnel.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # It has just ended.
            names.append((task / "comm").read_text("ascii").strip())
    return sorted(name for name in names if re.match(r"tun-(reader|writer)/|udp-sender/", name))


def threads_of(queues: int, senders: int) -> list[str]:
    return sorted([f"{kind}/{number}" for kind in ("tun-reader", "tun-writer")
                   for number in range(queues)] +
                  [f"udp-sender/{number}" for number in range(senders)])


def require_joining(tunnel: Tunnel, joined: bool) -> None:
    for told in ask(tunnel, "status")["offloads"]:
        require((told["state"] == "on") == joined, f"it should be {joined}: {told}")


def reshaped_under_load(lab: Lab) -> None:
    """Queues, senders, offloads and buffers change under load: no session ends, no connection
    breaks, and no thread or descriptor is left behind"""
    pair = Pair(lab).start()
    left, right = pair.left, pair.right
    apply(left, interface_extra=shape_toml(*SHAPES[-1]))
    before, opened = left.peer_state(right), len(os.listdir(f"/proc/{left.process.pid}/fd"))
    with Load(left.host, right.host, INSIDE[1]):
        for queues, senders, joined in ROUNDS * SHAPES:
            moved = left.peer_state(right)
            apply(left, interface_extra=shape_toml(queues, senders, joined))
            wait_until(f"{queues} queues and {senders} senders have threads",
                       lambda: threads(left) == threads_of(queues, senders))
            require_joining(left, joined)
            wait_until("the load goes on", lambda: carried(left, right) >
                       moved.tx_bytes + moved.rx_bytes + (1 << 20))
    ping(left.host, INSIDE[1])
    require(left.peer_state(right).latest_handshake == before.latest_handshake,
            "there was another handshake")
    wait_until(f"there are {opened} descriptors again",
               lambda: len(os.listdir(f"/proc/{left.process.pid}/fd")) == opened)
    note(f"{ROUNDS * len(SHAPES)} shapes in one session")


def carried(tunnel: Tunnel, other: Tunnel) -> int:
    state = tunnel.peer_state(other)
    return state.tx_bytes + state.rx_bytes


def buffers(lab: Lab) -> None:
    """The sockets' buffers follow the configuration, and what is taken away is as it was"""
    left = Pair(lab).start().left
    standard = socket_memory(left)
    apply(left, interface_extra=f"[udp]\nreceive_buffer = {BUFFER}\nsend_buffer = {BUFFER}\n")
    require(socket_memory(left) == {(2 * BUFFER, 2 * BUFFER)}, f"they are {socket_memory(left)}")
    apply(left)
    require(socket_memory(left) == standard, f"{standard} became {socket_memory(left)}")
    ping(left.host, INSIDE[1])


def socket_memory(tunnel: Tunnel) -> set[tuple[int, int]]:
    """Of its UDP sockets: how much may wait to be received, and to be sent."""
    said = tunnel.host.run("ss", "-uanm", f"sport = :{tunnel.listen_port}").stdout
    return {(int(receive), int(send)) for receive, send in
            re.findall(r"rb(\d+).*?tb(\d+)", said)}


def refused_shape(lab: Lab) -> None:
    """A queue that the device does not give leaves everything as it was"""
    left = Pair(lab).start().left
    before = threads(left)
    said = refused(left, "apply", str(left.write_toml("[tun]\nqueues = 17\n")))
    require("queues" in said, f"it said {said!r}")
    require(threads(left) == before, f"{before} became {threads(left)}")
    ping(left.host, INSIDE[1])


def scenarios() -> list[Scenario]:
    return [scenario(each) for each in (reshaped_under_load, buffers, refused_shape)]


if __name__ == "__main__":
    main(scenarios())
