#include "conf/wg_quick.hpp"

#include "messages/interface_name.hpp"
#include "messages/limits.hpp"

#include "conf/section.hpp"
#include "conf/wg_quick_lines.hpp"
#include "conf/wg_quick_reader.hpp"
#include "conf/wording.hpp"

#include <algorithm>
#include <utility>

namespace troupe::conf {

namespace {

/// `/etc/wireguard/wg0.conf` -> `wg0`. Empty when it is no name, which is an error then.
std::string interface_name(const std::string& path, error_list& errors) {
  constexpr std::string_view suffix = ".conf";
  const std::string_view file = std::string_view(path).substr(path.rfind('/') + 1);
  const std::size_t length = file.size() > suffix.size() ? file.size() - suffix.size() : 0;
  const std::string_view name = file.substr(0, length);
  if (file.substr(length) == suffix && is_interface_name(name))
    return std::string(name);
  errors.add({}, "the file's name " + shown(file) +
                     " names no interface; call the file wg0.conf or the like: 1 to 15 letters, "
                     "digits or any of _=+.-, and no - in front, then .conf");
  return {};
}

} // namespace

std::string to_string(const import_note& note) {
  return note.where.file + ":" + std::to_string(note.where.line) + ":" +
         std::to_string(note.where.column) + ": note: " + note.text;
}

std::variant<wg_quick_import, std::vector<config_error>>
parse_wg_quick(const std::string& path, std::string_view text, const key_deriver& derive) {
  error_list errors(path);
  if (text.size() > limits::config_octets_max) {
    errors.add({}, "the file has " + std::to_string(text.size()) + " octets, at most " +
                       std::to_string(limits::config_octets_max) +
                       " are read; is it the right file?");
    return errors.take_sorted();
  }
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark)
    text.remove_prefix(byte_order_mark.size());
  const std::size_t valid = valid_utf8_octets(text);

  wg_quick_reader reader(interface_name(path, errors), errors);
  unsigned number = 0;
  for (std::size_t start = 0; start < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const wg_quick_line line = read_wg_quick_line(text.substr(start, end - start), number + 1);
    if (valid < end) {
      errors.add(line.at(text.substr(valid)), "not UTF-8 text; save the file as UTF-8");
      return errors.take_sorted();
    }
    reader.read(line);
    start = end + 1;
  }
  wg_quick_import read = reader.take(derive);
  std::vector<config_error> found = errors.take_sorted();
  if (!found.empty())
    return found;
  return read;
}

} // namespace troupe::conf
