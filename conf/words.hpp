// The words that stand for settings in a file: one list for who reads and who writes them, each in
// the order of its enumerators.
#pragma once

#include "conf/config.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace troupe::conf {

inline constexpr std::array<std::string_view, 2> route_modes = {"off", "auto"};
inline constexpr std::array<std::string_view, 4> aead_kinds = {"auto", "ipsec-mb", "libgcrypt",
                                                               "libsodium"};
inline constexpr std::array<std::string_view, 6> log_levels = {"trace", "debug", "info",
                                                               "warn",  "error", "off"};
inline constexpr std::array<std::string_view, 2> log_formats = {"text", "json"};

/// Without their numbers, as levels of the log are given to.
inline constexpr std::array<std::string_view, 10> actors = {
    "supervisor",   "tun-reader", "tun-writer", "tunnel", "udp-sender",
    "udp-receiver", "handshaker", "admin",      "uapi",   "resolver"};

constexpr std::string_view word_of(route_mode mode) {
  return route_modes.at(static_cast<std::size_t>(mode));
}

constexpr std::string_view word_of(aead_kind kind) {
  return aead_kinds.at(static_cast<std::size_t>(kind));
}

constexpr std::string_view word_of(log_level level) {
  return log_levels.at(static_cast<std::size_t>(level));
}

constexpr std::string_view word_of(log_format format) {
  return log_formats.at(static_cast<std::size_t>(format));
}

static_assert(word_of(route_mode::automatic) == "auto");
static_assert(word_of(aead_kind::libsodium) == "libsodium");
static_assert(word_of(log_level::off) == "off");
static_assert(word_of(log_format::json) == "json");

} // namespace troupe::conf
