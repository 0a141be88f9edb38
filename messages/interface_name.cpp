#include "messages/interface_name.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr std::size_t name_octets_max = 15; // IFNAMSIZ less the terminating zero

bool may_hold(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_=+.-").find(c) != std::string_view::npos;
}

} // namespace

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > name_octets_max || name.front() == '-')
    return false;
  for (const std::string_view taken : {".", "..", "all", "default"})
    if (name == taken)
      return false;
  return std::all_of(name.begin(), name.end(), may_hold);
}

} // namespace troupe
