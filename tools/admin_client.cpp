#include "tools/admin_client.hpp"

#include "messages/interface_name.hpp"
#include "messages/keys.hpp"
#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view run_folder = "/run/troupe";
constexpr std::string_view socket_suffix = ".sock";
constexpr std::string_view read_suffix = ".read";
constexpr std::size_t octets_per_read = 64 * 1024;

/// A connection, or the errno that speaks against it.
struct attempt {
  unique_fd connected;
  int error = 0;

  /// Somebody listens, whether or not we may talk to them now.
  [[nodiscard]] bool daemon_runs() const { return connected || error == EACCES || error == EAGAIN; }
};

std::string path_of(const std::string& interface_name) {
  return std::string(run_folder) + "/" + interface_name + std::string(socket_suffix);
}

void limit_waiting(int socket) {
  using namespace std::chrono;
  timeval at_most{};
  at_most.tv_sec = duration_cast<seconds>(limits::admin_answer_time).count();
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof at_most);
}

/// `name`: the interface's, or with `read_suffix` for its socket for readers.
attempt connect_to(const std::string& name, int socket_flags = 0) {
  const std::string path = path_of(name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return {{}, ENAMETOOLONG};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  unique_fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0));
  if (!made)
    return {{}, errno};
  limit_waiting(made.fd());
  if (::connect(made.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {{}, errno};
  return {std::move(made), 0};
}

/// Where all that is wanted is to read, another socket may let us in.
attempt connect_to_either(const std::string& interface_name) {
  attempt first = connect_to(interface_name);
  if (first.error != EACCES)
    return first;
  attempt second = connect_to(interface_name + std::string(read_suffix));
  return second.connected ? std::move(second) : std::move(first);
}

bool is_for_readers(const std::filesystem::path& socket) {
  return socket.stem().extension() == read_suffix;
}

std::string only_running_interface() {
  const std::vector<std::string> running = running_interfaces();
  if (running.empty())
    throw daemon_unreachable("no daemon is running: no socket in " + std::string(run_folder) +
                             " answers");
  if (running.size() > 1) {
    std::string names;
    for (const std::string& each : running)
      names.append(names.empty() ? "" : ", ").append(each);
    throw daemon_not_chosen("several daemons are running: " + names + "; choose one with -i");
  }
  return running.front();
}

std::string silence_text(const std::string& interface_name) {
  return "the daemon of " + interface_name + " does not answer (waited " +
         std::to_string(limits::admin_answer_time.count()) + " s)";
}

std::string why_unreachable(const std::string& interface_name, int error) {
  if (error == ENOENT || error == ECONNREFUSED)
    return "no daemon is running for " + interface_name;
  if (error == EACCES)
    return "not allowed to ask the daemon of " + interface_name +
           "; run as root, or as a member of its admin.group or admin.read_group";
  if (error == EAGAIN)
    return silence_text(interface_name);
  return "cannot connect to " + path_of(interface_name) + ": " + std::strerror(error);
}

/// After a failed call on the connection; `error` is its errno, 0 for its end.
[[noreturn]] void lost(const std::string& interface_name, int error) {
  if (error == EAGAIN)
    throw daemon_unreachable(silence_text(interface_name));
  throw daemon_unreachable("the daemon of " + interface_name +
                           " closed the connection without an answer");
}

void send_line(const unique_fd& to, const std::string& line, const std::string& interface_name) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t done = ::send(to.fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (done < 0 && (errno == EPIPE || errno == ECONNRESET))
      return; // it has enough: why, is in its answer
    if (done < 0 && errno != EINTR)
      lost(interface_name, errno);
    sent += done > 0 ? static_cast<std::size_t>(done) : 0;
  }
}

