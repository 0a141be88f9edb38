#include "tools/daemon.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/affinity.hpp"
#include "actors/log_levels.hpp"
#include "actors/supervisor.hpp"
#include "actors/system_random.hpp"
#include "crypto/primitives.hpp"
#include "tools/file_store.hpp"
#include "tools/hook_runner.hpp"
#include "tools/kernel_link.hpp"
#include "tools/signal_descriptor.hpp"
#include "tun/device.hpp"
#include "tun/link.hpp"
#include "tun/link_monitor.hpp"
#include "udp/receiver.hpp"
#include "udp/sender.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace troupe::tools {

namespace {

using namespace actors;

constexpr const char* run_folder = "/run/troupe";
constexpr const char* uapi_folder = "/var/run/wireguard";

std::string state_folder_of(const std::string& interface_name) {
  return "/var/lib/troupe/" + interface_name;
}

/// SIGCHLD is of hooks; ignored, as it may be inherited, it never comes.
unique_fd daemon_signals() {
  ::signal(SIGCHLD, SIG_DFL);
  return signals_as_descriptor({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
}

log_book::settings log_settings(const conf::log_config& wanted) {
  log_book::settings settings;
  settings.format = wanted.format == conf::log_format::json ? log_format::json : log_format::text;
  settings.target = wanted.target;
  settings.level = levels_of(wanted);
  return settings;
}

/// For root, and the members of a group if one is named.
std::shared_ptr<control_socket> open_admin(const std::string& path, const char* key,
                                           const std::string& group_name) {
  control_socket::access who;
  if (!group_name.empty()) {
    const group* const found = ::getgrnam(group_name.c_str());
    if (found == nullptr)
      throw std::runtime_error(std::string(key) + ": there is no group " + group_name +
                               "; make it with: groupadd " + group_name);
    who = {0660, found->gr_gid};
  }
  return std::make_shared<control_socket>(control_socket::listen(path, who));
}

cpu_claim claim_tunnel_cpu(const conf::cpu_choice& choice) {
  switch (choice.how) {
  case conf::pinning::none:
    return {std::nullopt, "as configured", {}};
  case conf::pinning::fixed:
    return claim_cpu(choice.number, run_folder);
  case conf::pinning::automatic:
    return claim_any_cpu(run_folder);
  }
  return {};
}

tun::device open_device(const daemon_settings& settings) {
  const conf::tun_config& wanted = settings.config.tun;
  if (settings.tun_fd)
    return tun::device::adopt(unique_fd(*settings.tun_fd), wanted.offload);
  return tun::device::open(settings.config.interface.name, {wanted.queues, wanted.offload});
}

/// Who sets addresses, routes and rules. Null without a file: whoever else sets them.
std::shared_ptr<kernel_link> link_of(const daemon_settings& settings, const tun::device& device,
                                     const log_book& log) {
  if (!settings.from_file)
    return nullptr;
  return std::make_shared<kernel_link>(
      tun::link(device.fd()),
      rule_keeper(state_folder_of(device.name()), device.name(), log.open("admin")));
}

/// The mark that nobody configured, where the default routes need one.
std::uint32_t choose_own_mark(const conf::config& config, kernel_link* interface) {
  if (interface == nullptr || !conf::needs_own_mark(config))
    return 0;
  const std::optional<std::uint32_t> found = interface->free_table();
  if (!found)
    throw std::runtime_error(no_free_table_text());
  return *found;
}

/// The kernel's side of the interface, as configured.
void set_up_link(const daemon_settings& settings, const tun::device& device, kernel_link* interface,
                 std::uint32_t own_mark) {
  if (settings.tun_fd)
    return; // whoever opened it has set it up
  if (interface != nullptr)
    return interface->set_up(settings.config, own_mark);
  tun::link_settings only_mtu;
  only_mtu.mtu = settings.config.interface.mtu;
  only_mtu.up = false;
  tun::link(device.fd()).apply(only_mtu);
}

std::shared_ptr<control_socket> open_uapi(const daemon_settings& settings,
                                          const std::string& name) {
  const std::string path = std::string(uapi_folder) + "/" + name + ".sock";
  if (settings.uapi_fd)
    return std::make_shared<control_socket>(
        control_socket::adopt(unique_fd(*settings.uapi_fd), path));
  return std::make_shared<control_socket>(control_socket::listen(path, {}));
}

std::size_t handshakers_for(unsigned cpus) {
  return cpus <= 2 ? 1 : cpus <= 8 ? 2 : 4;
}

/// One daemon of the machine makes its interface and sockets at a time: of two that are started at
/// the same instant for one name, neither would yet see the other's. Where no file can be made
/// nobody else can hold it. Throws std::runtime_error if another keeps it for too long.
unique_fd lock_starts() {
  ::mkdir(run_folder, 0755);
  const std::string path = std::string(run_folder) + "/start.lock";
  unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (std::chrono::milliseconds waited{0}; file && ::flock(file.fd(), LOCK_EX | LOCK_NB) != 0;
       waited += limits::start_lock_retry) {
    if (waited >= limits::start_lock_time)
      throw std::runtime_error("another trouped has been starting for " +
                               std::to_string(limits::start_lock_time.count()) + " s (it holds " +
                               path + "): end it, and try again");
    std::this_thread::sleep_for(limits::start_lock_retry);
  }
  return file;
}

/// Everything that can fail, in an order in which a failure leaves nothing behind.
graph_parts prepare(daemon_settings& settings, cpu_claim& claim, rules_until_end& rules) {
  const unique_fd alone = lock_starts();
  conf::mark_expired(settings.config, std::chrono::system_clock::now());
  graph_parts parts;
  const conf::config& config = settings.config;
  parts.log = std::make_shared<const log_book>(log_settings(config.log));
  claim = claim_tunnel_cpu(config.tunnel.cpu);
  const std::shared_ptr<tun::device> opened = std::make_shared<tun::device>(open_device(settings));
  const tun::device& device = *opened;
  parts.device = opened;

  const std::shared_ptr<kernel_link> interface = link_of(settings, device, *parts.log);
  const std::uint32_t own_mark = choose_own_mark(config, interface.get());
  const std::shared_ptr<const udp::socket_pair> sockets = udp::socket_pair::open(
      config.interface.listen_port, socket_options_of(config, conf::mark_of(config, own_mark)));
  parts.sockets = sockets_of(config, sockets);
  parts.sink_of = [](const use_sockets& from) {
    return std::make_shared<udp::sender>(from.sockets, udp::kernel_calls(), from.send_delay);
  };
  parts.source_of = [](const use_sockets& from,
                       ip_family family) -> std::shared_ptr<udp::datagram_source> {
    const std::shared_ptr<const udp::bound_socket>& own = from.sockets->of(family);
    return own ? std::make_shared<udp::receiver>(own) : nullptr;
  };

  parts.uapi_socket = open_uapi(settings, device.name());
  const std::string admin_path = std::string(run_folder) + "/" + device.name();
  parts.admin_socket = open_admin(admin_path + ".sock", "admin.group", config.admin.group);
  if (!config.admin.read_group.empty())
    parts.read_socket =
        open_admin(admin_path + ".read.sock", "admin.read_group", config.admin.read_group);
  // Beyond this point nobody else has this name.
  if (interface)
    rules.begin(state_folder_of(device.name()), parts.log->open("admin"));
  set_up_link(settings, device, interface.get(), own_mark);
  // From here on: what set_up_link did itself is nothing to be told of.
  parts.monitor = std::make_shared<tun::link_monitor>(device.fd());

  settings.config.interface.name = device.name();
  parts.interface_name = device.name();
  parts.running = std::make_shared<running_configuration>(settings.config, sockets, interface,
                                                          parts.log->open("admin"), own_mark);
  if (settings.from_file) {
    parts.store = std::make_shared<file_store>(settings.path, settings.file_permissions);
    parts.pending = pending_file_of(device.name());
  }
  parts.random = std::make_shared<system_random>();
  parts.make_waiter = [] { return std::make_shared<poll_waiter>(); };
  parts.handshakers = handshakers_for(std::thread::hardware_concurrency());
  parts.aead = choose_aead(config.tunnel.aead);
  parts.tunnel_cpu = claim.cpu;
  parts.tunnel_cpu_text = claim.text();
  parts.status_of_lost_device = settings.from_file ? 1 : 0;
  parts.end = std::make_shared<program_end>();
  return parts;
}

/// What the wait for the end calls.
struct end_callbacks {
  /// Why it is to end all the same; empty: it goes on.
  std::function<std::string()> on_serving;
  /// Before anything is taken down, if it served; once.
  std::function<void()> before_end;
};

/// Waits for a signal or for the actors to end by themselves. Whether it served.
bool wait_for_end(const supervisor_actor& supervisor, const unique_fd& signals,
                  const program_end& end, const end_callbacks& callbacks) {
  int started = end.started_fd();
  bool serves = false;
  bool ending = false;
  for (;;) {
    pollfd ready[] = {{signals.fd(), POLLIN, 0}, {end.fd(), POLLIN, 0}, {started, POLLIN, 0}};
    ::poll(ready, 3, -1);
    if (ready[2].revents != 0) {
      started = -1;
      if (ending)
        continue; // it came too late
      std::string failure = callbacks.on_serving();
      serves = failure.empty();
      if (!serves)
        caf::anon_send(supervisor, end_program{1, std::move(failure)});
      continue;
    }
    if (ready[1].revents != 0)
      return serves;
    signalfd_siginfo received{};
    if (ready[0].revents == 0 || ::read(signals.fd(), &received, sizeof received) <= 0 ||
        received.ssi_signo == SIGCHLD)
      continue;
    if (received.ssi_signo == SIGHUP) {
      caf::anon_send(supervisor, atom::reload_v);
      continue;
    }
    if (!std::exchange(ending, true) && serves)
      callbacks.before_end();
    caf::anon_send(supervisor, end_program{0, received.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"});
  }
}

/// The last words. The log's thread ends with the book; if whoever has our stderr reads it no more,
/// it never does: the process then ends without it, and without what waits to be written.
void end_output(std::shared_ptr<const log_book> book, parent_line& parent, const program_end& how) {
  std::promise<void> ended;
  const std::future<void> end = ended.get_future();
  std::thread waits([&] {
    book.reset();
    if (how.status() != 0)
      parent.failed(how.why());
    ended.set_value();
  });
  if (end.wait_for(limits::log_end_time) != std::future_status::ready)
    ::_exit(how.status());
  waits.join();
}

/// One that fails stops nothing.
void run_down(hook_runner& runner, conf::hook which, const conf::hooks& of, spdlog::logger& log) {
  for (const std::string& failure : runner.run(which, of, hook_runner::after_failure::go_on))
    log.warn("{}", failure);
}

void forget(const pending_file& pending, spdlog::logger& log) {
  try {
    pending.remove();
  } catch (const std::exception& error) {
    log.error("{}: the next start would take the configuration in it again", error.what());
  }
}

/// Before there is an interface. Throws std::runtime_error.
void run_pre_up(hook_runner& runner, const daemon_settings& settings) {
  const conf::hooks& of = settings.config.interface.commands;
  if (of.pre_up.empty())
    return;
  tun::require_unused(settings.config.interface.name);
  const std::vector<std::string> failures =
      runner.run(conf::hook::pre_up, of, hook_runner::after_failure::stop);
  if (!failures.empty())
    throw std::runtime_error(failures.front());
}

} // namespace

actors::pending_file pending_file_of(const std::string& interface_name) {
  return actors::pending_file(state_folder_of(interface_name));
}

int run_daemon(daemon_settings settings, parent_line parent) {
  try {
    const unique_fd signals = daemon_signals();
    hook_runner runner(signals.fd(), settings.config.interface.name);
    run_pre_up(runner, settings);
    crypto::init_primitives(); // while there is one thread
    cpu_claim claim;
    rules_until_end rules;
    graph_parts parts = prepare(settings, claim, rules);
    const std::shared_ptr<const shared_hooks> hooks = parts.running->hooks();
    const std::shared_ptr<program_end> end = parts.end;
    std::vector<socket_place> sockets = {parts.uapi_socket->place(), parts.admin_socket->place()};
    if (parts.read_socket)
      sockets.push_back(parts.read_socket->place());
    std::shared_ptr<const log_book> book = parts.log;
    const logger log = book->open("supervisor");

    caf::actor_system_config caf_config;
    caf_config.set("scheduler.policy", caf::atom("sharing"));
    caf_config.set("scheduler.max-threads", parts.handshakers);
    caf_config.add_message_types<caf::id_block::troupe>();
    // On the heap, and left there if anything fails: its end waits for actors that nobody stops.
    caf::actor_system* const system = new caf::actor_system(caf_config);

    log->info("transport data is sealed by {}", parts.aead.text);
    log->info("interface {}, port {}", settings.config.interface.name, parts.running->bound_port());
    if (!lock_keys())
      log->warn("keys cannot be locked in memory and may be swapped to disk: raise the limit "
                "(ulimit -l, LimitMEMLOCK=) or give the program CAP_IPC_LOCK");
    const std::optional<pending_file> taken_back =
        settings.taken_back ? parts.pending : std::nullopt;
    if (taken_back)
      log->warn("a change was waiting to be confirmed when the daemon ended: what runs is the "
                "configuration from before it, not {}",
                settings.path);
    if (!settings.why_not_taken_back.empty())
      log->error("a change was waiting to be confirmed when the daemon ended, and what was before "
                 "it cannot be read, so that {} runs: {}",
                 settings.path, settings.why_not_taken_back);
    if (settings.file_permissions == permissions::ignored)
      log->warn("the permissions of {} are not looked at, as was asked for", settings.path);
    const bool keeps_stderr = settings.keeps_stderr;
    settings = {}; // the actors have it now, keys included
    supervisor_actor root = system->spawn<caf::detached>(supervisor, std::move(parts));
    const auto on_serving = [&] {
      const std::vector<std::string> failures =
          runner.run(conf::hook::post_up, hooks->now(), hook_runner::after_failure::stop);
      if (!failures.empty())
        return failures.front();
      if (end->has_come())
        return end->why();
      if (taken_back)
        forget(*taken_back, *log);
      parent.serving(keeps_stderr);
      return std::string();
    };
    const auto before_end = [&] { run_down(runner, conf::hook::pre_down, hooks->now(), *log); };
    const bool served = wait_for_end(root, signals, *end, {on_serving, before_end});
    root = nullptr;

    rules.take_back();
    if (!end->all_stopped())
      for (const socket_place& each : sockets)
        each.remove(); // whose owner may never come to it
    else
      delete system;
    if (served)
      run_down(runner, conf::hook::post_down, hooks->now(), *log);
    book->report_lost_lines();
    end_output(std::move(book), parent, *end);
    if (!end->all_stopped())
      ::_exit(1);
    return end->status();
  } catch (const std::exception& error) {
    parent.failed(error.what());
    return 1;
  }
}

} // namespace troupe::tools
