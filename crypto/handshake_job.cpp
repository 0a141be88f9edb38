#include "crypto/handshake_job.hpp"

namespace troupe::crypto {

namespace {

void perform(const identity& own, initiate_work& work) {
  if (!work.static_static)
    work.static_static = static_static(own, work.theirs).value_or(secret_key());
  if (work.static_static)
    work.created = create_initiation(own, work.theirs, work.static_static, work.ephemeral,
                                     work.sent_at, work.sender_index);
}

void perform(const identity& own, open_work& work) {
  work.opened = open_initiation(own, work.message);
}

void perform(const identity& own, static_work& work) {
  work.static_static = static_static(own, work.opened.initiator).value_or(secret_key());
}

void perform(const identity&, respond_work& work) {
  work.created =
      create_response(work.opened, work.preshared_key, work.ephemeral, work.sender_index);
}

void perform(const identity& own, finish_work& work) {
  work.keys = consume_response(own, work.kept, work.preshared_key, work.message);
}

} // namespace

void perform(handshake_job& job) {
  std::visit([&](auto& work) { perform(job.own, work); }, job.work);
}

} // namespace troupe::crypto
