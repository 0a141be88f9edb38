// Going into the background, before any thread or logger exists: the child of a process with
// threads would hang. The parent waits until the child serves, or prints why it does not.
#pragma once

#include "messages/unique_fd.hpp"

#include <string>

namespace troupe::tools {

class parent_line {
public:
  /// In the foreground: nobody waits.
  parent_line() = default;
  explicit parent_line(unique_fd to_parent) : to_parent_(std::move(to_parent)) {}

  /// The interface and the sockets serve: the parent exits with 0. Without `keeps_stderr` nothing
  /// goes there any more, so that who reads the parent's to its end comes to it.
  void serving(bool keeps_stderr);
  /// Set-up failed: the parent prints the text and exits with 1. Without a parent it is printed
  /// here.
  void failed(const std::string& text);

private:
  unique_fd to_parent_;
};

/// Before anything else is opened: closed standard descriptors would be given to the TUN device or
/// a socket, and what is printed would go there.
void open_standard_descriptors();

/// Returns in the child only. The parent ends in here, with status 0 or 1; SIGTERM, SIGINT and
/// SIGHUP to it end the child, which says so.
parent_line go_to_background();

} // namespace troupe::tools
