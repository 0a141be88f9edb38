#include "actors/pending_file.hpp"

#include "messages/whole_file.hpp"

#include <filesystem>

namespace troupe::actors {

namespace fs = std::filesystem;

pending_file::pending_file(std::string folder)
    : folder_(std::move(folder)), path_(folder_ + "/pending.toml") {}

bool pending_file::exists() const {
  std::error_code none;
  return fs::exists(path_, none);
}

void pending_file::write(const std::string& text) const {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
  write_whole(path_, text, 0600);
}

void pending_file::remove() const {
  remove_file(path_);
  std::error_code stays; // if something else is in it
  fs::remove(folder_, stays);
}

} // namespace troupe::actors
