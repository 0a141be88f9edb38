// The daemon's own configuration file on disk.
#pragma once

#include "actors/config_store.hpp"

namespace troupe::tools {

class file_store final : public actors::config_store {
public:
  explicit file_store(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] std::variant<conf::config, std::vector<conf::config_error>> read() const override;
  void write(const std::string& text) override;

private:
  std::string path_;
};

} // namespace troupe::tools
