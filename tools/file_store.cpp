#include "tools/file_store.hpp"

#include "messages/whole_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace troupe::tools {

std::variant<conf::config, std::vector<conf::config_error>> file_store::read() const {
  return read_config(path_, how_);
}

void file_store::write(const std::string& text) {
  // What a link leads to is written, and the link stays.
  std::error_code none;
  const std::filesystem::path target = std::filesystem::canonical(path_, none);
  const std::string path = none ? path_ : target.string();
  // The older one goes only when the new one is there.
  const std::string old = path + ".old";
  const std::string kept = path + ".kept";
  ::unlink(kept.c_str());
  if (::link(path.c_str(), kept.c_str()) != 0 && errno != ENOENT)
    throw std::system_error(errno, std::system_category(), "cannot keep the file as " + old);
  try {
    write_whole(path, text, 0600);
  } catch (...) {
    ::unlink(kept.c_str());
    throw;
  }
  ::rename(kept.c_str(), old.c_str()); // where there was no file, there is none to keep
}

} // namespace troupe::tools
