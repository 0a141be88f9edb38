// The commands around the interface's life, as the file has them.
#pragma once

#include "conf/config.hpp"
#include "conf/section.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::conf {

enum class hook : std::uint8_t { pre_up, post_up, pre_down, post_down };

struct hook_kind {
  std::string_view key;          // in the file
  std::string_view wg_quick_key; // and in one of wg-quick
  hook_list hooks::*list;
};

/// In the order of `hook`, in which they run.
inline constexpr std::array<hook_kind, 4> hook_kinds = {
    {{"pre_up", "PreUp", &hooks::pre_up},
     {"post_up", "PostUp", &hooks::post_up},
     {"pre_down", "PreDown", &hooks::pre_down},
     {"post_down", "PostDown", &hooks::post_down}}};

constexpr const hook_kind& kind_of(hook which) {
  return hook_kinds[static_cast<std::size_t>(which)];
}

static_assert(kind_of(hook::pre_up).list == &hooks::pre_up);
static_assert(kind_of(hook::post_down).list == &hooks::post_down);

/// What is wrong with one more command behind those of `list`, to be said behind its key; empty
/// when nothing is.
std::string hook_fault(const hook_list& list, std::string_view command);

/// Each a string, or an array of them.
void read_hooks(section& from, hooks& result);

} // namespace troupe::conf
