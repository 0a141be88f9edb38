// Every bound of the program, with its reason: the protocol's figures, and the sum that bounds the
// memory. Names in the first half are those of the WireGuard whitepaper.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace troupe::limits {

using namespace std::chrono_literals;

// --- The protocol: whitepaper section 6, and what the kernel adds to it -------------------------

inline constexpr auto rekey_after_time = 120s;
inline constexpr auto reject_after_time = 180s;
inline constexpr auto rekey_attempt_time = 90s;
inline constexpr auto rekey_timeout = 5s;
inline constexpr auto keepalive_timeout = 10s;
/// Added to rekey_timeout at random, so that peers which lost a link together do not retry
/// together.
inline constexpr auto rekey_timeout_jitter_max = 333ms;
inline constexpr std::uint64_t rekey_after_messages = std::uint64_t{1} << 60;
inline constexpr std::uint64_t reject_after_messages =
    std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 13);
/// The responder's data may still keep the initiator's session busy: the initiator, on receiving,
/// renews while there is time for one lost handshake before reject_after_time.
inline constexpr auto rekey_on_receive_after_time =
    reject_after_time - keepalive_timeout - rekey_timeout;
/// Data unanswered for so long starts a new handshake.
inline constexpr auto new_handshake_time = keepalive_timeout + rekey_timeout;
/// Sessions, handshake and their keys are wiped when nothing has renewed them.
inline constexpr auto zero_key_material_time = 3 * reject_after_time;
inline constexpr int handshake_attempts_max = rekey_attempt_time / rekey_timeout;
/// Section 5.1: at most one initiation of a peer is consumed in such a time.
inline constexpr auto initiation_interval_min = 20ms;
inline constexpr std::size_t padding_multiple = 16;
/// RFC 6479: bits kept; one word is always being cleared, so 8128 packets may be late.
inline constexpr std::size_t replay_window_bits = 8192;

inline constexpr auto cookie_secret_time = 120s;
/// A client stops using a cookie a little earlier, since its clock began a little later.
inline constexpr auto cookie_use_time = cookie_secret_time - 5s;

static_assert(rekey_after_time < rekey_on_receive_after_time);
static_assert(rekey_on_receive_after_time < reject_after_time);
static_assert(rekey_after_messages < reject_after_messages);

// --- Handshakes: bounded work, whoever asks for it ---------------------------------------------

/// Handshake jobs that may be out at once. At about 100 us each one core works them off in 50 ms,
/// well under the 5 s after which a peer asks again.
inline constexpr std::size_t handshake_jobs_max = 512;
/// Received initiations waiting at which the tunnel counts as under load (kernel: an eighth).
inline constexpr std::size_t under_load_backlog = handshake_jobs_max / 8;
/// Under load is held, so that the answer does not flap between packets of one flood.
inline constexpr auto under_load_hold = 1s;
/// Initiations of one IPv4 address or IPv6 /64 that may be waiting before it must show a cookie,
/// load or not: peers behind one address translator may come together, and no source alone brings
/// us under load, which would ask a cookie of everybody.
inline constexpr std::size_t initiations_per_source_max = under_load_backlog / 4;
/// Responses to one initiation that may be at work, so that copies of one cannot fill the jobs.
inline constexpr std::size_t responses_at_work_max = 4;
/// Own initiations keep out of the last half of the jobs: answering comes before asking.
inline constexpr std::size_t own_initiations_max = handshake_jobs_max / 2;

/// Jobs that travel in one message: enough to spread a burst over the HANDSHAKERs.
inline constexpr std::size_t jobs_per_handshake_batch = 8;

/// Rate limiter under load, per IPv4 address or IPv6 /64 (kernel's figures).
inline constexpr int rate_limit_packets_per_second = 20;
inline constexpr int rate_limit_burst = 5;
/// About 100 bytes each. When full, unknown sources are refused: it fails closed.
inline constexpr std::size_t rate_limit_sources_max = 8192;
inline constexpr auto rate_limit_entry_idle_time = 1s;

// --- Packets -----------------------------------------------------------------------------------

/// IPv6 wants 1280; less is legal for IPv4, and 576 is what any IPv4 host must take.
inline constexpr std::uint32_t mtu_min = 576;
/// The largest inner packet whose sealed form fits one UDP datagram over IPv4 (65,507 octets).
inline constexpr std::uint32_t mtu_max = 65472;
/// As wireguard-go: an Ethernet path less outer IPv6, UDP and the tunnel's 32 octets.
inline constexpr std::uint32_t mtu_default = 1420;
inline constexpr std::size_t datagram_max = 65535;

