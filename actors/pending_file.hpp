// The change that waits to be confirmed, on disk: what the configuration was before it, so that a
// daemon that is killed meanwhile comes back with that.
#pragma once

#include <string>

namespace troupe::actors {

class pending_file {
public:
  /// `folder` is the interface's own (`/var/lib/troupe/IFNAME`); it is made when it is needed.
  explicit pending_file(std::string folder);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool exists() const;
  /// On disk when it returns, and readable by its owner alone. Throws std::system_error.
  void write(const std::string& text) const;
  /// With the folder, if nothing else is in it. Throws std::system_error if it stays.
  void remove() const;

private:
  std::string folder_;
  std::string path_;
};

} // namespace troupe::actors
