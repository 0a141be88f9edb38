#include "tun/device.hpp"

#include "messages/interface_name.hpp"

#include "tun/netlink.hpp"
#include "tun/vnet_header.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace troupe::tun {

namespace {

constexpr const char* tun_path = "/dev/net/tun";
constexpr int open_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
constexpr const char* no_header = "the descriptor was opened without IFF_VNET_HDR";

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), what);
}

[[noreturn]] void fail_to_open(int error) {
  const std::string path = tun_path;
  switch (error) {
  case ENOENT:
    fail(error, "there is no " + path +
                    ": load the driver (modprobe tun), make the node (mkdir -p "
                    "/dev/net && mknod " +
                    path + " c 10 200), or give the container the device");
  case ENXIO:
  case ENODEV:
    fail(error, path + " is there but the kernel has no TUN driver: load it (modprobe tun)");
  case EPERM:
  case EACCES:
    fail(error,
         "opening " + path + " is not allowed: start as root, or give the container the device");
  default:
    fail(error, "cannot open " + path);
  }
}

[[noreturn]] void fail_to_attach(int error, const std::string& name) {
  switch (error) {
  case EPERM:
    fail(error, "making interface " + name + " needs the capability CAP_NET_ADMIN: start as root");
  case EBUSY:
    fail(error, "interface " + name +
                    " is in use by another process: end that one, or choose "
                    "another name");
  case EINVAL:
    // The name itself was checked before.
    fail(error, "interface " + name +
                    " exists and is no TUN device of this kind (it is of another kind, or a tap "
                    "device, or has one queue only): choose another name, or remove it with `ip "
                    "link del " +
                    name + "`");
  default:
    fail(error, "cannot make interface " + name);
  }
}

/// The kernel's flags and name of an attached TUN descriptor, or what TUNGETIFF failed with.
struct attachment {
  int error = 0;
  std::string name;
  unsigned flags = 0;
};

attachment attachment_of(int tun_fd) {
  ifreq request{};
  if (::ioctl(tun_fd, TUNGETIFF, &request) != 0)
    return {errno, {}, 0};
  const std::size_t length = ::strnlen(request.ifr_name, IFNAMSIZ);
  return {0, std::string(request.ifr_name, length), static_cast<unsigned short>(request.ifr_flags)};
}

/// That a descriptor was opened with IFF_NO_PI is taken on trust: TUNGETIFF uses the same bit to
/// say that no socket filter is attached.
void require_tun(const attachment& attached, const std::string& which) {
  if ((attached.flags & IFF_TUN) == 0)
    fail(EINVAL, which + " is a tap device; a TUN device is needed");
}

/// 0, or what TUNSETIFF failed with.
int attach(const unique_fd& opened, const std::string& name, int flags) {
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);
  request.ifr_flags = static_cast<short>(flags);
  return ::ioctl(opened.fd(), TUNSETIFF, &request) == 0 ? 0 : errno;
}

unique_fd open_tun() {
  unique_fd opened(::open(tun_path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!opened)
    fail_to_open(errno);
  return opened;
}

/// TUN_F_USO4 and TUN_F_USO6, for which Debian 12's headers are too old.
constexpr unsigned datagram_segments = 0x20 | 0x40;

device_offloads all_off(const std::string& why) {
  return {{false, why}, {false, why}};
}

/// Asks the kernel to hand over super-packets, which it then takes as well.
device_offloads set_offloads(const unique_fd& opened, bool wanted) {
  constexpr unsigned tcp_segments = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  // The header's length is the device's, and may be what an earlier process wanted.
  int header_octets = sizeof(vnet_header);
  if (::ioctl(opened.fd(), TUNSETVNETHDRSZ, &header_octets) != 0)
    fail(errno, "the TUN device does not take the header of its packets");
  if (!wanted) {
    ::ioctl(opened.fd(), TUNSETOFFLOAD, 0UL);
    return all_off("switched off by tun.offload");
  }
  if (::ioctl(opened.fd(), TUNSETOFFLOAD, static_cast<unsigned long>(tcp_segments)) != 0)
    return all_off("the kernel refused it: " + std::generic_category().message(errno));
  if (::ioctl(opened.fd(), TUNSETOFFLOAD,
              static_cast<unsigned long>(tcp_segments | datagram_segments)) != 0)
    return {{true, ""}, {false, "needs Linux 6.2"}};
  return {{true, ""}, {true, ""}};
}

} // namespace

