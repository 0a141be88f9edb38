// Every actor of the program and everything it may be told: the one page to read first. ROLES are
// in capitals; the page is in the order of a packet's way out, then of its way back, then of
// control.
//
//   TUN READER --plain_batch--> TUNNEL --transmit_batch--> UDP SENDER ........... slab_return home
//   TUN WRITER <--deliver_batch-- TUNNEL <--cipher_batch-- UDP RECEIVER <........ slab_return home
//   HANDSHAKER <--handshake_batch--> TUNNEL <--configure, link_status-- ADMIN <--uapi_call-- UAPI
//
// Data messages are batches in slabs (batches.hpp). Actors that wait in poll(2) do not see their
// mailbox while they sleep: they are POLLING, and what is sent to them goes through `polled::post`.
#pragma once

#include "messages/batches.hpp"
#include "messages/credit.hpp"
#include "messages/doorbell.hpp"
#include "messages/handover.hpp"
#include "messages/peer_settings.hpp"
#include "messages/shortcut.hpp"
#include "messages/status.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::crypto {
struct handshake_job;
}
namespace troupe::udp {
class socket_pair;
}
namespace troupe::tun {
class packet_sink;
}
namespace troupe::conf {
struct uapi_set;
}

CAF_BEGIN_TYPE_ID_BLOCK(troupe, caf::first_custom_type_id)

  /// The next turn of a POLLING actor's loop, sent by itself; the first to those that bring
  /// packets or requests in is sent by ADMIN, when TUNNEL knows its peers.
  CAF_ADD_ATOM(troupe, troupe::atom, poll, "poll")
  /// A deadline has come.
  CAF_ADD_ATOM(troupe, troupe::atom, tick, "tick")
  /// A handover is over.
  CAF_ADD_ATOM(troupe, troupe::atom, go_on, "go_on")
  /// Lines of the log wait for somebody who follows it.
  CAF_ADD_ATOM(troupe, troupe::atom, lines, "lines")
  /// Finish what is in hand and end.
  CAF_ADD_ATOM(troupe, troupe::atom, stop, "stop")
  /// SIGHUP: make the file the running configuration.
  CAF_ADD_ATOM(troupe, troupe::atom, reload, "reload")

CAF_END_TYPE_ID_BLOCK(troupe)

namespace troupe {

/// A POLLING actor and the bell that wakes it.
template <class Actor>
struct polled {
  Actor actor;
  std::shared_ptr<doorbell> bell;