static_assert(mtu_min <= mtu_default && mtu_default <= mtu_max);
static_assert(mtu_max % padding_multiple == 0, "padding never stops at the largest MTU");
static_assert(mtu_max + 32 <= 65507 && mtu_max + 32 + padding_multiple > 65507);

/// TUN queues, each with a reader and a writer of its own.
inline constexpr std::size_t tun_queues_max = 16;
/// The largest super-packet of a TUN device (the kernel's GSO_LEGACY_MAX_SIZE), and room to see
/// that a larger one was cut.
inline constexpr std::size_t super_packet_octets = 65536 + 64;
/// Packets joined for one write: a super-packet of small segments, within writev(2)'s 1,024 pieces.
inline constexpr std::uint32_t joined_packets_max = 256;
/// Datagrams joined, for the device or on the wire: UDP_MAX_SEGMENTS until 6.9, 128 since.
inline constexpr std::uint32_t joined_datagrams_max = 64;

/// ICMP errors to local senders, over all (the kernel: net.ipv4.icmp_msgs_per_sec and _burst).
inline constexpr int icmp_per_second = 1000;
inline constexpr int icmp_burst = 50;

// --- Memory: what may be held, and by whom -----------------------------------------------------

/// What a TUN READER fills: at least one largest packet, and about 90 of the usual size.
inline constexpr std::size_t transmit_slab_octets = 128 * 1024;
/// Descriptors of a transmit slab, so that tiny packets do not make endless batches.
inline constexpr std::size_t packets_per_slab_max = 256;
/// What a UDP RECEIVER fills: one recvmmsg, each message with room for the largest datagram or
/// train of datagrams. Pages are touched on demand: small datagrams use one page each.
inline constexpr std::size_t messages_per_receive_slab = 16;
inline constexpr std::size_t receive_slab_octets = messages_per_receive_slab * (datagram_max + 1);
/// Descriptors of a receive slab: all datagrams that its trains may have.
inline constexpr std::size_t packets_per_receive_slab_max =
    messages_per_receive_slab * joined_datagrams_max;
/// What describes one packet on its way: an arrival, and a transmit or delivery, or a drop.
inline constexpr std::size_t descriptor_octets_max = 192;

/// TUNNEL's priority, beside the other threads'. Whoever it feeds wakes up beside it; with the same
/// priority that thread takes its CPU at once, and every batch is handled as soon as it is small.
/// With more (-10 was tried) the others wait longer than they gain, seen by pings beside eight TCP
/// flows.
inline constexpr int tunnel_nice = -7;
/// Up to so many octets of packets TUNNEL sends or writes by itself while their actor sleeps: a few
/// packets, whose system call takes less time than waking a thread.
inline constexpr std::size_t shortcut_octets_max = 4096;

inline constexpr std::size_t slabs_per_tun_reader = 16;
inline constexpr std::size_t slabs_per_udp_receiver = 8;
/// TUNNEL's own: handshakes, keepalives, ICMP, and the release of staged packets.
inline constexpr std::size_t slabs_of_tunnel_reserve = 32;
inline constexpr std::size_t udp_senders_max = 16;
inline constexpr std::size_t udp_receivers = 2;

/// Octets that a reader may always have out: one full super-packet.
inline constexpr std::size_t credit_window_min = 65536;
/// What one begins with: a slow way out shall not first stand full for long, and a fast one has all
/// after a few intervals.
inline constexpr std::size_t credit_window_first = 4 * credit_window_min;
/// How long a queue may stand: half of it inside, and half in the socket behind. The figures are
/// in ARCHITECTURE.md.
inline constexpr auto credit_target_delay = 4ms;
inline constexpr auto credit_target_delay_min = 100us;
inline constexpr auto credit_target_delay_max = 1000ms;
/// A window is looked at again after so many times its part of the delay: a burst has passed by
/// then, and at the usual delay it is wide again within tens of milliseconds.
inline constexpr int credit_intervals = 4;
/// Batches of one interval that say what the rate was.
inline constexpr int credit_batches_min = 4;

/// Packets waiting for a handshake, per peer (kernel: MAX_STAGED_PACKETS) and over all peers.
inline constexpr std::size_t staged_packets_per_peer_max = 128;
inline constexpr std::size_t staged_octets_max = 4 * 1024 * 1024;
/// With a large MTU the packets of one peer would fill the pool, and a silent peer would drive out
/// what others wait for. At the usual MTU its 128 packets are well below this.
inline constexpr std::size_t staged_octets_per_peer_max = staged_octets_max / 8;
/// What the pool keeps beside a packet: its node and what two allocations cost. Counted, so that a
/// flood of tiny packets stays within the bound, too.
inline constexpr std::size_t staged_packet_overhead_octets = 128;

