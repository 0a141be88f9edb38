// The WireGuard cross-platform text protocol: from octets on a socket to a request, and from the
// state of the router to an answer. What a request means for the configuration is uapi_apply's.
// Requests and answers hold keys in clear: their owner wipes them.
#pragma once

#include "messages/address.hpp"
#include "messages/keys.hpp"
#include "messages/status.hpp"

#include "conf/config.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::conf {

/// The `errno=` of an answer: negative, as the protocol has it.
enum class uapi_errno : int {
  none = 0,
  io = -EIO,
  busy = -EBUSY,
  invalid = -EINVAL,
  protocol = -EPROTO,
  address_in_use = -EADDRINUSE,
};

struct uapi_error {
  uapi_errno number = uapi_errno::invalid;
  /// For the log; the protocol has no room for it. Holds no key.
  std::string text;
};

struct allowed_ip_step {
  enum class kind : std::uint8_t { add, remove, clear };

  kind what = kind::add;
  ip_prefix prefix; // masked; not for clear
};

/// One peer's lines. What is unset was not given.
struct uapi_peer {
  public_key key;
  bool update_only = false;
  bool remove = false;
  std::optional<secret_key> preshared_key; // given and absent: none from now on
  std::optional<endpoint> remote;
  std::optional<std::uint16_t> persistent_keepalive_s;
  std::vector<allowed_ip_step> allowed_ips; // in their order
};

struct uapi_set {
  std::optional<secret_key> private_key; // given and absent: none from now on
  std::optional<std::uint16_t> listen_port;
  std::optional<std::uint32_t> fwmark;
  bool replace_peers = false;
  std::vector<uapi_peer> peers;
};

/// `request` is one whole set: `set=1`, its lines, the blank line.
std::variant<uapi_set, uapi_error> parse_set(std::string_view request);

/// The answer to a get. Disabled peers are not listed. Written in place: no stale copy of a key
/// stays in freed memory.
std::string format_get(const config& running, const tunnel_status& status,
                       const socket_facts& sockets);

/// The answer to a set, and the end of every answer.
std::string format_errno(uapi_errno number);

enum class request_kind : std::uint8_t {
  incomplete, // read more
  get,
  set,
  trailing_get, // a character after get=1 where the blank line belongs: EINVAL
  unknown,      // no operation of the protocol: close
  too_large,    // close
};

struct request_frame {
  request_kind kind = request_kind::incomplete;
  /// Octets of the request, to be taken from the front of the input. 0 for incomplete and those
  /// after which the connection closes.
  std::size_t length = 0;
};

/// Finds the end of requests in a growing input, looking at each octet once.
class request_framer {
public:
  /// `input`: all that was received and is not yet answered, from the start of a request.
  request_frame next(std::string_view input);

private:
  std::size_t scanned_ = 0;
};

} // namespace troupe::conf