  template <class... Message>
  void post(Message&&... message) const {
    caf::anon_send(actor, std::forward<Message>(message)...);
    bell->ring();
  }
  /// Before everything that waits there already.
  template <class... Message>
  void post_first(Message&&... message) const {
    caf::anon_send<caf::message_priority::high>(actor, std::forward<Message>(message)...);
    bell->ring();
  }
  void post_credit(slab_return&& credit) const {
    caf::anon_send(actor, std::move(credit));
    bell->ring_for_credit();
  }
};

// --- What they are told -------------------------------------------------------------------------

/// The sockets to use from now on; the old ones close with their last user.
struct use_sockets {
  std::shared_ptr<const udp::socket_pair> sockets;
  /// How long a send buffer's queue may stand; absent: the buffers stay as they are.
  std::optional<duration> send_delay;
};

/// The writing side of the TUN queue from now on.
struct use_queue {
  std::shared_ptr<tun::packet_sink> sink;
};

/// Stands in the mail of UDP SENDERs and TUN WRITERs where their work is shared out anew. Who has
/// no share any more ends there.
struct handover_mark {
  std::shared_ptr<handover> at;
  bool had_a_share = false;
  bool has_a_share = false;
};

/// How the TUN interface is.
struct link_status {
  bool up = false;
  std::uint32_t mtu = 0;
};

/// The TUN interface was deleted.
struct device_gone {};

/// The commit of a transaction.
struct configure {
  std::shared_ptr<const tunnel_change> change;
};

/// Source addresses that no longer work.
struct stale_sources {
  std::vector<peer_id> peers;
};

/// What died behind TUNNEL, for its counts by peer.
struct sink_drops {
  std::vector<peer_drop> drops;
};

/// X25519 work to do, or done.
struct handshake_batch {
  std::vector<std::shared_ptr<crypto::handshake_job>> jobs;
};
struct handshakes_done {
  std::vector<std::shared_ptr<crypto::handshake_job>> jobs;
};

struct tunnel_answer {
  std::uint64_t token = 0;
  std::shared_ptr<tunnel_status> status; // the reader's alone
};

struct stage_answer {
  std::uint64_t token = 0;
  stage_status status;
};

/// Who is told how things are.
using status_reader_actor =
    caf::typed_actor<caf::reacts_to<tunnel_answer>, caf::reacts_to<stage_answer>>;

/// "How are you?" The answer carries the token and goes to `reader`.
struct status_query {
  std::uint64_t token = 0;
  polled<status_reader_actor> reader;
  /// Of TUNNEL's peers only those of which anything was dropped.
  bool only_dropped = false;
  /// All actors are asked, and TUNNEL answers as the others do.
  bool roll_call = false;
};

/// A name to be looked up for a peer, and what came of it.
struct name_query {
  public_key peer;
  std::string host;
  std::uint16_t port = 0;
};
struct name_answer {
  name_query query;
  /// Of both families, in the order in which to try them; at most limits::addresses_per_name_max.
  std::vector<endpoint> found;
  std::string error; // when none is found
};

/// Nothing comes back from these peers, however often they are asked.
struct unanswered_peer {
  public_key key;
  endpoint where;
};
struct peers_unanswered {
  std::vector<unanswered_peer> peers;
};
using unanswered_reader_actor = caf::typed_actor<caf::reacts_to<peers_unanswered>>;

/// A set of one UAPI client, or, without either, a get for all who wait for one; only one get is
/// out at a time.
struct uapi_call {
  std::optional<std::uint64_t> client;
  std::shared_ptr<const conf::uapi_set> set;
};
/// Its whole answer. Holds keys in clear: wiped by who sends it on.
struct uapi_answer {
  std::optional<std::uint64_t> client;
  std::shared_ptr<std::string> text;
};

/// The end of the program is wanted; 0 or 1 is its exit status.
struct end_program {
  int status = 0;
  std::string why;
};

// --- Who they are -------------------------------------------------------------------------------

/// Actors that count what passes through them, which all do.
using status_source_actor = caf::typed_actor<caf::reacts_to<status_query>>;

/// TUN READER: POLLING. Fills slabs with packets from one TUN queue.
using tun_reader_actor =
    caf::typed_actor<caf::reacts_to<atom::poll>,
                     // A credit: the right to read a slab full more.
                     caf::reacts_to<slab_return>,
                     // The MTU decides how packets are padded.
                     caf::reacts_to<link_status>, caf::reacts_to<credit_settings>,
                     caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// UDP SENDER: waits in its mailbox, and POLLS only while a socket takes no more.
using udp_sender_actor =
    caf::typed_actor<caf::reacts_to<transmit_batch>,
                     // Sent by itself while it is blocked.
                     caf::reacts_to<atom::poll>, caf::reacts_to<use_sockets>,
                     caf::reacts_to<handover_mark>, caf::reacts_to<atom::go_on>,
                     caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// UDP RECEIVER: POLLING. Fills slabs with datagrams from the socket of one family.
using udp_receiver_actor =
    caf::typed_actor<caf::reacts_to<atom::poll>,
                     // A credit: the right to receive a slab full more.
                     caf::reacts_to<slab_return>, caf::reacts_to<use_sockets>,
                     caf::reacts_to<credit_settings>,
                     caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// TUN WRITER: writes packets to one TUN queue.
using tun_writer_actor =
    caf::typed_actor<caf::reacts_to<deliver_batch>, caf::reacts_to<use_queue>,
                     caf::reacts_to<handover_mark>, caf::reacts_to<atom::go_on>,
                     caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// Where TUNNEL sends to: one UDP SENDER per lane, one TUN WRITER per queue. Batches do not ring: a
/// sender that polls is one whose socket takes no more.
struct use_sinks {
  std::vector<sink<udp_sender_actor>> senders;
  std::vector<sink<tun_writer_actor>> writers;
  polled<unanswered_reader_actor> admin;
};

/// HANDSHAKER: pure X25519 work, off the TUNNEL's thread.
using handshaker_actor = caf::typed_actor<
    caf::replies_to<handshake_batch>::with<handshakes_done>>::extend_with<status_source_actor>;

/// TUNNEL: owns every peer, session and timer. Nobody else touches them.
using tunnel_actor = caf::typed_actor<
    caf::reacts_to<plain_batch>, caf::reacts_to<cipher_batch>,
    // Room in its own reserve.
    caf::reacts_to<slab_return>, caf::reacts_to<handshakes_done>, caf::reacts_to<atom::tick>,
    caf::reacts_to<configure>, caf::reacts_to<link_status>, caf::reacts_to<stale_sources>,
    caf::reacts_to<sink_drops>,
    // The first message it gets; later ones begin a handover.
    caf::reacts_to<use_sinks>, caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// UAPI: POLLING. The WireGuard cross-platform socket and its clients.
using uapi_actor = caf::typed_actor<caf::reacts_to<atom::poll>, caf::reacts_to<uapi_answer>,
                                    caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// RESOLVER: looks names up, so that nobody else waits for it.
using resolver_actor =
    caf::typed_actor<caf::reacts_to<std::vector<name_query>>,
                     caf::reacts_to<atom::stop>>::extend_with<status_source_actor>;

/// The actors of the data path whose number may change.
struct data_path {
  std::vector<polled<tun_reader_actor>> readers;
  std::vector<polled<udp_sender_actor>> senders;
  /// Of these and of the TUN WRITERs; what TUNNEL was told last.
  use_sinks sinks;
};

/// Those of its actors that have come, and those that end unasked by SUPERVISOR.
struct data_path_change {
  struct newcomer {
    std::string name;
    caf::actor_addr address;
    std::function<void()> stop;
    /// It brings packets in, and is among the first to stop.
    bool is_source = false;
  };
  std::vector<newcomer> come;
  std::vector<caf::actor_addr> go;
};

/// SUPERVISOR: starts the graph, watches it, and stops it in order.
using supervisor_actor = caf::typed_actor<
    // From main, on SIGTERM or SIGINT; from UAPI, when its socket file was removed; from itself.
    caf::reacts_to<end_program>,
    // From main, on SIGHUP: passed on to ADMIN.
    caf::reacts_to<atom::reload>,
    // From a TUN READER.
    caf::reacts_to<device_gone>,
    // From ADMIN.
    caf::reacts_to<data_path_change>,
    // A stage of the stop has taken too long.
    caf::reacts_to<atom::tick>>::extend_with<status_source_actor>;

/// The actors that ADMIN talks to.
struct admin_targets {
  tunnel_actor tunnel;
  polled<uapi_actor> uapi;
  resolver_actor resolver;
  data_path path;
  std::vector<polled<udp_receiver_actor>> receivers;
  std::vector<handshaker_actor> handshakers;
  supervisor_actor supervisor;
};

/// ADMIN: POLLING. Owns the running configuration, its transactions and the admin socket; follows
/// the interface.
using admin_actor = caf::typed_actor<
    caf::reacts_to<atom::poll>, caf::reacts_to<uapi_call>, caf::reacts_to<name_answer>,
    // From TUNNEL.
    caf::reacts_to<peers_unanswered>,
    // From whoever writes to the log.
    caf::reacts_to<atom::lines>,
    // From SUPERVISOR.
    caf::reacts_to<atom::reload>,
    // The first message it gets.
    caf::reacts_to<admin_targets>, caf::reacts_to<atom::stop>>::extend_with<status_reader_actor>;

} // namespace troupe

