#include "udp/trains.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace troupe::udp {

trains::trains() {
  trainless_paths_.reserve(limits::trainless_paths_max);
}

void trains::rule_out(ip_family family, std::string_view why) {
  of(family) = {1, 0, false, std::string(why)};
}

std::uint32_t trains::together(const endpoint& remote, std::uint32_t left,
                               std::uint32_t segment_octets) const {
  const std::uint32_t most = of(remote.address.family).now;
  if (left == 1 || most == 1 || find(remote) != trainless_paths_.end())
    return 1;
  const std::uint32_t fitting = limits::train_octets_max / segment_octets;
  return std::max<std::uint32_t>(1, std::min({left, most, fitting}));
}

bool trains::refused(const endpoint& remote, int error) {
  limit& family = of(remote.address.family);
  const bool shortest = family.now <= limits::datagrams_per_train_retry;
  if (error == EMSGSIZE || (family.taken && (error == EIO || shortest))) {
    if (family.before != 0)
      family.now = std::exchange(family.before, 0);
    add_trainless(remote);
  } else if (error == EIO) {
    rule_out(remote.address.family, "the way out does not segment");
    return true;
  } else {
    family.before = std::max(family.before, family.now);
    family.now = shortest ? 1 : limits::datagrams_per_train_retry;
  }
  return false;
}

bool trains::learn(const endpoint& remote, bool sent) {
  limit& learnt = of(remote.address.family);
  if (!sent) // a single datagram neither: trains were not to blame
    std::erase_if(trainless_paths_, [&](const trainless_path& path) {
      return path.remote == remote && path.singles_left == limits::singles_before_train_retry;
    });
  if (learnt.before == 0)
    return false;
  if (!sent)
    learnt.now = learnt.before;
  learnt.before = 0;
  if (learnt.now > 1)
    return false;
  learnt.why_off = "the kernel refused joined datagrams";
  return true;
}

void trains::count_sent(const endpoint& remote, std::uint32_t datagrams) {
  if (datagrams > 1)
    of(remote.address.family).taken = true;
  if (datagrams > 1 || trainless_paths_.empty())
    return;
  const std::vector<trainless_path>::const_iterator found = find(remote);
  if (found == trainless_paths_.end())
    return;
  const std::vector<trainless_path>::iterator path =
      trainless_paths_.begin() + (found - trainless_paths_.cbegin());
  if (--path->singles_left == 0)
    trainless_paths_.erase(path);
}

void trains::add_trainless(const endpoint& remote) {
  if (trainless_paths_.size() == limits::trainless_paths_max)
    trainless_paths_.erase(trainless_paths_.begin());
  trainless_paths_.push_back({remote, limits::singles_before_train_retry});
}

std::string trains::text() const {
  std::string text;
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    const limit& each = of(family);
    const std::string name(to_string(family));
    if (!each.why_off.empty())
      text += name + " off: " + each.why_off + "; ";
    else if (each.before == 0 && each.now < limits::joined_datagrams_max)
      text += name + " at most " + std::to_string(each.now) + " at once: the kernel took no more; ";
  }
  if (!trainless_paths_.empty())
    text += "single datagrams to " + std::to_string(trainless_paths_.size()) +
            " whose path takes no trains; ";
  return text.empty() ? "on" : text.substr(0, text.size() - 2);
}

std::vector<trains::trainless_path>::const_iterator trains::find(const endpoint& remote) const {
  return std::find_if(trainless_paths_.begin(), trainless_paths_.end(),
                      [&](const trainless_path& path) { return path.remote == remote; });
}

} // namespace troupe::udp
