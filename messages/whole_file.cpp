#include "messages/whole_file.hpp"

#include "messages/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace troupe {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw std::system_error(errno, std::system_category(), what + " " + path);
}

/// A name that came or went in it is there, or gone, after a power failure, too.
void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const unique_fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.fd()) != 0)
    fail("cannot write to", folder);
}

void write_new(const std::string& path, std::string_view text, unsigned mode) {
  ::unlink(path.c_str());
  const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::fchmod(file.fd(), mode) != 0)
    fail("cannot make", path);
  while (!text.empty()) {
    const ssize_t done = ::write(file.fd(), text.data(), text.size());
    if (done < 0 && errno != EINTR)
      fail("cannot write", path);
    text.remove_prefix(done > 0 ? static_cast<std::size_t>(done) : 0);
  }
  if (::fsync(file.fd()) != 0)
    fail("cannot write", path);
}

} // namespace

void write_whole(const std::string& path, std::string_view text, unsigned mode) {
  const std::string fresh = path + ".new";
  try {
    write_new(fresh, text, mode);
    if (::rename(fresh.c_str(), path.c_str()) != 0)
      fail("cannot write", path);
  } catch (const std::system_error&) {
    ::unlink(fresh.c_str());
    throw;
  }
  sync_folder_of(path);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0)
    return sync_folder_of(path);
  if (errno != ENOENT)
    fail("cannot remove", path);
}

} // namespace troupe
