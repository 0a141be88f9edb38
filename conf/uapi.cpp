#include "conf/uapi.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"

#include "conf/wording.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <unordered_map>

namespace troupe::conf {

namespace {

constexpr std::string_view get_line = "get=1\n";
constexpr std::string_view set_line = "set=1\n";

/// Decimal only, without sign or blanks.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc{} && read.ptr == end && !text.empty() ? std::optional(number)
                                                                    : std::nullopt;
}

/// All zero stands for no key. Every octet is looked at, whatever the ones before were.
std::optional<secret_key> parse_secret(std::string_view text) {
  std::optional<secret_key> key = secret_key_from_hex(text);
  if (!key)
    return std::nullopt;
  std::uint8_t any = 0;
  for (const std::uint8_t octet : key->octets())
    any = static_cast<std::uint8_t>(any | octet);
  return any == 0 ? secret_key{} : *key;
}

/// The lines of one set. Each `bool` says whether the value was a good one.
class set_parser {
public:
  std::optional<uapi_error> line(std::string_view text) {
    ++line_;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
      return error(uapi_errno::protocol, "has no `=`");
    const std::string_view key = text.substr(0, equals);
    const std::string_view given = text.substr(equals + 1);
    std::optional<bool> good;
    if (key == "public_key")
      good = open_peer(given);
    else if (result_.peers.empty())
      good = device_value(key, given);
    else
      good = peer_value(key, given);
    if (!good)
      return error(uapi_errno::invalid, shown(key) + " is no key of " +
                                            (result_.peers.empty() ? "the device" : "a peer"));
    if (!*good)
      return error(uapi_errno::invalid, "the value of " + shown(key) + " is not valid");
    return std::nullopt;
  }

  uapi_set take() { return std::move(result_); }

private:
  [[nodiscard]] uapi_error error(uapi_errno number, const std::string& fault) const {
    return {number, "UAPI set, line " + std::to_string(line_) + ": " + fault};
  }

  /// A number into a field of its type.
  template <class Number>
  static bool store(std::optional<Number>& field, std::optional<Number> parsed) {
    field = std::move(parsed);
    return field.has_value();
  }

  static bool raise(bool& flag, std::string_view given) {
    flag = true;
    return given == "true";
  }

  bool open_peer(std::string_view given) {
    const std::optional<public_key> key = public_key_from_hex(given);
    if (!key || *key == public_key{})
      return false;
    result_.peers.emplace_back().key = *key;
    return true;
  }

  std::optional<bool> device_value(std::string_view key, std::string_view given) {
    if (key == "private_key")
      return store(result_.private_key, parse_secret(given));
    if (key == "listen_port")
      return store(result_.listen_port, parse_number<std::uint16_t>(given));
    if (key == "fwmark")
      return store(result_.fwmark, parse_number<std::uint32_t>(given));
    if (key == "replace_peers")
      return raise(result_.replace_peers, given);
    return std::nullopt;
  }

  std::optional<bool> peer_value(std::string_view key, std::string_view given) {
    uapi_peer& peer = result_.peers.back();
    if (key == "allowed_ip")
      return allowed_ip(peer, given);
    if (key == "endpoint")
      return given.find('\0') == std::string_view::npos &&
             store(peer.remote, parse_endpoint(given));
    if (key == "preshared_key")
      return store(peer.preshared_key, parse_secret(given));
    if (key == "persistent_keepalive_interval")
      return store(peer.persistent_keepalive_s, parse_number<std::uint16_t>(given));
    if (key == "update_only")
      return raise(peer.update_only, given);
    if (key == "remove")
      return raise(peer.remove, given);
    if (key == "replace_allowed_ips") {
      peer.allowed_ips.assign(1, {allowed_ip_step::kind::clear, {}});
      return given == "true";
    }
    if (key == "protocol_version")
      return given == "1";
    return std::nullopt;
  }

  static bool allowed_ip(uapi_peer& peer, std::string_view given) {
    const bool removes = !given.empty() && given.front() == '-';
    if (given.find('\0') != std::string_view::npos)
      return false;
    const std::optional<ip_prefix> prefix = parse_ip_prefix(given.substr(removes ? 1 : 0));
    if (!prefix)
      return false;
    peer.allowed_ips.push_back(
        {removes ? allowed_ip_step::kind::remove : allowed_ip_step::kind::add, masked(*prefix)});
    return true;
  }

