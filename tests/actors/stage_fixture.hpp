// The actors of the data path, one at a time, between stand-ins.
#pragma once

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/stand_ins.hpp"

#include <algorithm>
#include <string_view>

namespace troupe::actors {

/// `origin` of the batches that tests fill themselves.
inline constexpr std::string_view test_origin = "test";

struct stage_fixture : actor_fixture {
  std::shared_ptr<tunnel_record> to_tunnel = std::make_shared<tunnel_record>();
  std::shared_ptr<supervisor_record> to_supervisor = std::make_shared<supervisor_record>();
  std::shared_ptr<admin_record> to_reader = std::make_shared<admin_record>();
  tunnel_actor tunnel = spawn(tunnel_stand_in, to_tunnel);
  supervisor_actor supervisor = spawn(supervisor_stand_in, to_supervisor);
  polled<status_reader_actor> reader{spawn(reader_stand_in, to_reader),
                                     std::make_shared<doorbell>()};
  std::shared_ptr<doorbell> bell = std::make_shared<doorbell>();
  std::shared_ptr<passing_waiter> wait = std::make_shared<passing_waiter>();
  std::shared_ptr<counting_home> home = std::make_shared<counting_home>();
  captured_log log;

  template <class Actor>
  stage_status status_of(const Actor& actor) {
    to_reader->stage_answers.clear();
    tell(actor, status_query{7, reader});
    return to_reader->stage_answers.at(0).status;
  }

  bare_slab make_slab() const {
    return slab::make(test_origin, limits::transmit_slab_octets, limits::packets_per_slab_max,
                      home);
  }
};

/// A batch whose every datagram is one text.
class datagram_batch {
public:
  explicit datagram_batch(bare_slab slab) : slab_(std::move(slab)) {}

  datagram_batch& add(std::string_view text, const endpoint& remote, std::uint8_t lane = 0,
                      peer_id peer = peer_id{1}, const source_address& local = {}) {
    const std::uint32_t length = static_cast<std::uint32_t>(text.size());
    std::copy(text.begin(), text.end(), slab_->range(used_, length).begin());
    slab_->transmits.push_back({used_, length, length, 0, lane, peer, remote, local});
    used_ += length;
    return *this;
  }
  slab_ref launch(std::uint64_t serial) { return slab::launch(std::move(slab_), serial, {}); }

private:
  bare_slab slab_;
  std::uint32_t used_ = 0;
};

} // namespace troupe::actors
