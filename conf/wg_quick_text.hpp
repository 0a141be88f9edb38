// From a configuration to wg-quick files: the router's own, and the one for a peer's machine. What
// wg-quick has no word for ([tun], [udp], [log] and so on) is left out.
#pragma once

#include "conf/config.hpp"
#include "conf/toml_text.hpp"

#include <optional>
#include <string>

namespace troupe::conf {

/// The whole configuration. A comment stands where a secret is left out, and for each peer that is
/// not enabled. Whoever gets the text wipes it.
std::string to_wg_quick(const config& running, keys how);

/// What a peer's file needs and the configuration does not say.
struct peer_file_facts {
  public_key own_key;
  /// Where the peer reaches us. Unset: a comment in its place.
  std::optional<endpoint_setting> own_endpoint;
  /// The peer's, where it was made here. Absent: a comment in its place.
  secret_key private_key;
};

/// The file for the machine of `peer`, with its preshared key in clear: its allowed hosts are its
/// addresses, and the networks of our addresses what it sends us. Whoever gets the text wipes it.
std::string peer_wg_quick(const config& running, const peer_config& peer,
                          const peer_file_facts& facts);

} // namespace troupe::conf
