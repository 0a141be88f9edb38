// Any octets from a client of the UAPI socket: request_framer, as they come in pieces, and
// parse_set.
#include "messages/limits.hpp"

#include "conf/uapi.hpp"
#include "tests/fuzz/target.hpp"

namespace troupe::fuzz {

using namespace conf;

std::vector<octets> seeds() {
  const std::string key(64, 'a');
  const std::string peer = "public_key=" + key + "\n";
  // The first octet is how much comes at a time.
  return {
      from_text("\x01get=1\n\n"),
      from_text("\x05get=1\n\nset=1\n\nget=1\n\n"),
      from_text("\x40set=1\nprivate_key=" + key + "\nlisten_port=51820\nfwmark=7\n\n"),
      from_text("\xffset=1\nreplace_peers=true\n" + peer +
                "update_only=true\npreshared_key=" + key +
                "\nendpoint=[fe80::1%1]:51820\npersistent_keepalive_interval=25\n"
                "replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\nallowed_ip=-fd00::/8\n" +
                peer + "remove=true\nprotocol_version=1\n\n"),
  };
}

namespace {

/// What the framer says about `input` when it comes in pieces; it must not depend on them.
request_frame frame_in_pieces(std::string_view input, std::size_t piece) {
  request_framer framer;
  request_frame found;
  for (std::size_t come = 0; come < input.size() && found.kind == request_kind::incomplete;) {
    come = std::min(input.size(), come + piece);
    found = framer.next(input.substr(0, come));
    TROUPE_ASSERT(found.length <= come);
  }
  return found;
}

void check(const uapi_set& set) {
  TROUPE_ASSERT(set.peers.size() <= limits::uapi_request_octets_max);
  for (const uapi_peer& peer : set.peers) {
    TROUPE_ASSERT(peer.key != public_key{});
    TROUPE_ASSERT(!peer.remote || peer.remote->port != 0);
    for (const allowed_ip_step& step : peer.allowed_ips)
      TROUPE_ASSERT(step.prefix == masked(step.prefix));
  }
}

void parse(std::string_view request) {
  const std::variant<uapi_set, uapi_error> parsed = parse_set(request);
  if (const uapi_set* const set = std::get_if<uapi_set>(&parsed))
    return check(*set);
  const uapi_error& error = std::get<uapi_error>(parsed);
  TROUPE_ASSERT(error.number != uapi_errno::none && !error.text.empty());
}

} // namespace

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  using namespace troupe::conf;
  fuzz::reader input({data, size});
  const std::size_t piece = std::size_t{input.octet()} + 1;
  const const_bytes text = input.take(size);
  std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
  while (!rest.empty()) {
    const request_frame whole = request_framer().next(rest);
    const request_frame in_pieces = fuzz::frame_in_pieces(rest, piece);
    TROUPE_ASSERT(in_pieces.kind == whole.kind && in_pieces.length == whole.length);
    if (whole.kind == request_kind::set)
      fuzz::parse(rest.substr(0, whole.length));
    if (whole.length == 0)
      return 0;
    rest.remove_prefix(whole.length);
  }
  return 0;
}
