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
  bool others_own = false;
  bool others_can_read = false;
  bool others_can_write = false;
};

/// Whose file it is may write it and give it away: root's or our own, nobody else's.
void judge(const struct stat& facts, read_file& file) {
  file.others_own = facts.st_uid != 0 && facts.st_uid != ::geteuid();
  file.others_can_read = (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
  file.others_can_write = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/// The file's content, or why not.
std::variant<read_file, std::string> read_all(const std::string& path, permissions how) {
  const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  read_file result;
  struct stat facts {};
  if (!file || ::fstat(file.fd(), &facts) != 0)
    return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(facts.st_mode))
    return std::string("is no regular file");
  if (static_cast<std::size_t>(facts.st_size) > limits::config_octets_max)
    return "is larger than " + std::to_string(limits::config_octets_max) + " octets";
  if (how == permissions::judged)
    judge(facts, result);
  result.text.resize(static_cast<std::size_t>(facts.st_size));
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

conf::key_reader key_reader_beside(const std::filesystem::path& folder, config_files* texts,
                                   permissions how) {
  return [folder, texts, how](const std::string& written) {
    std::variant<conf::key_text, conf::key_unreadable> read =
        read_key_file((folder / written).string(), how);
    if (const conf::key_text* const key = std::get_if<conf::key_text>(&read);
        key != nullptr && texts != nullptr)
      texts->keys.push_back({written, key->text, key->path});
    return read;
  };
}

/// As `path` has it, with what its permissions say. Adds to `faults` what is wrong with the file.
std::optional<conf::source_file> read_source(const std::string& path, permissions how,
                                             std::vector<conf::config_error>& faults) {
  std::variant<read_file, std::string> read = read_all(path, how);
  if (const std::string* fault = std::get_if<std::string>(&read)) {
    faults.push_back({{path, 1, 1}, *fault});
    return std::nullopt;
  }
  read_file& file = std::get<read_file>(read);
  if (file.others_own)
    faults.push_back({{path, 1, 1}, "the file belongs to another user; run: chown root " + path});
  return conf::source_file{path, std::move(file.text), file.others_can_read, file.others_can_write};
}

/// Whoever may write a folder may put another file in place of each in it. Nothing: it is safe, or
/// not there.
std::optional<conf::config_error> folder_fault(const std::string& folder) {
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0)
    return std::nullopt;
  read_file judged;
  judge(facts, judged);
  if (judged.others_own)
    return conf::config_error{{folder, 1, 1},
                              "the folder belongs to another user; run: chown root " + folder};
  if (judged.others_can_write)
    return conf::config_error{{folder, 1, 1},
                              "others can write this folder; run: chmod go-w " + folder};
  return std::nullopt;
}

conf::drop_in_files read_drop_ins(const std::filesystem::path& folder, permissions how) {
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
  if (std::optional<conf::config_error> fault =
          how == permissions::judged ? folder_fault(folder.string()) : std::nullopt)
    result.faults.push_back(std::move(*fault));
  for (const std::string& path : paths)
    if (std::optional<conf::source_file> file = read_source(path, how, result.faults))
      result.files.push_back(std::move(*file));
  return result;
}

std::variant<conf::config, std::vector<conf::config_error>>
read(const std::string& path, permissions how, config_files* texts, bool kept_by_daemon) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::vector<conf::config_error> faults;
  std::optional<conf::source_file> main = read_source(path, how, faults);
  if (!main)
    return faults;
  main->kept_by_daemon = kept_by_daemon;
  const auto keep = [texts](const conf::source_file& source) {
    if (texts != nullptr)
      texts->sources.push_back({source.path, source.text, std::filesystem::absolute(source.path)});
  };
  keep(*main);
  const auto drop_ins = [&](const std::string& name) {
    conf::drop_in_files found = read_drop_ins(folder / (name + ".d"), how);
    std::for_each(found.files.begin(), found.files.end(), keep);
    return found;
  };
  std::variant<conf::config, std::vector<conf::config_error>> parsed = conf::parse_config(
      *main, drop_ins, key_reader_beside(folder, texts, how), crypto::derive_public);
  wipe(main->text);
  if (faults.empty())
    return parsed;
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&parsed))
    faults.insert(faults.end(), errors->begin(), errors->end());
  return faults;
}

} // namespace

std::variant<conf::key_text, conf::key_unreadable> read_key_file(const std::string& path,
                                                                 permissions how) {
  std::variant<read_file, std::string> read = read_all(path, how);
  if (const std::string* fault = std::get_if<std::string>(&read))
    return conf::key_unreadable{*fault};
  read_file& file = std::get<read_file>(read);
  if (file.others_own || file.others_can_read || file.others_can_write) {
    wipe(file.text);
    return conf::key_unreadable{file.others_own
                                    ? "it belongs to another user; run: chown root " + path
                                    : "others can read or write it; run: chmod go-rwx " + path};
  }
  return conf::key_text{std::move(file.text), std::filesystem::absolute(path).lexically_normal()};
}

config_files::~config_files() {
  for (std::vector<file>* const all : {&sources, &keys})
    for (file& each : *all)
      wipe(each.text);
}

std::variant<conf::config, std::vector<conf::config_error>>
read_config(const std::string& path, permissions how, config_files* texts) {
  return read(path, how, texts, false);
}

std::variant<conf::config, std::vector<conf::config_error>>
read_kept_config(const std::string& path) {
  return read(path, permissions::judged, nullptr, true);
}

std::string ok_text(const std::string& path, const conf::config& read) {
  const std::size_t peers = read.peers.size();
  return path + ": ok, " + std::to_string(peers) + (peers == 1 ? " peer" : " peers");
}

} // namespace troupe::tools
