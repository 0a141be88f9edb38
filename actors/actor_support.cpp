#include "actors/actor_support.hpp"

#include <pthread.h>

namespace troupe::actors {

void name_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

} // namespace troupe::actors
