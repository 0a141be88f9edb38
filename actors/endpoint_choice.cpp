#include "actors/endpoint_choice.hpp"

#include "messages/assert.hpp"

#include <algorithm>
#include <utility>

namespace troupe::actors {

endpoint_choice::endpoint_choice(const std::vector<conf::endpoint_setting>& preferred_first) {
  TROUPE_ASSERT(!preferred_first.empty());
  for (const conf::endpoint_setting& each : preferred_first) {
    candidate& added = all_.emplace_back();
    added.setting = each;
    if (each.literal)
      added.addresses = {*each.literal};
  }
}

endpoint_step endpoint_choice::begin(time_point now) {
  in_use_ = all_.front().setting.literal;
  return in_use_ ? endpoint_step{} : ask(now);
}

endpoint_step endpoint_choice::on_unanswered(const endpoint& where, time_point now) {
  if (!in_use_)
    return {}; // it called us, and what is looked up comes next
  if (where != *in_use_)
    return {in_use_, {}, {}}; // it has roamed, and is back where it can be found, perhaps
  if (waits_ || due_ != never)
    return {};
  return address_ + 1 < all_[at_].addresses.size() ? go(address_ + 1) : next_candidate(now);
}

endpoint_step endpoint_choice::on_found(const std::string& host, std::uint16_t port,
                                        const std::vector<endpoint>& addresses, time_point now) {
  candidate* const found = find(host, port);
  if (found == nullptr)
    return {};
  found->addresses = addresses;
  return take(*found, now);
}

endpoint_step endpoint_choice::on_not_found(const std::string& host, std::uint16_t port,
                                            time_point now) {
  candidate* const missing = find(host, port);
  if (missing == nullptr)
    return {};
  if (!missing->addresses.empty())
    return take(*missing, now); // that nobody says so now makes those of before no worse
  missing->asked = false;
  if (!waits_ || missing != &all_[at_])
    return {};
  if (++failed_ < all_.size())
    return next_candidate(now);
  failed_ = 0;
  waits_ = false;
  due_ = now + pause_;
  return {{}, {}, std::exchange(pause_, std::min<duration>(2 * pause_, limits::resolve_retry_max))};
}

/// Its addresses, if it is its turn.
endpoint_step endpoint_choice::take(candidate& from, time_point now) {
  from.asked = false;
  from.found_at = now;
  failed_ = 0;
  pause_ = limits::resolve_retry_first;
  const std::size_t index = static_cast<std::size_t>(&from - all_.data());
  const bool may_stay = again_ && index == at_;
  if (in_use_ && !(waits_ && index == at_) && !may_stay)
    return {};
  again_ = false;
  at_ = index;
  waits_ = false;
  due_ = never;
  const auto kept = std::find(from.addresses.begin(), from.addresses.end(), in_use_);
  const bool stays = may_stay && kept != from.addresses.end();
  return go(stays ? static_cast<std::size_t>(kept - from.addresses.begin()) : 0);
}

endpoint_step endpoint_choice::look_up_again(time_point now) {
  for (candidate& each : all_)
    each.found_at.reset();
  again_ = !all_[at_].setting.literal;
  return again_ ? ask(now) : endpoint_step{};
}

endpoint_step endpoint_choice::on_deadline(time_point now) {
  if (due_ > now)
    return {};
  if (!again_)
    return next_candidate(now);
  waits_ = false; // it may work where it is: that the answer is late is no reason to leave
  due_ = never;
  return {};
}

endpoint_choice::candidate* endpoint_choice::find(const std::string& host, std::uint16_t port) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const candidate& each) {
    return each.asked && each.setting.host == host && each.setting.port == port;
  });
  return found != all_.end() ? &*found : nullptr;
}

endpoint_step endpoint_choice::next_candidate(time_point now) {
  again_ = false;
  at_ = (at_ + 1) % all_.size();
  return enter(now);
}

endpoint_step endpoint_choice::enter(time_point now) {
  const candidate& here = all_[at_];
  const bool fresh =
      here.setting.literal || (here.found_at && now - *here.found_at < limits::look_up_interval);
  if (!fresh)
    return ask(now);
  waits_ = false;
  due_ = never;
  failed_ = 0;
  return go(0);
}

/// One that is asked already is not asked twice.
endpoint_step endpoint_choice::ask(time_point now) {
  waits_ = true;
  due_ = all_.size() > 1 ? now + limits::look_up_patience : never;
  if (std::exchange(all_[at_].asked, true))
    return {};
  return {{}, all_[at_].setting, {}};
}

/// Nothing is to be done for the address that is in use: a peer that has one only stays there.
endpoint_step endpoint_choice::go(std::size_t address) {
  address_ = address;
  const endpoint& chosen = all_[at_].addresses[address];
  if (in_use_ == chosen)
    return {};
  in_use_ = chosen;
  return {in_use_, {}, {}};
}

} // namespace troupe::actors
