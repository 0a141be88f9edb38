// What the kernel's TUN driver answers, found by experiment on Linux 6.18 with a descriptor opened
// O_NONBLOCK and IFF_TUN | IFF_NO_PI:
//
//   the interface is     read(2)                   write(2)   poll(2)
//   up                   a packet, else EAGAIN     its size   POLLOUT, POLLIN if packets wait
//   down                 as if up                  EIO        POLLIN if packets wait
//   deleted, or its      EBADFD                    EBADFD     POLLERR
//     namespace is
//
// Renaming it changes nothing. Moving it to another namespace sets it down, keeps its MTU and what
// waits, and after that the table holds there. Its end wakes a poll(2) for POLLIN, but none that
// asks for POLLERR alone; a read that was blocked then may see EFAULT.
//
// A packet larger than the buffer is cut to it and read(2) returns the buffer's size, so a full
// buffer means a cut packet. What is empty or no IP packet is refused with EINVAL; any other length
// is written, even above the MTU and above 65,535.
#include "tun/device.hpp"

#include "messages/interface_name.hpp"

#include "tun/slots.hpp"

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
    fail(error,
         "interface " + name +
             " exists and is no plain TUN device (it is of another kind, "
             "or a tap or multi_queue device): choose another name, or remove it with `ip link "
             "del " +
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

/// Beyond this point packets are bare IP packets: no other header precedes them. (That an adopted
/// descriptor was opened with IFF_NO_PI is taken on trust: TUNGETIFF uses the same bit to say that
/// no socket filter is attached.)
void require_plain_tun(const attachment& attached, const std::string& which) {
  if ((attached.flags & IFF_TUN) == 0)
    fail(EINVAL, which + " is a tap device; a TUN device is needed");
  if ((attached.flags & IFF_VNET_HDR) != 0)
    fail(EINVAL, which + " was opened with IFF_VNET_HDR, which this version does not take; open it "
                         "with IFF_TUN | IFF_NO_PI");
}

class device_source : public packet_source {
public:
  explicit device_source(std::shared_ptr<const unique_fd> queue) : queue_(std::move(queue)) {}

  read_result read_batch(slab& into, std::uint32_t mtu) override {
    read_result result;
    for (slot_filler filler(into, mtu); filler.has_room();) {
      const bytes place = filler.next_packet();
      const ssize_t length = ::read(fd(), place.data(), place.size());
      if (length > 0) {
        ++(filler.keep(static_cast<std::size_t>(length)) ? result.packets : result.oversize);
        continue;
      }
      if (length < 0 && errno == EINTR)
        continue;
      // Any error that the table above does not know counts as gone too: a reader that went on
      // polling a descriptor which is readable and cannot be read would use a whole core.
      if (length == 0 || errno != EAGAIN)
        result.state = queue_state::gone;
      result.device_empty = true;
      break;
    }
    return result;
  }

  [[nodiscard]] int fd() const override { return queue_->fd(); }

private:
  std::shared_ptr<const unique_fd> queue_;
};

class device_sink : public packet_sink {
public:
  explicit device_sink(std::shared_ptr<const unique_fd> queue) : queue_(std::move(queue)) {}

  write_result write_batch(const slab& from) override {
    write_result result;
    for (const delivery& each : from.deliveries) {
      const const_bytes packet = from.range(each.offset, each.length);
      ssize_t written = 0;
      do
        written = ::write(fd(), packet.data(), packet.size());
      while (written < 0 && errno == EINTR);
      if (written >= 0) {
        ++result.packets;
        result.octets += each.length;
      } else if (errno == EBADFD || errno == EBADF) {
        result.state = queue_state::gone;
        break;
      } else {
        ++result.refused;
      }
    }
    return result;
  }

  [[nodiscard]] int fd() const override { return queue_->fd(); }

private:
  std::shared_ptr<const unique_fd> queue_;
};

} // namespace

device device::open(std::string_view name) {
  const std::string wanted(name);
  if (!is_interface_name(wanted))
    fail(EINVAL,
         "`" + wanted +
             "` cannot be an interface name: 1 to 15 letters, digits and _ = + . -, no - in front");
  unique_fd opened(::open(tun_path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!opened)
    fail_to_open(errno);
  ifreq request{};
  std::copy(wanted.begin(), wanted.end(), request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(opened.fd(), TUNSETIFF, &request) != 0)
    fail_to_attach(errno, wanted);
  const attachment attached = attachment_of(opened.fd());
  if (attached.error != 0)
    fail(attached.error, "interface " + wanted + " vanished while it was being opened");
  require_plain_tun(attached, "interface " + attached.name);
  return {std::move(opened), attached.name};
}

device device::adopt(unique_fd opened) {
  const std::string which = "file descriptor " + std::to_string(opened.fd());
  const attachment attached = attachment_of(opened.fd());
  if (attached.error != 0)
    fail(attached.error, which +
                             " is no TUN device with an interface: pass one that was opened from " +
                             tun_path + " and set up with TUNSETIFF");
  require_plain_tun(attached, which + " (interface " + attached.name + ")");
  const int status = ::fcntl(opened.fd(), F_GETFL);
  if (status < 0 || ::fcntl(opened.fd(), F_SETFL, status | O_NONBLOCK) != 0 ||
      ::fcntl(opened.fd(), F_SETFD, FD_CLOEXEC) != 0)
    fail(errno, which + " cannot be made non-blocking");
  return {std::move(opened), attached.name};
}

device::device(unique_fd queue, std::string name)
    : queue_(std::make_shared<const unique_fd>(std::move(queue))), name_(std::move(name)) {}

std::string device::current_name() const {
  return interface_name_of(fd());
}

std::unique_ptr<packet_source> device::source(std::size_t) const {
  return std::make_unique<device_source>(queue_);
}

std::unique_ptr<packet_sink> device::sink(std::size_t) const {
  return std::make_unique<device_sink>(queue_);
}

std::string interface_name_of(int tun_fd) {
  return attachment_of(tun_fd).name;
}

} // namespace troupe::tun
