// The words of error messages: what may be repeated of the user's text, and what he may have meant.
// A mistyped line may hold a key in any place, so no message quotes the input but through `shown`.
#pragma once

#include "conf/config.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe::conf {

/// The text between backticks, or in its place why it is withheld: it could be a key or a part of
/// one, it is long, or it does not print.
std::string shown(std::string_view text);

/// `; did you mean `X`?` for the candidate nearest to `word`, or when none is near, the list of
/// all.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

/// Insertions, deletions, replacements and swaps of neighbours from one word to the other.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// Whether there is no control character in it.
bool prints(std::string_view text);

// What is wrong with a setting, to be said behind its name and value; empty when nothing is.

/// `read`: what parse_endpoint_setting made of `text`.
std::string_view endpoint_fault(std::string_view text, const std::optional<endpoint_setting>& read);
/// The kernel takes IPv6 away from a device with a smaller MTU, addresses and all. With the value.
std::string mtu_fault(const interface_config& of);

/// What is wrong with a text that is no key in base64, in terms that give nothing of it away.
std::string key_fault(std::string_view text);

} // namespace troupe::conf
