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
#include <optional>

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

conf::key_reader key_reader_beside(const std::filesystem::path& folder, config_files* texts) {
  return [folder, texts](const std::string& written) {
    std::variant<conf::key_text, conf::key_unreadable> read =
        read_key_file((folder / written).string());
    if (const conf::key_text* const key = std::get_if<conf::key_text>(&read);
        key != nullptr && texts != nullptr)
      texts->keys.push_back({written, key->text, key->path});
    return read;
  };
}

/// As `path` has it, with what its permissions say. Adds to `faults` what is wrong with the file.
std::optional<conf::source_file> read_source(const std::string& path,
                                             std::vector<conf::config_error>& faults) {
  std::variant<read_file, std::string> read = read_all(path);
  if (const std::string* fault = std::get_if<std::string>(&read)) {
    faults.push_back({{path, 1, 1}, *fault});
    return std::nullopt;
  }
  read_file& file = std::get<read_file>(read);
  if (others_own(file.facts))
    faults.push_back({{path, 1, 1}, "the file belongs to another user; run: chown root " + path});
  return conf::source_file{path, std::move(file.text), others_can_read(file.facts),
                           others_can_write(file.facts)};
}

conf::drop_in_files read_drop_ins(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error))
    if (entry->path().extension() == ".toml")
      paths.push_back(entry->path().string());
  std::sort(paths.begin(), paths.end());
  conf::drop_in_files result;
  if (error && error != std::errc::no_such_file_or_directory) // no folder: no drop-ins
    result.faults.push_back(
        {{folder.string(), 1, 1}, "the drop-ins cannot be listed: " + error.message()});
  for (const std::string& path : paths)
    if (std::optional<conf::source_file> file = read_source(path, result.faults))
      result.files.push_back(std::move(*file));
  return result;
}

} // namespace

std::variant<conf::key_text, conf::key_unreadable> read_key_file(const std::string& path) {
  std::variant<read_file, std::string> read = read_all(path);
  if (const std::string* fault = std::get_if<std::string>(&read))
    return conf::key_unreadable{*fault};
  read_file& file = std::get<read_file>(read);
  const bool foreign = others_own(file.facts);
  if (foreign || others_can_read(file.facts) || others_can_write(file.facts)) {
    wipe(file.text);
    return conf::key_unreadable{foreign ? "it belongs to another user; run: chown root " + path
                                        : "others can read or write it; run: chmod go-rwx " + path};
  }
  return conf::key_text{std::move(file.text), std::filesystem::absolute(path)};
}

config_files::~config_files() {
  for (std::vector<file>* const all : {&sources, &keys})
    for (file& each : *all)
      wipe(each.text);
}

std::variant<conf::config, std::vector<conf::config_error>> read_config(const std::string& path,
                                                                        config_files* texts) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::vector<conf::config_error> faults;
  std::optional<conf::source_file> main = read_source(path, faults);
  if (!main)
    return faults;
  const auto keep = [texts](const conf::source_file& source) {
    if (texts != nullptr)
      texts->sources.push_back({source.path, source.text, std::filesystem::absolute(source.path)});
  };
  keep(*main);
  const auto drop_ins = [&](const std::string& name) {
    conf::drop_in_files found = read_drop_ins(folder / (name + ".d"));
    std::for_each(found.files.begin(), found.files.end(), keep);
    return found;
  };
  std::variant<conf::config, std::vector<conf::config_error>> parsed =
      conf::parse_config(*main, drop_ins, key_reader_beside(folder, texts), crypto::derive_public);
  wipe(main->text);
  if (faults.empty())
    return parsed;
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&parsed))
    faults.insert(faults.end(), errors->begin(), errors->end());
  return faults;
}

} // namespace troupe::tools