  uapi_set result_;
  std::size_t line_ = 1; // the operation's
};

void append_line(std::string& text, std::string_view key, std::string_view value) {
  text.append(key).append("=").append(value).append("\n");
}

template <class Number>
void append_number(std::string& text, std::string_view key, Number number) {
  append_line(text, key, std::to_string(number));
}

/// 64 zeros for an absent one.
void append_secret(std::string& text, std::string_view key, const secret_key& secret) {
  text.append(key).append("=");
  if (secret)
    append_secret_hex(text, secret);
  else
    text.append(2 * key_octets, '0');
  text.append("\n");
}

void append_peer(std::string& text, const peer_config& peer, const peer_status& status) {
  using namespace std::chrono;
  append_line(text, "public_key", to_hex(peer.settings.key));
  append_secret(text, "preshared_key", peer.settings.preshared_key);
  append_line(text, "protocol_version", "1");
  if (status.remote)
    append_line(text, "endpoint", to_string(*status.remote));
  const nanoseconds since_epoch =
      status.latest_handshake
          ? std::max(nanoseconds::zero(), status.latest_handshake->time_since_epoch())
          : nanoseconds::zero();
  const seconds whole = duration_cast<seconds>(since_epoch);
  append_number(text, "last_handshake_time_sec", whole.count());
  append_number(text, "last_handshake_time_nsec", (since_epoch - whole).count());
  append_number(text, "tx_bytes", status.tx_bytes);
  append_number(text, "rx_bytes", status.rx_bytes);
  append_number(text, "persistent_keepalive_interval", peer.settings.persistent_keepalive_s);
  for (const ip_prefix& prefix : peer.settings.allowed_ips)
    append_line(text, "allowed_ip", to_string(prefix));
}

/// No less than the answer will have, so that its memory never moves.
std::size_t answer_octets_max(const config& running) {
  constexpr std::size_t device_octets_max = 256;
  constexpr std::size_t peer_octets_max = 512;
  constexpr std::size_t allowed_ip_octets_max = 64;
  std::size_t octets = device_octets_max;
  for (const peer_config& peer : running.peers)
    octets += peer_octets_max + allowed_ip_octets_max * peer.settings.allowed_ips.size();
  return octets;
}

/// What is known of a peer that the TUNNEL has not reported on yet.
peer_status unreported(const peer_config& peer) {
  peer_status result;
  if (!peer.endpoints.empty())
    result.remote = peer.endpoints.front().literal;
  return result;
}

} // namespace

std::variant<uapi_set, uapi_error> parse_set(std::string_view request) {
  if (request.substr(0, set_line.size()) != set_line)
    return uapi_error{uapi_errno::protocol, "UAPI: the request is no set"};
  request.remove_prefix(set_line.size());
  set_parser parser;
  while (!request.empty()) {
    const std::size_t end = request.find('\n');
    if (end == 0)
      return parser.take();
    if (end == std::string_view::npos)
      break;
    if (std::optional<uapi_error> failure = parser.line(request.substr(0, end)))
      return std::move(*failure);
    request.remove_prefix(end + 1);
  }
  return uapi_error{uapi_errno::protocol, "UAPI set: the request ends without a blank line"};
}

std::string format_get(const config& running, const tunnel_status& status,
                       const socket_facts& sockets) {
  const std::size_t octets_max = answer_octets_max(running);
  std::string text;
  text.reserve(octets_max);
  if (running.interface.private_key)
    append_secret(text, "private_key", running.interface.private_key);
  if (sockets.port != 0)
    append_number(text, "listen_port", sockets.port);
  if (sockets.mark != 0)
    append_number(text, "fwmark", sockets.mark);

  std::unordered_map<public_key, const peer_status*> reports;
  reports.reserve(status.peers.size());
  for (const peer_status& report : status.peers)
    reports.emplace(report.key, &report);
  for (const peer_config& peer : running.peers) {
    if (!peer.in_use())
      continue;
    const std::unordered_map<public_key, const peer_status*>::iterator report =
        reports.find(peer.settings.key);
    append_peer(text, peer, report != reports.end() ? *report->second : unreported(peer));
  }
  text += format_errno(uapi_errno::none);
  TROUPE_ASSERT(text.size() <= octets_max);
  return text;
}

std::string format_errno(uapi_errno number) {
  return "errno=" + std::to_string(static_cast<int>(number)) + "\n\n";
}

request_frame request_framer::next(std::string_view input) {
  const std::string_view start = input.substr(0, set_line.size());
  if (start == get_line) {
    if (input.size() == get_line.size())
      return {request_kind::incomplete, 0};
    return {input[get_line.size()] == '\n' ? request_kind::get : request_kind::trailing_get,
            get_line.size() + 1};
  }
  if (start != set_line.substr(0, start.size()) && start != get_line.substr(0, start.size()))
    return {request_kind::unknown, 0};
  const std::size_t from = std::max(scanned_, set_line.size() - 1);
  const std::size_t end = start == set_line ? input.find("\n\n", from) : std::string_view::npos;
  const bool found = end != std::string_view::npos;
  const std::size_t length = found ? end + 2 : input.size();
  if (length > limits::uapi_request_octets_max)
    return {request_kind::too_large, 0};
  scanned_ = found || input.empty() ? 0 : input.size() - 1;
  return found ? request_frame{request_kind::set, length}
               : request_frame{request_kind::incomplete, 0};
}

} // namespace troupe::conf