// Process-local: these are never serialized.
#define TROUPE_LOCAL_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::type)
TROUPE_LOCAL_MESSAGE(plain_batch)
TROUPE_LOCAL_MESSAGE(cipher_batch)
TROUPE_LOCAL_MESSAGE(transmit_batch)
TROUPE_LOCAL_MESSAGE(deliver_batch)
TROUPE_LOCAL_MESSAGE(slab_return)
TROUPE_LOCAL_MESSAGE(use_sockets)
TROUPE_LOCAL_MESSAGE(credit_settings)
TROUPE_LOCAL_MESSAGE(use_queue)
TROUPE_LOCAL_MESSAGE(handover_mark)
TROUPE_LOCAL_MESSAGE(use_sinks)
TROUPE_LOCAL_MESSAGE(data_path_change)
TROUPE_LOCAL_MESSAGE(link_status)
TROUPE_LOCAL_MESSAGE(device_gone)
TROUPE_LOCAL_MESSAGE(configure)
TROUPE_LOCAL_MESSAGE(stale_sources)
TROUPE_LOCAL_MESSAGE(sink_drops)
TROUPE_LOCAL_MESSAGE(handshake_batch)
TROUPE_LOCAL_MESSAGE(handshakes_done)
TROUPE_LOCAL_MESSAGE(tunnel_answer)
TROUPE_LOCAL_MESSAGE(stage_answer)
TROUPE_LOCAL_MESSAGE(status_query)
TROUPE_LOCAL_MESSAGE(name_query)
TROUPE_LOCAL_MESSAGE(name_answer)
TROUPE_LOCAL_MESSAGE(peers_unanswered)
TROUPE_LOCAL_MESSAGE(uapi_call)
TROUPE_LOCAL_MESSAGE(uapi_answer)
TROUPE_LOCAL_MESSAGE(admin_targets)
TROUPE_LOCAL_MESSAGE(end_program)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<troupe::name_query>)
#undef TROUPE_LOCAL_MESSAGE
