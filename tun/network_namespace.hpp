// Which network namespace an interface lives in, and which this process does. Internal to tun.
#pragma once

#include "messages/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace troupe::tun {

/// Tells network namespaces apart: those of the file that stands for one.
struct namespace_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const namespace_identity&, const namespace_identity&) = default;
};

/// Throws std::system_error.
namespace_identity identify(const unique_fd& network_namespace);

/// That of the calling thread. Throws std::system_error.
unique_fd own_namespace();

/// That of the interface. Absent: the device is gone (EBADFD), or the kernel does not tell (EPERM
/// without CAP_NET_ADMIN there).
unique_fd namespace_of(int tun_fd);

/// The reason for refusing to change settings of an interface that has moved.
std::string moved_text(const std::string& name);

} // namespace troupe::tun
