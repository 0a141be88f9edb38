#include "crypto/session.hpp"

#include "messages/assert.hpp"

namespace troupe::crypto {

void session::seal(std::uint8_t* packet, std::size_t padded_octets) {
  TROUPE_ASSERT(send_counter_ < limits::reject_after_messages);
  const std::uint64_t counter = send_counter_++;
  std::uint8_t* const header = packet - sizeof(wire::data_header);
  store_le32(header, static_cast<std::uint32_t>(wire::message_type::transport_data));
  store_le32(header + 4, remote_index_);
  store_le64(header + 8, counter);
  crypto::seal(packet, keys_.sending.octets(), counter, {packet, padded_octets});
}

std::variant<session::opened, drop_reason> session::open(bytes datagram, time_point now) {
  const std::uint64_t counter = load_le64(&datagram[8]);
  if (!may_receive(now) || counter >= limits::reject_after_messages)
    return drop_reason::session_expired;
  if (!received_.would_accept(counter))
    return drop_reason::replayed;
  const bytes sealed = datagram.subspan(sizeof(wire::data_header));
  if (!crypto::open(sealed.data(), keys_.receiving.octets(), counter, sealed))
    return drop_reason::decrypt_failed;
  if (!received_.accept(counter))
    return drop_reason::replayed;
  return opened{sealed.first(sealed.size() - wire::tag_octets)};
}

} // namespace troupe::crypto