/// The sum: what packets may occupy, wherever they are.
inline constexpr std::size_t packet_memory_max(std::size_t tun_queues) {
  constexpr std::size_t transmit_slab =
      transmit_slab_octets + packets_per_slab_max * descriptor_octets_max;
  constexpr std::size_t receive_slab =
      receive_slab_octets + packets_per_receive_slab_max * descriptor_octets_max;
  return tun_queues * (slabs_per_tun_reader * transmit_slab      // on the way out
                       + super_packet_octets)                    // being split
         + udp_receivers * slabs_per_udp_receiver * receive_slab // on the way in
         + slabs_of_tunnel_reserve * transmit_slab               // originated by TUNNEL
         + staged_octets_max;                                    // waiting for a handshake
}

static_assert(transmit_slab_octets >= mtu_max + 32, "a slab holds one largest packet, sealed");
static_assert(staged_octets_per_peer_max >= mtu_max + staged_packet_overhead_octets,
              "one packet can always be staged");
static_assert(staged_octets_per_peer_max >=
              staged_packets_per_peer_max * (mtu_default + staged_packet_overhead_octets));
static_assert(receive_slab_octets <= std::numeric_limits<std::uint32_t>::max(), "see arrival");
static_assert(initiations_per_source_max >= 1);
static_assert(initiations_per_source_max + rate_limit_burst < under_load_backlog);
static_assert(own_initiations_max < handshake_jobs_max, "there is always room to answer");

/// 32-octet cells in one locked region: a region of 64 KiB.
inline constexpr std::size_t locked_cells_per_region = 2048;

// --- UDP sockets ---------------------------------------------------------------------------------

/// What may wait for a UDP RECEIVER that is busy or without credit: some 1 ms at 10 Gbit/s, and
/// 2,700 small packets, since the kernel counts 768 octets for each. With more, a flood of them is
/// a queue of more than 20 ms; with half of it, eight TCP flows lose a tenth (ARCHITECTURE.md).
/// wireguard-go asks for 7 MiB.
inline constexpr std::size_t udp_receive_buffer_octets = 1024 * 1024;
/// Datagrams handed over and not sent yet are a standing queue too: 8 ms at 1 Gbit/s, and room for
/// several trains of 64 KiB, so that a fast link does not wait for the next call.
inline constexpr std::size_t udp_send_buffer_octets = 1024 * 1024;
/// Less than that is never left to a socket, as the kernel counts: about a train, so that a slow
/// way out has one to send while the next is made.
inline constexpr std::size_t udp_send_queue_min = 64 * 1024;
/// What it begins with.
inline constexpr std::size_t udp_send_queue_first = 4 * udp_send_queue_min;
/// A datagram in fragments takes about 1.6 times its length of kernel memory.
inline constexpr std::size_t fragment_overhead_factor = 2;
/// The kernel's own default. In much less the largest datagram cannot be fragmented, ever: it would
/// be tried again for good, and all others wait behind it.
inline constexpr std::uint32_t udp_send_buffer_octets_min = 212'992;
/// After EINVAL, which says "too many" as well as other things, fewer are tried before none.
inline constexpr std::uint32_t datagrams_per_train_retry = 16;
/// What fits one UDP datagram over IPv4; over IPv6 a little more would.
inline constexpr std::uint32_t train_octets_max = 65507;
/// Destinations whose path takes no joined datagrams (EMSGSIZE); beyond, the oldest is tried again.
inline constexpr std::size_t trainless_paths_max = 64;
/// Single datagrams sent there before a train is tried again, and fails at the price of one call:
/// less than a second of a fast flow.
inline constexpr std::uint32_t singles_before_train_retry = 65536;
/// Datagrams in one system call. By then its fixed cost is divided often enough.
inline constexpr std::size_t datagrams_per_send_call = 64;
/// After ENOBUFS poll(2) calls the socket writable at once, so time is what one waits for; likewise
/// after a receive error that stays, and for a client who comes while the machine has no
/// descriptor.
inline constexpr auto socket_retry_first = 1ms;
inline constexpr auto socket_retry_max = 50ms;
/// Errors left on a socket by earlier datagrams are skipped, so many in one call; more of them are
/// a state and the caller's to wait out.
inline constexpr int receive_errors_skipped_max = 4;
/// A random port must be free for IPv4 and IPv6 alike.
inline constexpr int random_port_attempts_max = 100;

