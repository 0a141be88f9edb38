// The daemon's own configuration file on disk.
#pragma once

#include "actors/config_store.hpp"
#include "tools/config_file.hpp"

namespace troupe::tools {

class file_store final : public actors::config_store {
public:
  file_store(std::string path, permissions how) : path_(std::move(path)), how_(how) {}
  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] std::variant<conf::config, std::vector<conf::config_error>> read() const override;
  void write(const std::string& text) override;

private:
  std::string path_;
  permissions how_;
};

} // namespace troupe::tools
