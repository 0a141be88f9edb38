#include "actors/path_change.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace troupe::actors {

namespace {

/// To `size`, if it is longer.
template <class Actor>
void shorten(std::vector<Actor>& list, std::size_t size) {
  if (list.size() > size)
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(size), list.end());
}

template <class Actor>
caf::actor_addr address_of(const Actor& of) {
  return caf::actor_cast<caf::actor_addr>(of.actor);
}

} // namespace

std::unique_ptr<path_change> path_change::prepare(const environment& around,
                                                  const conf::config& running,
                                                  const conf::config& wanted,
                                                  const use_sockets& sockets) {
  std::unique_ptr<path_change> change(new path_change(around, running.tun.offload));
  change->make_missing(wanted, sockets); // what it has made by then goes with it
  return change;
}

void path_change::make_missing(const conf::config& wanted, const use_sockets& sockets) {
  if (wanted.tun.offload != offload_before_) {
    around_.device.set_offload(wanted.tun.offload);
    offload_changed_ = true;
  }
  while (around_.device.queues() < wanted.tun.queues) {
    const std::size_t queue = around_.device.queues();
    around_.device.add_queue();
    next_.sinks.writers.push_back(around_.make.writer(queue, around_.device.sink(queue)));
    next_.readers.push_back(around_.make.reader(queue, around_.device.source(queue),
                                                around_.link.mtu, credit_of(wanted)));
  }
  while (next_.senders.size() < wanted.udp.senders)
    around_.make.add_sender(sockets, next_);
  shorten(next_.readers, wanted.tun.queues);
  shorten(next_.sinks.writers, wanted.tun.queues);
  shorten(next_.senders, wanted.udp.senders);
  shorten(next_.sinks.senders, wanted.udp.senders);
}

path_change::~path_change() {
  if (!committed_)
    abandon();
}

void path_change::abandon() noexcept {
  for (const data_path_change::newcomer& each : newcomers())
    each.stop();
  while (around_.device.queues() > queues_before_)
    around_.device.remove_queue();
  if (!offload_changed_)
    return;
  try {
    around_.device.set_offload(offload_before_);
  } catch (const std::exception&) {
    // The device is gone, and the program ends: nobody is left to whom it matters.
  }
}

/// SUPERVISOR hears of it first: of one that it does not know it could not tell the end from an
/// accident. TUNNEL hears of it before the first packets of a new queue.
void path_change::commit() {
  committed_ = true;
  data_path& before = around_.in_use;
  caf::anon_send(around_.make.supervisor, data_path_change{newcomers(), leavers()});
  caf::anon_send<caf::message_priority::high>(around_.make.tunnel, next_.sinks);
  for (std::size_t i = next_.readers.size(); i < before.readers.size(); ++i)
    before.readers[i].post(atom::stop_v);
  while (around_.device.queues() > next_.readers.size())
    around_.device.remove_queue();
  const std::size_t queues_staying = std::min(queues_before_, next_.readers.size());
  for (std::size_t i = 0; offload_changed_ && i < queues_staying; ++i)
    caf::anon_send(next_.sinks.writers[i].actor, use_queue{around_.device.sink(i)});
  for (std::size_t i = queues_staying; i < next_.readers.size(); ++i)
    next_.readers[i].post(atom::poll_v);
  before = std::move(next_);
  around_.on_commit();
}

std::vector<data_path_change::newcomer> path_change::newcomers() const {
  const data_path& before = around_.in_use;
  std::vector<data_path_change::newcomer> come;
  for (std::size_t i = before.readers.size(); i < next_.readers.size(); ++i)
    come.push_back({path_maker::reader_name(i), address_of(next_.readers[i]),
                    [made = next_.readers[i]] { made.post(atom::stop_v); }, true});
  for (std::size_t i = before.sinks.writers.size(); i < next_.sinks.writers.size(); ++i)
    come.push_back({path_maker::writer_name(i), address_of(next_.sinks.writers[i]),
                    [made = next_.sinks.writers[i].actor] { caf::anon_send(made, atom::stop_v); }});
  for (std::size_t i = before.senders.size(); i < next_.senders.size(); ++i)
    come.push_back({path_maker::sender_name(i), address_of(next_.senders[i]),
                    [made = next_.senders[i]] { made.post(atom::stop_v); }});
  return come;
}

std::vector<caf::actor_addr> path_change::leavers() const {
  const data_path& before = around_.in_use;
  std::vector<caf::actor_addr> go;
  for (std::size_t i = next_.readers.size(); i < before.readers.size(); ++i)
    go.push_back(address_of(before.readers[i]));
  for (std::size_t i = next_.sinks.writers.size(); i < before.sinks.writers.size(); ++i)
    go.push_back(address_of(before.sinks.writers[i]));
  for (std::size_t i = next_.senders.size(); i < before.senders.size(); ++i)
    go.push_back(address_of(before.senders[i]));
  return go;
}

} // namespace troupe::actors