// --- The control plane -------------------------------------------------------------------------

/// As wireguard-go: a table that large is a mistake in a script.
inline constexpr std::size_t peers_max = 65536;
inline constexpr std::size_t uapi_clients_max = 64;
/// One UAPI request: 64 MiB hold a million allowed IPs.
inline constexpr std::size_t uapi_request_octets_max = 64 * 1024 * 1024;
/// What all UAPI clients together may have sent and not had answered: one largest request, and many
/// of the usual size.
inline constexpr std::size_t uapi_input_octets_max = uapi_request_octets_max + 16 * 1024 * 1024;
/// One line of the admin protocol.
inline constexpr std::size_t admin_line_octets_max = 4096;
/// A request with files, which JSON makes longer: six octets for one, at the worst.
inline constexpr std::size_t admin_files_octets_max = 64 * 1024 * 1024;
/// From those who may only read: two files of 10,000 peers. Reading a text takes 100 times its
/// size for a moment, if it is made for that.
inline constexpr std::size_t admin_reader_files_octets_max = 4 * 1024 * 1024;
/// A path that comes with a request: each peer remembers the one of its file.
inline constexpr std::size_t request_path_octets_max = 1024;
/// Requests need 4; whoever copies JSON does so by recursion.
inline constexpr std::size_t json_depth_max = 16;
/// Keys of one object, which are looked through for each: no method has as many parameters.
inline constexpr std::size_t json_keys_max = 64;
/// Commas and beginnings of a request: three for a drop-in, four for a key file, of which every
/// peer may have one. Each part costs more as a tree than as text.
inline constexpr std::size_t json_parts_max = 320 * 1024;
inline constexpr std::size_t admin_clients_max = 512;
/// Of all its clients together: what one read may bring of each, and one largest request.
inline constexpr std::size_t admin_input_octets_max =
    admin_clients_max * 64 * 1024 + admin_files_octets_max;
/// What the clients of one control socket together may have been answered and not read: the status
/// of 10,000 peers for some 25 of them. What is longer stays until another client is served.
inline constexpr std::size_t control_output_octets_max = 128 * 1024 * 1024;
/// Changes that `history` remembers.
inline constexpr std::size_t history_max = 20;
/// A change may wait so long to be confirmed: who has not looked after an hour does not look.
inline constexpr auto confirm_max = 1h;
/// A change that could not be taken back when its time was up is tried again so often.
inline constexpr auto rollback_retry = 10s;
/// So is a rule of policy routing that was refused when it was known at last where its peer is.
inline constexpr auto rule_retry = 10s;
/// While a peer is to expire the time of day is looked at so often: somebody may set it.
inline constexpr auto expiry_look = 60s;
/// How long a client waits for the daemon's next word: it answers in milliseconds, even when it
/// carries packets as fast as it can.
inline constexpr auto admin_answer_time = 5s;
/// The longest answer: a million allowed IPs, as UAPI takes them, with JSON around each.
inline constexpr std::size_t admin_answer_octets_max = 256 * 1024 * 1024;
/// Rates and shares that `flow` tells are of such a time: long enough to mean something, and not
/// so long that they tell of the past.
inline constexpr auto flow_span_min = 200ms;
inline constexpr auto flow_span_max = 60s;
inline constexpr std::size_t flow_samples_max = 8;
/// What `troupectl flow` looks at, once and with --watch.
inline constexpr auto flow_look = 500ms;
inline constexpr auto flow_watch = 1s;
/// A key on stdin: 44 characters, and white space around them.
inline constexpr std::size_t key_input_octets_max = 1024;
/// The configuration file.
inline constexpr std::size_t config_octets_max = 64 * 1024 * 1024;
/// Equals signs, commas and opening brackets in it: for each toml++ and we need up to 500 octets
/// while it is read. Every peer that there may be has room for 30.
inline constexpr std::size_t config_values_max = 2'000'000;
/// Points in keys, of which the configuration has two for each actor's level, and tables in double
/// brackets but for those of peers, of which it has none. They bound the depth of what is read.
inline constexpr std::size_t config_key_parts_max = 1000;
/// Nobody mends more at a time, and each is longer than what is wrong with the file.
inline constexpr std::size_t config_errors_max = 1000;
/// Each is compared with each prefix of each peer.
inline constexpr std::size_t addresses_max = 256;
inline constexpr std::size_t peer_name_octets_max = 64;
/// Commands of one kind, and octets of one: more than that is a script, and belongs into a file.
/// One argument of a program may have 128 KiB (MAX_ARG_STRLEN).
inline constexpr std::size_t hooks_max = 64;
inline constexpr std::size_t hook_octets_max = 16 * 1024;
/// All commands of one kind together may take so long. systemd kills a unit that has not ended
/// after 90 s, and its rules with it unremoved: two kinds and the end itself are well within that.
inline constexpr auto hook_time = 30s;
/// Where wg-quick begins to look for a table that nobody has, whose number is also the mark.
inline constexpr std::uint32_t own_mark_first = 51820;
/// So many tables may be taken: more default routes than that are a mistake.
inline constexpr std::uint32_t own_marks_max = 1024;
/// The kernel doubles what it is asked for, in an int.
inline constexpr std::uint32_t socket_buffer_octets_max = 0x3fffffff;
/// Packets: what a TUN device comes with, as the kernel makes it (TUN_READQ_SIZE).
inline constexpr std::uint32_t tun_queue_length_standard = 500;
/// At the usual packet size about 90 MiB: a second of a gigabit link, more is a mistake.
inline constexpr std::uint32_t tun_queue_length_max = 65536;
/// What sched_setaffinity's fixed set can name (CPU_SETSIZE).
inline constexpr std::uint32_t cpu_number_max = 1023;

