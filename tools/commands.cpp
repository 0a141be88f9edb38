#include "tools/commands.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace troupe::tools {

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::system_category(), "cannot write the answer");
}

void add_json_option(CLI::App& command, common_options& common) {
  command.add_flag("--json", common.json, "for scripts: keys may be added, none is renamed");
}

} // namespace troupe::tools
