#include "udp/trains.hpp"

#include <algorithm>
#include <cerrno>

namespace troupe::udp {

trains::trains() {
  trainless_paths_.reserve(limits::trainless_paths_max);
}

void trains::rule_out(ip_family family, std::string_view why) {
  of(family) = {1, 0, std::string(why)};
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
  if (error == EMSGSIZE) {
    if (trainless_paths_.size() == limits::trainless_paths_max)
      trainless_paths_.erase(trainless_paths_.begin());
    trainless_paths_.push_back({remote, limits::singles_before_train_retry});
  } else if (error == EIO) {
    family = {1, 0, "the way out does not segment"};
    return true;
  } else {
    family.before = std::max(family.before, family.now);
    family.now =
        family.now > limits::datagrams_per_train_retry ? limits::datagrams_per_train_retry : 1;
  }
  return false;
}

bool trains::learn(ip_family family, bool sent) {
  limit& learnt = of(family);
  if (learnt.before == 0)
    return false;
  if (!sent)
    learnt.now = learnt.before; // trains were not to blame
  learnt.before = 0;
  if (learnt.now > 1)
    return false;
  learnt.why_off = "the kernel refused joined datagrams";
  return true;
}

void trains::count_single(const endpoint& remote) {
  if (trainless_paths_.empty())
    return;
  const std::vector<trainless_path>::const_iterator found = find(remote);
  if (found == trainless_paths_.end())
    return;
  const std::vector<trainless_path>::iterator path =
      trainless_paths_.begin() + (found - trainless_paths_.cbegin());
  if (--path->singles_left == 0)
    trainless_paths_.erase(path);
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
