#include "messages/keys.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"

#include <sodium.h>
#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

namespace troupe {

namespace {

using cell = byte_array<key_octets>;

/// Cells cut from large locked regions. A region costs three guard pages and one mmap, so thousands
/// of keys must share one (vm.max_map_count is 65,530). Regions live as long as the process.
class locked_cells {
public:
  cell* take() {
    const std::lock_guard<std::mutex> guard(lock_);
    if (free_.empty())
      grow();
    cell* taken = free_.back();
    free_.pop_back();
    return taken;
  }

  void give_back(cell* returned) noexcept {
    sodium_memzero(returned->data(), returned->size());
    const std::lock_guard<std::mutex> guard(lock_);
    free_.push_back(returned); // never reallocates: grow() reserved for every cell there is
  }

  bool lock_all() {
    const std::lock_guard<std::mutex> guard(lock_);
    if (regions_.empty())
      grow();
    bool all = true;
    for (void* region : regions_)
      all = mlock(region, region_octets) == 0 && all;
    return all;
  }

private:
  static constexpr std::size_t region_octets = limits::locked_cells_per_region * sizeof(cell);

  void grow() {
    TROUPE_ASSERT(sodium_init() >= 0);
    // First: a region is never given back.
    free_.reserve((regions_.size() + 1) * limits::locked_cells_per_region);
    regions_.reserve(regions_.size() + 1);
    void* region = sodium_allocarray(limits::locked_cells_per_region, sizeof(cell));
    if (region == nullptr)
      throw std::bad_alloc();
    regions_.push_back(region);
    for (std::size_t i = 0; i < limits::locked_cells_per_region; ++i)
      free_.push_back(static_cast<cell*>(region) + i);
  }

  std::mutex lock_;
  std::vector<cell*> free_;
  std::vector<void*> regions_;
};

/// Never destroyed: keys in static objects and detached threads may outlive any order of exit.
locked_cells& all_cells() {
  static locked_cells* cells = new locked_cells;
  return *cells;
}

std::string base64(const_bytes octets) {
  std::string text(sodium_base64_ENCODED_LEN(key_octets, sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), octets.data(), octets.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  text.pop_back(); // the terminator
  return text;
}

std::string hex(const_bytes octets) {
  std::string text(2 * octets.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), octets.data(), octets.size());
  text.pop_back();
  return text;
}

bool decode_base64(std::uint8_t* out, std::string_view text) {
  std::size_t written = 0;
  const char* end = nullptr;
  return sodium_base642bin(out, key_octets, text.data(), text.size(), nullptr, &written, &end,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         written == key_octets && end == text.data() + text.size();
}

bool decode_hex(std::uint8_t* out, std::string_view text) {
  std::size_t written = 0;
  const char* end = nullptr;
  return text.size() == 2 * key_octets &&
         sodium_hex2bin(out, key_octets, text.data(), text.size(), nullptr, &written, &end) == 0 &&
         written == key_octets && end == text.data() + text.size();
}

template <class Decode>
std::optional<public_key> decode_public(Decode decode, std::string_view text) {
  public_key key;
  return decode(key.octets.data(), text) ? std::optional(key) : std::nullopt;
}

template <class Decode>
std::optional<secret_key> decode_secret(Decode decode, std::string_view text) {
  bool valid = false;
  secret_key key = secret_key::make(
      [&](std::span<std::uint8_t, key_octets> out) { valid = decode(out.data(), text); });
  return valid ? std::optional(std::move(key)) : std::nullopt;
}

} // namespace

std::shared_ptr<secret_key::cell> secret_key::allocate() {
  return {all_cells().take(), [](cell* released) { all_cells().give_back(released); }};
}

secret_key secret_key::copy_of(std::span<const std::uint8_t, key_octets> octets) {
  return make([&](std::span<std::uint8_t, key_octets> out) {
    std::copy(octets.begin(), octets.end(), out.begin());
  });
}

bool secret_key::same_as(const secret_key& other) const {
  if (!cell_ || !other.cell_)
    return cell_ == other.cell_;
  return sodium_memcmp(cell_->data(), other.cell_->data(), key_octets) == 0;
}

bool lock_keys() {
  return all_cells().lock_all();
}

std::string to_base64(const public_key& key) {
  return base64(key.octets);
}

std::string to_hex(const public_key& key) {
  return hex(key.octets);
}

std::optional<public_key> public_key_from_base64(std::string_view text) {
  return decode_public(decode_base64, text);
}

std::optional<public_key> public_key_from_hex(std::string_view text) {
  return decode_public(decode_hex, text);
}

std::optional<secret_key> secret_key_from_base64(std::string_view text) {
  return decode_secret(decode_base64, text);
}

std::optional<secret_key> secret_key_from_hex(std::string_view text) {
  return decode_secret(decode_hex, text);
}

void append_secret_base64(std::string& text, const secret_key& key) {
  std::string clear = base64(key.octets());
  text += clear;
  wipe(clear);
}

void append_secret_hex(std::string& text, const secret_key& key) {
  std::string clear = hex(key.octets());
  text += clear;
  wipe(clear);
}

void wipe(std::string& text) {
  text.resize(text.capacity()); // never reallocates; what was cut off earlier is wiped, too
  sodium_memzero(text.data(), text.size());
  text.clear();
}

std::string short_name(const public_key& key) {
  return to_base64(key).substr(0, 8) + "…";
}

} // namespace troupe
