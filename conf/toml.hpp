// From TOML text to a configuration, or to every error of meaning that is in it. Strict: what is
// not known is an error, so that a typing mistake never passes for a default. Reads no file: texts
// and the content of key files are handed in.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"

#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::conf {

struct source_file {
  std::string path; // as errors shall name it
  std::string text;
  /// From its permissions: refused if others could change it, or could read a key in it.
  bool others_can_read = false;
  bool others_can_write = false;
  /// A daemon wrote it of itself: a key counts although the file that it came from is named as
  /// well.
  bool kept_by_daemon = false;
};

/// The content of a key file. Wiped by who receives it.
struct key_text {
  std::string text;
  /// Where it is: what the configuration names from then on, wherever that is written.
  std::string path;
};

/// Why a key file could not be read, and the cure; without its path, which is added.
struct key_unreadable {
  std::string why;
};

/// Called with the path as it is written in the configuration; a relative one is the callee's to
/// interpret.
using key_reader = std::function<std::variant<key_text, key_unreadable>(const std::string& path)>;

/// The public key of a secret one.
using key_deriver = std::function<public_key(const secret_key&)>;

/// IFNAME.d/*.toml in sorted order, and what is wrong with them as files. The texts are wiped by
/// who receives them.
struct drop_in_files {
  std::vector<source_file> files;
  std::vector<config_error> faults;
};

/// Called with the interface's name once that is known to be one.
using drop_in_reader = std::function<drop_in_files(const std::string& interface_name)>;

/// Drop-ins may hold [[peer]] tables only. Errors come in the order of the files, then by position;
/// where a file is no TOML, its syntax error stands alone, or with those of other drop-ins.
std::variant<config, std::vector<config_error>> parse_config(const source_file& main,
                                                             const drop_in_reader& read_drop_ins,
                                                             const key_reader& read_key,
                                                             const key_deriver& derive);

} // namespace troupe::conf
