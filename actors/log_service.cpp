#include "actors/log_service.hpp"

#include "messages/limits.hpp"

#include "actors/log_levels.hpp"
#include "actors/peer_edit.hpp"
#include "conf/wording.hpp"
#include "conf/words.hpp"

#include <algorithm>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

struct misuse {
  rpc_failure failure;
};

[[noreturn]] void refuse(std::string text) {
  throw misuse{{rpc_code::invalid_params, std::move(text)}};
}

std::optional<std::string> text_of(const json& params, const char* key) {
  const auto found = params.find(key);
  if (found == params.end() || found->is_null())
    return std::nullopt;
  if (!found->is_string())
    refuse(std::string(key) + " must be a text");
  return found->get<std::string>();
}

std::optional<log_level> level_of(const json& params) {
  const std::optional<std::string> word = text_of(params, "level");
  if (!word)
    return std::nullopt;
  const auto found = std::find(conf::log_levels.begin(), conf::log_levels.end(), *word);
  const conf::log_level level = static_cast<conf::log_level>(found - conf::log_levels.begin());
  if (found == conf::log_levels.end() || level == conf::log_level::off)
    refuse("level must be one of trace, debug, info, warn, error");
  return spdlog_level(level);
}

/// By its name or key. One that is gone may have lines that are kept.
std::optional<std::string> peer_of(const json& params, const conf::config& running,
                                   const log_board& board) {
  std::optional<std::string> wanted = text_of(params, "peer");
  if (!wanted || board.knows_peer(*wanted))
    return wanted;
  const std::variant<const conf::peer_config*, std::string> found = find_peer(running, params);
  if (const std::string* const fault = std::get_if<std::string>(&found))
    refuse(*fault);
  return std::get<const conf::peer_config*>(found)->settings.name;
}

log_choice choice_of(const json& params, const conf::config& running, const log_board& board) {
  log_choice chosen;
  chosen.actor = text_of(params, "actor");
  if (chosen.actor && !board.knows_actor(*chosen.actor))
    refuse("no actor is called " + conf::shown(*chosen.actor) +
           "; `troupectl actors` lists them, and without its number a name is that of all");
  chosen.peer = peer_of(params, running, board);
  chosen.level = level_of(params);
  return chosen;
}

bool follows(const json& params) {
  const json follow = params.value("follow", json(false));
  if (!follow.is_boolean())
    refuse("follow must be true or false");
  return follow.get<bool>();
}

json line_json(const log_line& line) {
  const spdlog::string_view_t level = spdlog::level::to_string_view(line.level);
  return {{"time", utc_time(line.time)},
          {"level", std::string_view(level.data(), level.size())},
          {"actor", line.actor},
          {"message", line.message}};
}

json lines_json(const log_lines& lines) {
  json list = json::array();
  for (const std::shared_ptr<const log_line>& each : lines)
    list.push_back(line_json(*each));
  return list;
}

} // namespace

std::string log_session::next_lines(time_point now) {
  const log_stream::taken taken = from_->take(limits::log_stream_part_octets);
  std::string text;
  if (taken.lost > 0)
    text += rpc_notification("logs.lost", {{"lines", taken.lost}});
  for (const std::shared_ptr<const log_line>& each : taken.lines)
    text += rpc_notification("logs", line_json(*each));
  due_ = text.empty() ? never : taken.more ? now : now + limits::log_stream_pause;
  return text;
}

std::variant<log_service::opened, rpc_failure>
log_service::open(const json& params, bool may_lower, const conf::config& running) const {
  try {
    log_choice chosen = choice_of(params, running, board_);
    if (!follows(params))
      return opened{{{"following", false}, {"lines", lines_json(board_.recent(chosen))}}, nullptr};
    if (!may_lower && board_.would_lower(chosen))
      return rpc_failure{rpc_code::not_allowed,
                         "this level is below what is logged, and such lines cost the data path "
                         "time: this socket is for reading; be root, or in admin.group"};
    chosen.lowers = may_lower && chosen.level;
    const std::size_t most =
        may_lower ? limits::log_streams_max : limits::log_streams_with_reader_max;
    std::shared_ptr<log_stream> made = board_.follow(std::move(chosen), wake_, most);
    if (!made)
      return rpc_failure{rpc_code::refused, "as many as may, " + std::to_string(most) +
                                                ", follow the log already; end one of them"};
    return opened{{{"following", true}}, std::make_shared<log_session>(std::move(made))};
  } catch (misuse& fault) {
    return std::move(fault.failure);
  }
}

std::string log_stream_end(std::string_view why) {
  return rpc_notification("logs.end", {{"reason", why}});
}

} // namespace troupe::actors
