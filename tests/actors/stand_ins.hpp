// Stand-ins for the actors that the one under test talks to: they write down what they are told.
#pragma once

#include "messages/interfaces.hpp"

#include <memory>
#include <vector>

namespace troupe::actors {

/// Keeps every batch, and so every slab, until the test lets go of it.
struct tunnel_record {
  std::vector<slab_ref> plain;
  std::vector<std::uint8_t> queues; // that they were read from
  std::vector<slab_ref> cipher;
  std::vector<peer_id> stale;
  std::vector<peer_drop> dead;
  std::vector<std::shared_ptr<const tunnel_change>> changes;
  std::vector<link_status> links;
  std::vector<status_query> queries;
  std::vector<use_sinks> sinks;
  int stops = 0;
};

inline tunnel_actor::behavior_type tunnel_stand_in(tunnel_actor::pointer self,
                                                   std::shared_ptr<tunnel_record> record) {
  return {
      [=](plain_batch& batch) {
        record->plain.push_back(std::move(batch.slab));
        record->queues.push_back(batch.queue);
      },
      [=](cipher_batch& batch) { record->cipher.push_back(std::move(batch.slab)); },
      [](slab_return&) {},
      [](handshakes_done&) {},
      [](atom::tick) {},
      [=](const configure& commit) { record->changes.push_back(commit.change); },
      [=](const link_status& link) { record->links.push_back(link); },
      [=](const stale_sources& lost) {
        record->stale.insert(record->stale.end(), lost.peers.begin(), lost.peers.end());
      },
      [=](const sink_drops& dead) {
        record->dead.insert(record->dead.end(), dead.drops.begin(), dead.drops.end());
      },
      [=](const use_sinks& sinks) { record->sinks.push_back(sinks); },
      [=](atom::stop) {
        ++record->stops;
        self->quit();
      },
      [=](const status_query& query) { record->queries.push_back(query); },
  };
}

inline unanswered_reader_actor::behavior_type
unanswered_stand_in(unanswered_reader_actor::pointer,
                    std::shared_ptr<std::vector<unanswered_peer>> peers) {
  return {
      [=](const peers_unanswered& report) {
        peers->insert(peers->end(), report.peers.begin(), report.peers.end());
      },
  };
}

struct supervisor_record {
  std::vector<end_program> ends;
  int devices_gone = 0;
  std::vector<data_path_change> changes;
};

inline supervisor_actor::behavior_type
supervisor_stand_in(supervisor_actor::pointer, std::shared_ptr<supervisor_record> record) {
  return {
      [=](const end_program& end) { record->ends.push_back(end); },
      [](atom::reload) {},
      [=](device_gone) { ++record->devices_gone; },
      [=](const data_path_change& change) { record->changes.push_back(change); },
      [](atom::tick) {},
      [](const status_query&) {},
  };
}

struct admin_record {
  std::vector<uapi_call> calls;
  std::vector<name_answer> names;
  std::vector<tunnel_answer> tunnel_answers;
  std::vector<stage_answer> stage_answers;
};

inline admin_actor::behavior_type admin_stand_in(admin_actor::pointer,
                                                 std::shared_ptr<admin_record> record) {
  return {
      [](atom::poll) {},
      [=](const uapi_call& call) { record->calls.push_back(call); },
      [](atom::reload) {},
      [=](const name_answer& answer) { record->names.push_back(answer); },
      [](const peers_unanswered&) {},
      [](atom::lines) {},
      [](admin_targets&) {},
      [](atom::stop) {},
      [=](const tunnel_answer& answer) { record->tunnel_answers.push_back(answer); },
      [=](const stage_answer& answer) { record->stage_answers.push_back(answer); },
  };
}

inline status_reader_actor::behavior_type reader_stand_in(status_reader_actor::pointer,
                                                          std::shared_ptr<admin_record> record) {
  return {
      [=](const tunnel_answer& answer) { record->tunnel_answers.push_back(answer); },
      [=](const stage_answer& answer) { record->stage_answers.push_back(answer); },
  };
}

/// Where the slabs of a test go home to: they are counted, and freed.
class counting_home final : public slab_home {
public:
  void take_back(bare_slab) noexcept override { ++slabs; }

  std::size_t slabs = 0;
};

} // namespace troupe::actors
