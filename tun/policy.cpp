#include "tun/policy.hpp"

#include "messages/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <new>
#include <system_error>

namespace troupe::tun {

namespace {

using outcome = link_change::outcome;

const std::string ipv4_settings = "/proc/sys/net/ipv4/conf/";

/// libnl 3.7 has no word for suppress_prefixlength, so that the message is put together here.
netlink_message rule_message(int type, int flags, const placed_rule& from) {
  const link_rule& rule = from.rule;
  fib_rule_hdr fixed{};
  fixed.family = linux_family(rule.family);
  fixed.action = FR_ACT_TO_TBL;
  if (rule.mark != 0)
    fixed.flags = FIB_RULE_INVERT;
  netlink_message message = new_message(type, flags, fixed);
  put(message, FRA_PRIORITY, from.priority);
  put(message, FRA_TABLE, rule.mark != 0 ? rule.mark : main_table);
  if (rule.mark != 0) {
    put(message, FRA_FWMARK, rule.mark);
    put(message, FRA_FWMASK, std::numeric_limits<std::uint32_t>::max());
  } else {
    put(message, FRA_SUPPRESS_PREFIXLEN, 0);
  }
  if (nla_put_u8(message.get(), FRA_PROTOCOL, RTPROT_STATIC) < 0)
    throw std::bad_alloc();
  return message;
}

/// As ip(8) writes it, so that it can be looked for.
std::string describe(const placed_rule& from) {
  const std::string mark = std::to_string(from.rule.mark);
  return std::string(to_string(from.rule.family)) + " rule " + std::to_string(from.priority) +
         (from.rule.mark != 0 ? ": not fwmark " + mark + " lookup " + mark
                              : ": lookup main suppress_prefixlength 0");
}

link_change explain(const std::string& what, const netlink_answer& answer) {
  if (answer.error == 0)
    return {};
  std::string text = what;
  if (answer.error == EPERM)
    text += ": CAP_NET_ADMIN is needed: start as root";
  else if (answer.error == EAFNOSUPPORT || answer.error == EOPNOTSUPP)
    text += ": the kernel has no policy routing (IP_MULTIPLE_TABLES): set routes = \"off\" or "
            "table = \"main\", and route yourself";
  if (!answer.explanation.empty())
    text += " (kernel: " + answer.explanation + ")";
  return {outcome::refused, std::error_code(answer.error, std::system_category()), text};
}

/// The number in a file of one line; nothing if there is none.
std::optional<int> number_in(const std::string& path) {
  const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char digit = 0;
  if (!file || ::read(file.fd(), &digit, 1) != 1 || digit < '0' || digit > '9')
    return std::nullopt;
  return digit - '0';
}

struct close_folder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

} // namespace

link_change policy_table::add(const placed_rule& wanted) {
  const netlink_answer answer =
      netlink_.request(rule_message(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, wanted));
  if (answer.error == EEXIST)
    return {outcome::already_so, {}, {}};
  return explain("cannot add the " + describe(wanted), answer);
}

link_change policy_table::remove(const placed_rule& unwanted) {
  const netlink_answer answer = netlink_.request(rule_message(RTM_DELRULE, NLM_F_ACK, unwanted));
  if (answer.error == ENOENT || answer.error == EAFNOSUPPORT)
    return {outcome::already_so, {}, {}};
  return explain("cannot remove the " + describe(unwanted), answer);
}

std::uint32_t policy_table::least_priority(ip_family family) {
  fib_rule_hdr fixed{};
  fixed.family = linux_family(family);
  constexpr std::uint32_t main_rule = 32766; // as the kernel makes it
  std::uint32_t least = main_rule;
  static_cast<void>(
      netlink_.request(new_message(RTM_GETRULE, NLM_F_DUMP, fixed), [&least](nlmsghdr& header) {
        const nlattr* const given = nlmsg_find_attr(&header, sizeof(fib_rule_hdr), FRA_PRIORITY);
        if (const std::uint32_t priority = given != nullptr ? nla_get_u32(given) : 0; priority != 0)
          least = std::min(least, priority);
      }));
  return least;
}

std::optional<std::uint32_t> policy_table::free_table(std::uint32_t first, std::uint32_t many) {
  for (std::uint32_t table = first; table < first + many; ++table)
    if (!has_routes(table, ip_family::v4) && !has_routes(table, ip_family::v6))
      return table;
  return std::nullopt;
}

/// A kernel that filters has none to show where there is no such table, and says so as an error.
bool policy_table::has_routes(std::uint32_t table, ip_family family) {
  rtmsg fixed{};
  fixed.rtm_family = linux_family(family);
  const netlink_message message = new_message(RTM_GETROUTE, NLM_F_DUMP, fixed);
  put(message, RTA_TABLE, table);
  bool found = false;
  static_cast<void>(netlink_.request(message, [&found, table](nlmsghdr& header) {
    const nlattr* const given = nlmsg_find_attr(&header, sizeof(rtmsg), RTA_TABLE);
    found = found || (given != nullptr && nla_get_u32(given) == table);
  }));
  return found;
}

std::vector<std::string> strict_interfaces(const std::string& own) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, close_folder> folder(::opendir(ipv4_settings.c_str()));
  if (!folder)
    return found;
  constexpr int strict = 1;
  const int of_all = number_in(ipv4_settings + "all/rp_filter").value_or(0);
  while (const dirent* const entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name == "all" || name == "default" || name == "lo" || name == own || name.front() == '.')
      continue;
    // The kernel takes the larger of the two.
    if (std::max(of_all, number_in(ipv4_settings + name + "/rp_filter").value_or(0)) == strict)
      found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<bool> source_marks_count() {
  const std::optional<int> number = number_in(ipv4_settings + "all/src_valid_mark");
  return number ? std::optional(*number != 0) : std::nullopt;
}

bool set_source_marks_count(bool wanted) {
  const std::string path = ipv4_settings + "all/src_valid_mark";
  const unique_fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.fd(), wanted ? "1" : "0", 1) == 1;
}

} // namespace troupe::tun