/// `rest`: what came behind the line.
std::string receive_line(const unique_fd& from, const std::string& interface_name,
                         std::string& rest) {
  std::string received;
  std::vector<char> part(octets_per_read);
  for (;;) {
    const ssize_t got = ::recv(from.fd(), part.data(), part.size(), 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      lost(interface_name, got < 0 ? errno : 0);
    const std::string_view fresh(part.data(), static_cast<std::size_t>(got));
    const std::size_t end = fresh.find('\n');
    received += fresh.substr(0, end);
    if (end != std::string_view::npos) {
      rest = fresh.substr(end + 1);
      return received;
    }
    if (received.size() > limits::admin_answer_octets_max)
      throw daemon_refused("the answer of the daemon of " + interface_name + " has no end");
  }
}

/// Has sent the request.
unique_fd begin(const std::string& interface_name, std::string_view method, const json& params) {
  attempt found = connect_to_either(interface_name);
  if (!found.connected)
    throw daemon_unreachable(why_unreachable(interface_name, found.error));
  // The method first: of a long request it is what the daemon has to know early.
  json request = {{"method", method}, {"jsonrpc", "2.0"}, {"id", 1}};
  if (!params.empty())
    request["params"] = params;
  std::string line = request.dump(-1, ' ', false, json::error_handler_t::replace);
  line += '\n';
  send_line(found.connected, line, interface_name);
  wipe(line);
  return std::move(found.connected);
}

json result_of(const std::string& line, const std::string& interface_name) {
  json answer = json::parse(line, nullptr, false);
  if (answer.is_object() && answer.contains("result"))
    return std::move(answer["result"]);
  const json::json_pointer text("/error/message");
  if (answer.is_object() && answer.contains(text) && answer[text].is_string())
    throw daemon_refused(answer[text].get<std::string>(),
                         answer["error"].value("code", json(0)).get<int>());
  throw daemon_refused("the answer of the daemon of " + interface_name + " is no JSON-RPC 2.0");
}

} // namespace

std::vector<std::string> running_interfaces() {
  std::vector<std::string> found;
  std::error_code none; // no such folder: no daemon has ever run
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(run_folder, none)) {
    const std::filesystem::path path = entry.path();
    if (path.extension() == socket_suffix && !is_for_readers(path) &&
        connect_to(path.stem().string(), SOCK_NONBLOCK).daemon_runs())
      found.push_back(path.stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

admin_client::admin_client(std::string interface_name)
    : interface_name_(std::move(interface_name)) {}

admin_client admin_client::of(const std::optional<std::string>& interface_name) {
  if (!interface_name)
    return admin_client(only_running_interface());
  if (!is_interface_name(*interface_name))
    throw daemon_not_chosen("\"" + *interface_name + "\" is no interface name");
  return admin_client(*interface_name);
}

json admin_client::ask(std::string_view method, const json& params) const {
  const unique_fd connected = begin(interface_name_, method, params);
  std::string rest;
  return result_of(receive_line(connected, interface_name_, rest), interface_name_);
}

admin_stream admin_client::follow(std::string_view method, const json& params) const {
  unique_fd connected = begin(interface_name_, method, params);
  std::string rest;
  static_cast<void>(result_of(receive_line(connected, interface_name_, rest), interface_name_));
  return {std::move(connected), interface_name_, std::move(rest)};
}

admin_stream::admin_stream(unique_fd connected, std::string interface_name, std::string rest)
    : connected_(std::move(connected)), interface_name_(std::move(interface_name)),
      rest_(std::move(rest)) {}

std::vector<json> admin_stream::read() {
  open_ = receive();
  std::vector<json> lines;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(json::parse(rest_.begin() + static_cast<std::ptrdiff_t>(begin),
                                rest_.begin() + static_cast<std::ptrdiff_t>(end)));
    ended_ = ended_ || lines.back().value("method", "").ends_with(".end");
  }
  rest_.erase(0, begin);
  return lines;
}

bool admin_stream::receive() {
  std::vector<char> part(octets_per_read);
  const ssize_t got = ::recv(connected_.fd(), part.data(), part.size(), MSG_DONTWAIT);
  if (got > 0)
    rest_.append(part.data(), static_cast<std::size_t>(got));
  if (rest_.size() > limits::admin_answer_octets_max)
    throw daemon_refused("a line of the daemon of " + interface_name_ + " has no end");
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void admin_stream::require_open() const {
  if (!open_)
    throw daemon_unreachable("the daemon of " + interface_name_ +
                             (ended_ ? " ended" : " closed the connection"));
}

} // namespace troupe::tools
