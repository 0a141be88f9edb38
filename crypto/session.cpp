#include "crypto/session.hpp"

#include "messages/assert.hpp"

namespace troupe::crypto {

aead_job session::sealing(std::uint8_t* packet, std::size_t padded_octets) {
  TROUPE_ASSERT(send_counter_ < limits::reject_after_messages);
  const std::uint64_t counter = send_counter_++;
  std::uint8_t* const header = packet - sizeof(wire::data_header);
  store_le32(header, static_cast<std::uint32_t>(wire::message_type::transport_data));
  store_le32(header + 4, remote_index_);
  store_le64(header + 8, counter);
  return {keys_.sending.octets().data(), counter, packet, padded_octets, {}, false};
}

std::variant<aead_job, drop_reason> session::opening(bytes datagram, time_point now) const {
  const std::uint64_t counter = load_le64(&datagram[8]);
  if (!may_receive(now) || counter >= limits::reject_after_messages)
    return drop_reason::session_expired;
  if (!received_.would_accept(counter))
    return drop_reason::replayed;
  const bytes sealed = datagram.subspan(sizeof(wire::data_header));
  return aead_job{keys_.receiving.octets().data(),  counter, sealed.data(),
                  sealed.size() - wire::tag_octets, {},      false};
}

} // namespace troupe::crypto
