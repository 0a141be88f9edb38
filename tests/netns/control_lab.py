"""Rooms of the labs that change and ask a running router: troupectl as a user calls it."""
import re
import subprocess

from flow_lab import tool
from lab import require, run
from tunnel import Peer, Tunnel, new_key, public_of

EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3


def ctl(tunnel: Tunnel, *words: str, fails: bool = False,
        text: str | None = None) -> subprocess.CompletedProcess[str]:
    return run(tool("troupectl"), "-i", tunnel.name, *words, fails=fails, text=text)


def apply(tunnel: Tunnel, *words: str, interface_extra: str = "") -> str:
    """What the lab has of the tunnel by now."""
    return ctl(tunnel, "apply", *words, str(tunnel.write_toml(interface_extra))).stdout


def refused(tunnel: Tunnel, *words: str) -> str:
    done = ctl(tunnel, *words, fails=True)
    require(done.returncode == EXIT_REFUSED and done.stderr,
            f"troupectl {' '.join(words)} was not refused: {done.returncode}, {done.stderr!r}")
    return done.stderr


def running(tunnel: Tunnel) -> str:
    return ctl(tunnel, "show", "config", "--keys").stdout


def other_peers(count: int) -> list[Peer]:
    return [Peer(public_of(new_key()), [f"10.99.{number}.0/24"]) for number in range(count)]


def kernel_side(tunnel: Tunnel) -> str:
    """Whatever a change may set of the interface."""
    return "".join(re.sub(r"state \S+|valid_lft \S+|preferred_lft \S+", "", tunnel.host.ip(*words))
                   for words in (("-o", "address", "show", "dev", tunnel.name),
                                 ("-4", "route", "show", "dev", tunnel.name),
                                 ("-6", "route", "show", "dev", tunnel.name),
                                 ("-o", "link", "show", "dev", tunnel.name)))
