// Addresses of the two worlds: inner (packets in the tunnel) and outer (datagrams that carry it).
#pragma once

#include "messages/bytes.hpp"

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

enum class ip_family : std::uint8_t { v4 = 4, v6 = 6 };

/// IPv4 uses the first four octets; the rest stay zero, so that equality is memory equality.
struct ip_address {
  byte_array<16> octets{};
  ip_family family = ip_family::v4;

  [[nodiscard]] const_bytes significant() const {
    return const_bytes(octets).first(family == ip_family::v4 ? 4 : 16);
  }
  [[nodiscard]] unsigned bits() const { return family == ip_family::v4 ? 32 : 128; }

  friend auto operator<=>(const ip_address&, const ip_address&) = default;
};

/// An address with its first `length` bits significant; the others are zero once `masked`.
struct ip_prefix {
  ip_address address;
  std::uint8_t length = 0;

  friend auto operator<=>(const ip_prefix&, const ip_prefix&) = default;
};

/// Where a peer's datagrams go to and come from. `scope_id` is set for IPv6 link-local only.
struct endpoint {
  ip_address address;
  std::uint16_t port = 0;
  std::uint32_t scope_id = 0;

  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

/// The own address a peer last reached us on, used as the source of what we send it (sticky
/// source). `interface_index` 0: the kernel chooses source and interface.
struct source_address {
  ip_address address;
  std::uint32_t interface_index = 0;

  [[nodiscard]] bool known() const { return interface_index != 0; }

  friend auto operator<=>(const source_address&, const source_address&) = default;
};

ip_address make_ipv4(const std::uint8_t* four_octets);
ip_address make_ipv6(const std::uint8_t* sixteen_octets);

/// The prefix with its host bits cleared.
ip_prefix masked(ip_prefix prefix);
/// Whether `address` lies in `prefix` (families differ: no).
bool contains(const ip_prefix& prefix, const ip_address& address);

/// Whether datagrams can be sent to it as to one host: no wildcard, multicast or broadcast address.
bool is_one_host(const ip_address& address);

/// Numeric forms only: no name is ever looked up here.
std::optional<ip_address> parse_ip_address(std::string_view text);
/// `ADDRESS` or `ADDRESS/LENGTH`, host bits kept; no length means the whole address.
std::optional<ip_prefix> parse_ip_prefix(std::string_view text);
/// `1.2.3.4:PORT`, `[v6]:PORT` or `[v6%SCOPE]:PORT` (scope: an interface index or name). An IPv4
/// address in IPv6 clothes (::ffff:1.2.3.4) is the IPv4 address.
std::optional<endpoint> parse_endpoint(std::string_view text);

/// "IPv4" or "IPv6".
std::string_view to_string(ip_family family);
std::string to_string(const ip_address& address);
std::string to_string(const ip_prefix& prefix);
std::string to_string(const endpoint& where);

} // namespace troupe
