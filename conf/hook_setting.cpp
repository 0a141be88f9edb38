#include "conf/hook_setting.hpp"

#include "messages/limits.hpp"

namespace troupe::conf {

std::string hook_fault(const hook_list& list, std::string_view command) {
  if (command.find_first_not_of(" \t\n") == std::string_view::npos)
    return " holds an empty command; leave it out";
  if (command.find('\0') != std::string_view::npos)
    return " holds a command with a zero octet in it; no command has one, take it out";
  if (command.size() > limits::hook_octets_max)
    return " holds a command of more than " + std::to_string(limits::hook_octets_max) +
           " octets; put it into a script, and name that";
  if (list.size() >= limits::hooks_max)
    return " has more than " + std::to_string(limits::hooks_max) +
           " commands; put them into a script, and name that";
  return {};
}

void read_hooks(section& from, hooks& result) {
  for (const hook_kind& kind : hook_kinds) {
    const value* given = from.find(kind.key);
    if (given == nullptr)
      continue;
    const bool single = given->what == value::kind::string;
    if (!single && given->what != value::kind::array) {
      from.error(given->at, "`" + std::string(kind.key) +
                                "` must be a string or an array of strings, not " +
                                std::string(kind_name(given->what)));
      continue;
    }
    if (!single)
      given = from.strings(kind.key);
    hook_list& list = result.*kind.list;
    for (const value& item : single ? std::span(given, 1) : std::span(given->items)) {
      if (const std::string fault = hook_fault(list, item.text); !fault.empty())
        from.error(item.at, "`" + std::string(kind.key) + "`" + fault);
      else
        list.push_back(item.text);
    }
  }
}

} // namespace troupe::conf
