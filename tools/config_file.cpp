#include "tools/config_file.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"

#include "conf/toml.hpp"
#include "crypto/noise.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace troupe::tools {

namespace {

struct read_file {
  std::string text;
  struct stat facts {};
};

/// The file's content, or why not.
std::variant<read_file, std::string> read_all(const std::string& path) {
  const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  read_file result;
  if (!file || ::fstat(file.fd(), &result.facts) != 0)
    return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(result.facts.st_mode))
    return std::string("is no regular file");
  if (static_cast<std::size_t>(result.facts.st_size) > limits::config_octets_max)
    return "is larger than " + std::to_string(limits::config_octets_max) + " octets";
  result.text.resize(static_cast<std::size_t>(result.facts.st_size));
  std::size_t filled = 0;
  while (filled < result.text.size()) {
    const ssize_t got = ::read(file.fd(), result.text.data() + filled, result.text.size() - filled);
    if (got < 0)
      return std::string("cannot be read: ") + std::strerror(errno);
    if (got == 0)
      break;
    filled += static_cast<std::size_t>(got);
  }
  result.text.resize(filled);
  return result;
}

bool others_can_read(const struct stat& facts) {
  return (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

/// Whose file it is may write it and give it away: root's or our own, nobody else's.
bool others_own(const struct stat& facts) {
  return facts.st_uid != 0 && facts.st_uid != ::geteuid();
}

bool others_can_write(const struct stat& facts) {
  return (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

conf::key_reader key_reader_beside(const std::filesystem::path& folder) {
  return
      [folder](const std::string& written) -> std::variant<conf::key_text, conf::key_unreadable> {
        const std::string path = (folder / written).string();
        std::variant<read_file, std::string> read = read_all(path);
        if (const std::string* fault = std::get_if<std::string>(&read))
          return conf::key_unreadable{*fault};
        read_file& file = std::get<read_file>(read);
        if (others_own(file.facts)) {
          wipe(file.text);
          return conf::key_unreadable{"it belongs to another user; run: chown root " + path};
        }
        if (others_can_read(file.facts) || others_can_write(file.facts)) {
          wipe(file.text);
          return conf::key_unreadable{"others can read or write it; run: chmod go-rwx " + path};
        }
        return conf::key_text{std::move(file.text)};
      };
}

std::vector<std::string> drop_ins_of(const std::filesystem::path& main) {
  std::filesystem::path folder = main;
  folder.replace_extension(".d");
  std::vector<std::string> found;
  std::error_code ignored; // no such folder: no drop-ins
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".toml")
      found.push_back(entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

} // namespace

std::variant<conf::config, std::vector<conf::config_error>> read_config(const std::string& path) {
  std::vector<conf::config_error> faults;
  std::vector<conf::source_file> files;
  std::vector<std::string> paths = drop_ins_of(path);
  paths.insert(paths.begin(), path);
  for (const std::string& each : paths) {
    std::variant<read_file, std::string> read = read_all(each);
    if (const std::string* fault = std::get_if<std::string>(&read)) {
      faults.push_back({{each, 1, 1}, *fault});
      continue;
    }
    read_file& file = std::get<read_file>(read);
    if (others_own(file.facts))
      faults.push_back({{each, 1, 1}, "the file belongs to another user; run: chown root " + each});
    files.push_back(
        {each, std::move(file.text), others_can_read(file.facts), others_can_write(file.facts)});
  }
  if (!faults.empty())
    return faults;

  conf::source_file main = std::move(files.front());
  files.erase(files.begin());
  std::variant<conf::config, std::vector<conf::config_error>> parsed =
      conf::parse_config(main, files, key_reader_beside(std::filesystem::path(path).parent_path()),
                         crypto::derive_public);
  wipe(main.text);
  for (conf::source_file& each : files)
    wipe(each.text);
  return parsed;
}

} // namespace troupe::tools
