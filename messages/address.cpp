#include "messages/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>

namespace troupe {

namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::optional<std::uint32_t> parse_scope(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return std::nullopt;
  if (const std::optional<std::uint32_t> index = parse_number<std::uint32_t>(text))
    return index;
  const std::uint32_t index = ::if_nametoindex(std::string(text).c_str());
  return index == 0 ? std::nullopt : std::optional(index);
}

/// RFC 4291, section 2.5.5.2. Our IPv6 sockets are for IPv6 alone.
ip_address unmapped(const ip_address& v6) {
  constexpr byte_array<12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool mapped = std::equal(mapped_prefix.begin(), mapped_prefix.end(), v6.octets.begin());
  return mapped ? make_ipv4(&v6.octets[mapped_prefix.size()]) : v6;
}

} // namespace

ip_address make_ipv4(const std::uint8_t* four_octets) {
  ip_address result{{}, ip_family::v4};
  std::copy_n(four_octets, 4, result.octets.begin());
  return result;
}

ip_address make_ipv6(const std::uint8_t* sixteen_octets) {
  ip_address result{{}, ip_family::v6};
  std::copy_n(sixteen_octets, 16, result.octets.begin());
  return result;
}

ip_prefix masked(ip_prefix prefix) {
  for (unsigned bit = prefix.length; bit < prefix.address.bits();) {
    const unsigned in_octet = bit % 8;
    prefix.address.octets[bit / 8] &= static_cast<std::uint8_t>(~(0xffU >> in_octet));
    bit += 8 - in_octet;
  }
  return prefix;
}

bool contains(const ip_prefix& prefix, const ip_address& address) {
  return prefix.address.family == address.family &&
         masked({address, prefix.length}).address == masked(prefix).address;
}

bool is_one_host(const ip_address& address) {
  const std::uint8_t first = address.octets[0];
  if (address.family == ip_family::v6)
    return first != 0xff && address.octets != byte_array<16>{};
  const bool multicast = first >> 4 == 0xe;
  const bool broadcast =
      std::ranges::all_of(address.significant(), [](auto o) { return o == 0xff; });
  return first != 0 && !multicast && !broadcast;
}

std::optional<ip_address> parse_ip_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string terminated(text);
  byte_array<16> octets{};
  if (::inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1)
    return make_ipv4(octets.data());
  if (::inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1)
    return make_ipv6(octets.data());
  return std::nullopt;
}

std::optional<ip_prefix> parse_ip_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<ip_address> address = parse_ip_address(text.substr(0, slash));
  if (!address)
    return std::nullopt;
  if (slash == std::string_view::npos)
    return ip_prefix{*address, static_cast<std::uint8_t>(address->bits())};
  const std::optional<std::uint8_t> length = parse_number<std::uint8_t>(text.substr(slash + 1));
  if (!length || *length > address->bits())
    return std::nullopt;
  return ip_prefix{*address, *length};
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  const std::optional<std::uint16_t> port = parse_number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!port || *port == 0)
    return std::nullopt;
  if (!bracketed) {
    const std::optional<ip_address> address = parse_ip_address(host);
    if (!address || address->family != ip_family::v4)
      return std::nullopt;
    return endpoint{*address, *port, 0};
  }
  host = host.substr(1, host.size() - 2);
  const std::size_t percent = host.find('%');
  const std::optional<ip_address> address = parse_ip_address(host.substr(0, percent));
  if (!address || address->family != ip_family::v6)
    return std::nullopt;
  if (percent == std::string_view::npos)
    return endpoint{unmapped(*address), *port, 0};
  const std::optional<std::uint32_t> scope = parse_scope(host.substr(percent + 1));
  return scope ? std::optional(endpoint{*address, *port, *scope}) : std::nullopt;
}

std::string_view to_string(ip_family family) {
  return family == ip_family::v4 ? "IPv4" : "IPv6";
}

std::string to_string(const ip_address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  const int family = address.family == ip_family::v4 ? AF_INET : AF_INET6;
  ::inet_ntop(family, address.octets.data(), text, sizeof text);
  return text;
}

std::string to_string(const ip_prefix& prefix) {
  return to_string(prefix.address) + "/" + std::to_string(prefix.length);
}

std::string to_string(const endpoint& where) {
  if (where.address.family == ip_family::v4)
    return to_string(where.address) + ":" + std::to_string(where.port);
  std::string host = to_string(where.address);
  if (where.scope_id != 0)
    host += "%" + std::to_string(where.scope_id);
  return "[" + host + "]:" + std::to_string(where.port);
}

} // namespace troupe
