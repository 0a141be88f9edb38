// The TUN device: opening it by name, or taking over a descriptor that somebody else opened. Its
// settings (addresses, MTU, up) are tun/link's, what lies in its packets is nobody's here.
//
// The interface lives as long as a descriptor of it is open, unless it was made persistent from
// outside. The device, its sources and its sinks share the descriptor; the last one to go closes
// it.
#pragma once

#include "messages/unique_fd.hpp"
#include "tun/device_queue.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tun {

struct device_options {
  /// 1 to limits::tun_queues_max.
  std::size_t queues = 1;
  /// Super-packets, both ways, as far as the kernel has them.
  bool offload = true;
};

class device final : public queue_set {
public:
  /// Makes the interface, or opens a persistent one that nobody has open. It has IFF_MULTI_QUEUE
  /// (or, a persistent one made without and asked for one queue, has not).
  /// Throws std::system_error with a text that says what to do about it.
  static device open(std::string_view name, const device_options& options = {});
  /// Takes over an open TUN descriptor (WG_TUN_FD), with or without IFF_VNET_HDR. Its name is the
  /// kernel's; see `current_name`. Throws std::system_error.
  static device adopt(unique_fd opened, bool offload = true);

  /// The name when it was opened.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The name now, since `ip link set NAME name OTHER` may change it; empty once the device is
  /// gone.
  [[nodiscard]] std::string current_name() const;
  /// For tun/link_monitor, and for whoever hands the device on. Stays owned by the device.
  [[nodiscard]] int fd() const { return queues_.front()->fd.fd(); }
  /// What was found when it was opened.
  [[nodiscard]] const device_offloads& offloads() const { return offloads_; }

  [[nodiscard]] std::size_t queues() const override { return queues_.size(); }
  [[nodiscard]] std::shared_ptr<packet_source> source(std::size_t queue) const override;
  [[nodiscard]] std::shared_ptr<packet_sink> sink(std::size_t queue) const override;
  void add_queue() override;
  void remove_queue() override;
  void set_offload(bool wanted) override;

private:
  device(std::vector<std::shared_ptr<const queue_file>> queues, std::string name,
         device_offloads offloads);

  std::vector<std::shared_ptr<const queue_file>> queues_;
  std::string name_;
  device_offloads offloads_;
};

/// A TUN device takes any number of queues, whoever opens them: two daemons would share one
/// interface, and its packets. Throws std::system_error if some process has it open.
void require_unused(const std::string& name);

/// The interface name that a TUN descriptor has now; empty when it has none (any more).
std::string interface_name_of(int tun_fd);

} // namespace troupe::tun
