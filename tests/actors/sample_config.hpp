// A configuration to start from, and the keys in it.
#pragma once

#include "conf/config.hpp"
#include "crypto/noise.hpp"

#include <string>

namespace troupe::actors {

inline secret_key sample_secret(std::uint8_t number) {
  return secret_key::make([&](std::span<std::uint8_t, key_octets> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::uint8_t>(number + 5 * i);
  });
}

inline public_key sample_key(std::uint8_t number) {
  return crypto::derive_public(sample_secret(number));
}

inline conf::peer_config sample_peer(std::uint8_t number, const std::string& name) {
  conf::peer_config peer;
  peer.settings.name = name;
  peer.settings.key = sample_key(number);
  peer.settings.allowed_ips = {parse_ip_prefix("10.1." + std::to_string(number) + ".0/24").value()};
  return peer;
}

/// `troupe0` with the peer `laptop` (key 2), whose endpoint is an address, and `phone` (key 3),
/// who has none.
inline conf::config sample_config() {
  conf::config config;
  config.interface.name = "troupe0";
  config.interface.private_key = sample_secret(1);
  config.peers = {sample_peer(2, "laptop"), sample_peer(3, "phone")};
  config.peers[0].endpoints = {conf::parse_endpoint_setting("192.0.2.2:51820").value()};
  config.peers[0].settings.preshared_key = sample_secret(99);
  return config;
}

} // namespace troupe::actors