void require_unused(const std::string& name) {
  const std::optional<link_facts> found = netlink_socket().find_link(name);
  if (found && found->in_use)
    fail_to_attach(EBUSY, name);
}

device device::open(std::string_view name, const device_options& options) {
  const std::string wanted(name);
  if (!is_interface_name(wanted))
    fail(EINVAL,
         "`" + wanted +
             "` cannot be an interface name: 1 to 15 letters, digits and _ = + . -, no - in front");
  unique_fd first = open_tun();
  require_unused(wanted);
  int error = attach(first, wanted, open_flags | IFF_MULTI_QUEUE);
  if (error == EINVAL && options.queues == 1)
    error = attach(first, wanted, open_flags);
  if (error != 0)
    fail_to_attach(error, wanted);
  const attachment attached = attachment_of(first.fd());
  if (attached.error != 0)
    fail(attached.error, "interface " + wanted + " vanished while it was being opened");
  require_tun(attached, "interface " + attached.name);
  device_offloads offloads = set_offloads(first, options.offload);
  std::vector<std::shared_ptr<const queue_file>> queues;
  queues.push_back(std::make_shared<const queue_file>(queue_file{std::move(first), true}));
  device made(std::move(queues), attached.name, std::move(offloads));
  while (made.queues() < options.queues)
    made.add_queue();
  return made;
}

void device::add_queue() {
  const std::string name = current_name();
  unique_fd next = open_tun();
  if (const int error = attach(next, name, open_flags | IFF_MULTI_QUEUE); error != 0)
    fail(error, "cannot open queue " + std::to_string(queues_.size()) + " of interface " + name +
                    (error == EINVAL ? ": whoever made it allowed one queue only" : ""));
  const std::uint8_t index = static_cast<std::uint8_t>(queues_.size());
  queues_.push_back(std::make_shared<const queue_file>(queue_file{std::move(next), true, index}));
}

void device::remove_queue() {
  queues_.pop_back();
}

void device::set_offload(bool wanted) {
  offloads_ = queues_.front()->has_vnet_header ? set_offloads(queues_.front()->fd, wanted)
                                               : all_off(no_header);
}

device device::adopt(unique_fd opened, bool offload) {
  const std::string which = "file descriptor " + std::to_string(opened.fd());
  const attachment attached = attachment_of(opened.fd());
  if (attached.error != 0)
    fail(attached.error, which +
                             " is no TUN device with an interface: pass one that was opened from " +
                             tun_path + " and set up with TUNSETIFF");
  require_tun(attached, which + " (interface " + attached.name + ")");
  const int status = ::fcntl(opened.fd(), F_GETFL);
  if (status < 0 || ::fcntl(opened.fd(), F_SETFL, status | O_NONBLOCK) != 0 ||
      ::fcntl(opened.fd(), F_SETFD, FD_CLOEXEC) != 0)
    fail(errno, which + " cannot be made non-blocking");
  const bool has_header = (attached.flags & IFF_VNET_HDR) != 0;
  device_offloads offloads = has_header ? set_offloads(opened, offload) : all_off(no_header);
  std::vector<std::shared_ptr<const queue_file>> queues;
  queues.push_back(std::make_shared<const queue_file>(queue_file{std::move(opened), has_header}));
  return {std::move(queues), attached.name, std::move(offloads)};
}

device::device(std::vector<std::shared_ptr<const queue_file>> queues, std::string name,
               device_offloads offloads)
    : queues_(std::move(queues)), name_(std::move(name)), offloads_(std::move(offloads)) {}

std::string device::current_name() const {
  return interface_name_of(fd());
}

std::shared_ptr<packet_source> device::source(std::size_t queue) const {
  return std::make_shared<device_source>(queues_[queue]);
}

std::shared_ptr<packet_sink> device::sink(std::size_t queue) const {
  return std::make_shared<device_sink>(queues_[queue], offloads_);
}

std::string interface_name_of(int tun_fd) {
  return attachment_of(tun_fd).name;
}

} // namespace troupe::tun
