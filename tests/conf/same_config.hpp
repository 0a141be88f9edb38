// Whether two configurations are the same in every field, which `diff` alone does not tell.
#pragma once

#include "messages/keys.hpp"

#include "conf/config.hpp"
#include "conf/diff.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <tuple>

namespace troupe::conf {

inline std::string revealed(const secret_key& key) {
  std::string text;
  if (key)
    append_secret_hex(text, key);
  return text;
}

// Every field, as something that can be compared. A new one does not compile before it is here.

inline auto fields(const interface_config& from) {
  const auto& [name, private_key, private_key_file, listen_port, addresses, mtu, fwmark, routes,
               table, commands] = from;
  return std::make_tuple(name, revealed(private_key), private_key_file, listen_port, addresses, mtu,
                         fwmark, routes, table, commands.pre_up, commands.post_up,
                         commands.pre_down, commands.post_down);
}

inline auto fields(const tun_config& from) {
  const auto& [queues, offload, queue_length] = from;
  return std::make_tuple(queues, offload, queue_length);
}

inline auto fields(const udp_config& from) {
  const auto& [senders, gso, gro, receive_buffer, send_buffer] = from;
  return std::make_tuple(senders, gso, gro, receive_buffer, send_buffer);
}

inline auto fields(const tunnel_config& from) {
  const auto& [cpu, aead] = from;
  return std::make_tuple(cpu, aead);
}

inline auto fields(const credit_config& from) {
  const auto& [window, target_delay] = from;
  return std::make_tuple(window, target_delay);
}

inline auto fields(const log_config& from) {
  const auto& [level, format, target, actors] = from;
  return std::make_tuple(level, format, target, actors);
}

inline auto fields(const admin_config& from) {
  const auto& [group, read_group] = from;
  return std::make_tuple(group, read_group);
}

inline auto fields(const peer_settings& from) {
  const auto& [name, key, preshared_key, allowed_ips, persistent_keepalive_s] = from;
  return std::make_tuple(name, key, revealed(preshared_key), allowed_ips, persistent_keepalive_s);
}

inline auto fields(const std::vector<endpoint_setting>& from) {
  std::vector<std::tuple<std::string, std::uint16_t, std::optional<endpoint>>> all;
  for (const auto& [host, port, literal] : from)
    all.emplace_back(host, port, literal);
  return all;
}

/// All but where it was written, and what the clock says of it.
inline auto fields(const peer_config& from) {
  const auto& [settings, preshared_key_file, endpoints, enabled, expires, expired, where] = from;
  return std::make_tuple(fields(settings), preshared_key_file, fields(endpoints), enabled, expires);
}

/// It changes nothing.
inline bool is_empty(const plan& todo) {
  return !todo.tunnel.set_private_key && todo.tunnel.removed.empty() &&
         todo.tunnel.changed.empty() && !todo.tunnel.forget_sources && todo.endpoints.empty() &&
         !todo.listen_port_changed && !todo.fwmark_changed && !todo.socket_options_changed &&
         !todo.data_path_changed && !todo.mtu_changed && !todo.queue_length_changed &&
         !todo.log_levels_changed && !todo.credit_changed && todo.addresses_to_remove.empty() &&
         todo.addresses_to_add.empty() && todo.routes_to_remove.empty() &&
         todo.routes_to_add.empty() && todo.rules_to_remove.empty() && todo.rules_to_add.empty() &&
         todo.needs_restart.empty();
}

inline void expect_same(const config& left, const config& right, const std::string& text) {
  const auto& [interface, tun, udp, tunnel, credit, log, admin, peers] = left;
  BOOST_TEST((fields(interface) == fields(right.interface)), text);
  BOOST_TEST((fields(tun) == fields(right.tun)), text);
  BOOST_TEST((fields(udp) == fields(right.udp)), text);
  BOOST_TEST((fields(tunnel) == fields(right.tunnel)), text);
  BOOST_TEST((fields(credit) == fields(right.credit)), text);
  BOOST_TEST((fields(log) == fields(right.log)), text);
  BOOST_TEST((fields(admin) == fields(right.admin)), text);
  BOOST_REQUIRE_EQUAL(peers.size(), right.peers.size());
  for (std::size_t i = 0; i < peers.size(); ++i)
    BOOST_TEST((fields(peers[i]) == fields(right.peers[i])), "peer " << i << " of " << text);
  BOOST_TEST(is_empty(diff(left, right)), text);
  BOOST_TEST(is_empty(diff(right, left)), text);
}

} // namespace troupe::conf
