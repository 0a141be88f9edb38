#include "actors/client_hub.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace troupe::actors {

namespace {

constexpr std::size_t read_octets = 64 * 1024;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

unique_fd open_spare() {
  return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

peer_process process_behind(const unique_fd& connected) {
  ucred found{};
  socklen_t length = sizeof found;
  if (::getsockopt(connected.fd(), SOL_SOCKET, SO_PEERCRED, &found, &length) != 0)
    return {};
  peer_process process{found.uid, found.pid, {found.gid}};
  length = 0;
  // The first call says how much room it takes: ERANGE where that is more than none.
  ::getsockopt(connected.fd(), SOL_SOCKET, SO_PEERGROUPS, nullptr, &length);
  std::vector<gid_t> others(length / sizeof(gid_t));
  if (!others.empty() &&
      ::getsockopt(connected.fd(), SOL_SOCKET, SO_PEERGROUPS, others.data(), &length) == 0)
    process.groups.insert(process.groups.end(), others.begin(), others.end());
  return process;
}

} // namespace

bool peer_process::is_member_of(std::uint32_t group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

client::~client() {
  wipe(input);
  wipe(output);
}

std::string client::take(std::size_t octets) {
  std::string taken = input.substr(0, octets);
  std::string rest = input.substr(octets);
  wipe(input); // it may hold keys
  input.swap(rest);
  scanned = 0;
  return taken;
}

client_hub::client_hub(control_socket listening, const client_bounds& most, handler on_input)
    : listening_(std::move(listening)), most_(most), on_input_(std::move(on_input)),
      spare_(open_spare()) {}

std::size_t client_hub::input_octets() const {
  std::size_t sum = 0;
  for (const client& each : clients_)
    sum += each.input.size();
  return sum;
}

void client_hub::watch(std::vector<watched_fd>& descriptors, time_point now) {
  if (next_look_ <= now)
    next_look_ = never;
  descriptors.push_back({listening_.fd(), next_look_ == never, false});
  for (const client& each : clients_) {
    const bool sending = each.sent < each.output.size();
    descriptors.push_back({each.fd.fd(), !sending && !each.busy && !each.half_closed, sending});
  }
}

void client_hub::serve(std::span<const watched_fd> ready, time_point now) {
  std::list<client>::iterator each = clients_.begin();
  for (const watched_fd& one : ready.subspan(1)) {
    // An answer that came after `watch` may have ended its client: the rest keep their order.
    if (each == clients_.end() || each->fd.fd() != one.fd)
      continue;
    bool stays = true;
    if (one.writable)
      stays = send(*each, now);
    else if (one.readable)
      stays = receive(*each, now) && !(one.failed && each->half_closed); // closed altogether
    else if (one.failed)
      stays = false;
    if (!stays) {
      each = clients_.erase(each);
      continue;
    }
    if (one.readable || one.writable) // it may have been answered
      evict_who_does_not_read(*each); // perhaps the next
    ++each;
  }
  if (ready.front().readable)
    accept_all(now);
}

void client_hub::accept_all(time_point now) {
  for (bool any = false;; any = true) {
    unique_fd connected(::accept4(listening_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connected) {
      // Not after somebody came in: without a descriptor accept says so before it looks whether
      // anybody else waits.
      if (!any && (errno == EMFILE || errno == ENFILE))
        make_room(now);
      return;
    }
    if (clients_.size() >= most_.clients)
      evict_oldest();
    peer_process whose = process_behind(connected);
    clients_.emplace_back(next_id_++, std::move(connected), std::move(whose));
    clients_.back().last_active = now;
  }
}

/// Out of descriptors: one client goes, so that the next one comes in at the next turn. If there is
/// none, who waits is turned away, or the listening socket would stay readable and this thread
/// awake; and if not even that can be done, the socket is left alone for a while.
void client_hub::make_room(time_point now) {
  if (!clients_.empty())
    return evict_oldest();
  if (!spare_)
    spare_ = open_spare();
  if (!spare_) {
    next_look_ = now + limits::socket_retry_max;
    return;
  }
  spare_ = unique_fd();
  unique_fd(::accept4(listening_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  spare_ = open_spare();
}

void client_hub::evict_oldest() {
  const std::list<client>::iterator oldest = std::min_element(
      clients_.begin(), clients_.end(), [](const client& left, const client& right) {
        return std::pair(left.streaming, left.last_active) <
               std::pair(right.streaming, right.last_active);
      });
  clients_.erase(oldest);
}

void client_hub::evict_who_does_not_read(const client& answered) {
  std::size_t octets = 0;
  for (const client& each : clients_)
    octets += each.output.size();
  while (octets > most_.output_octets) {
    std::list<client>::iterator slowest = clients_.end();
    for (std::list<client>::iterator each = clients_.begin(); each != clients_.end(); ++each)
      if (!each->output.empty() && &*each != &answered &&
          (slowest == clients_.end() || each->last_active < slowest->last_active))
        slowest = each;
    if (slowest == clients_.end())
      return;
    octets -= slowest->output.size();
    clients_.erase(slowest);
  }
}

bool client_hub::receive(client& from, time_point now) {
  std::array<char, read_octets> buffer;
  const ssize_t got = ::recv(from.fd.fd(), buffer.data(), buffer.size(), 0);
  if (got < 0)
    return would_block();
  if (got == 0) {
    from.half_closed = true;
    return from.streaming;
  }
  from.last_active = now;
  if (input_octets() + static_cast<std::size_t>(got) > most_.input_octets)
    return false;
  // Growing by reallocation would leave copies of keys behind: move by hand.
  const std::size_t wanted = from.input.size() + static_cast<std::size_t>(got);
  if (wanted > from.input.capacity()) {
    std::string grown;
    grown.reserve(std::max(wanted, 2 * from.input.capacity()));
    grown = from.input;
    wipe(from.input);
    from.input.swap(grown);
  }
  from.input.append(buffer.data(), static_cast<std::size_t>(got));
  std::fill_n(buffer.begin(), got, '\0');
  take_requests(from);
  return send(from, now);
}

void client_hub::take_requests(client& from) {
  std::size_t before = from.input.size() + 1;
  // While one is taken and has no answer: an answer that is out comes back here.
  while (!from.input.empty() && from.input.size() < before && !from.busy && !from.closing &&
         from.output.empty()) {
    before = from.input.size();
    on_input_(from);
  }
}

bool client_hub::send(client& to, time_point now) {
  while (to.sent < to.output.size()) {
    const ssize_t done =
        ::send(to.fd.fd(), to.output.data() + to.sent, to.output.size() - to.sent, MSG_NOSIGNAL);
    if (done < 0)
      return would_block();
    to.sent += static_cast<std::size_t>(done);
    to.last_active = now;
    if (to.sent < to.output.size())
      continue;
    wipe(to.output);
    std::string().swap(to.output); // the next answer may be short
    to.sent = 0;
    if (!to.closing && !to.busy)
      take_requests(to); // it sent several at once
  }
  return !to.closing;
}

void client_hub::answer(std::uint64_t id, std::string_view text, time_point now) {
  const std::list<client>::iterator found = std::find_if(
      clients_.begin(), clients_.end(), [&](const client& one) { return one.id == id; });
  if (found == clients_.end())
    return;
  found->busy = false;
  found->output.append(text);
  if (send(*found, now))
    evict_who_does_not_read(*found);
  else
    clients_.erase(found);
}

void client_hub::feed(const std::function<void(client& who)>& write, time_point now) {
  for (std::list<client>::iterator each = clients_.begin(); each != clients_.end();) {
    const std::list<client>::iterator next = std::next(each);
    if (each->streaming && each->output.empty()) {
      write(*each);
      if (!send(*each, now))
        clients_.erase(each);
    }
    each = next;
  }
}

bool client_hub::join_round(client& who) {
  who.busy = true;
  who.round = round_ + 1;
  if (round_is_out_)
    return false;
  ++round_;
  round_is_out_ = true;
  return true;
}

bool client_hub::answer_round(const std::function<void(client& who)>& write, time_point now) {
  for (std::list<client>::iterator each = clients_.begin(); each != clients_.end();) {
    if (!each->busy || each->round != round_) {
      ++each;
      continue;
    }
    each->busy = false;
    each->round = 0;
    write(*each);
    if (!send(*each, now)) { // it may join the next round here
      each = clients_.erase(each);
      continue;
    }
    evict_who_does_not_read(*each);
    ++each;
  }
  round_is_out_ = anybody_waits_for(round_ + 1);
  if (round_is_out_)
    ++round_;
  return round_is_out_;
}

bool client_hub::anybody_waits_for(std::uint64_t round) const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [&](const client& each) { return each.busy && each.round == round; });
}

} // namespace troupe::actors