/// Endpoints of one peer, each with all its addresses: with more, going round them takes longer
/// than anybody waits.
inline constexpr std::size_t endpoints_per_peer_max = 8;
inline constexpr std::size_t addresses_per_name_max = 8;
/// Initiations that nothing comes back for before the next address is tried: 15 s, in which one or
/// two lost datagrams move nobody.
inline constexpr int initiations_per_address = 3;
/// Addresses found for a name are good for so long: a peer that has no others is looked up no more
/// often, however silent it is.
inline constexpr auto look_up_interval = rekey_attempt_time;
/// A name may take so long before the peer's next endpoint is tried: the time that a resolver
/// gives the first of its servers.
inline constexpr auto look_up_patience = 5s;
/// Names that fail to resolve are tried again, from and up to these (wg(8) does the same).
inline constexpr auto resolve_retry_first = 1s;
inline constexpr auto resolve_retry_max = 20s;
/// Names looked up at the same time: so many may be slow before others wait for them.
inline constexpr std::size_t look_ups_max = 16;

/// How long a start waits for another to be done with its interface and sockets, which takes some
/// 10 ms, and how often it looks.
inline constexpr auto start_lock_time = 5s;
inline constexpr auto start_lock_retry = 10ms;

/// How long the actors may take to stop, all together, before the program ends without them.
inline constexpr auto stop_grace = 3s;
static_assert(2 * hook_time + stop_grace < 90s, "systemd's TimeoutStopSec");

/// Log lines waiting for the writer; when full the oldest is dropped and counted.
inline constexpr std::size_t log_queue_lines = 8192;
/// Of lines that were written, what is kept for `logs`: more than a thousand of the usual length.
inline constexpr std::size_t log_recent_octets_max = 256 * 1024;
/// Of lines that wait for one who follows the log; when full the oldest is lost and counted. At the
/// rate of a live trace of a fast flow some 50 ms of it, the time between two looks.
inline constexpr std::size_t log_stream_octets_max = 256 * 1024;
static_assert(log_stream_octets_max >= log_recent_octets_max, "a stream begins with those kept");
/// What a line takes beside its texts: its node and what two allocations cost.
inline constexpr std::size_t log_line_overhead_octets = 160;
/// At the end lines that still wait are written for so long.
inline constexpr auto log_end_time = 500ms;
/// Of these lines, what one who follows is sent at a time.
inline constexpr std::size_t log_stream_part_octets = 32 * 1024;
/// Who follow the log at the same time. With what waits in them and what is being sent, each twice
/// as long as JSON at most for any usual line, they take some 5 MiB if nobody reads.
inline constexpr std::size_t log_streams_max = 16;
/// With one more of those who may only read: they leave some to those who may change something.
inline constexpr std::size_t log_streams_with_reader_max = 12;
/// After it has sent lines ADMIN looks again so late: 20 wake-ups a second for whatever rate.
inline constexpr auto log_stream_pause = 50ms;

/// An actor that has not answered for so long is told of as silent: any that runs at all has, even
/// on one CPU under load.
inline constexpr auto roll_call_time = 1s;

} // namespace troupe::limits
