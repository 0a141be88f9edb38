// A short cut past a mailbox: who hands small batches to a last actor may do that actor's work in
// its place, on its own thread, while the actor has nothing to do. Waking a sleeping thread costs
// more than sending a packet; under load batches are large, and go the usual way.
//
// Order holds: from the moment that the actor is told of a batch until it has done it there is no
// short cut. Who tells is one thread (TUNNEL); the work and its state are the actor's, and at any
// time one of the two has them.
#pragma once

#include "messages/slab.hpp"

#include <atomic>
#include <functional>

namespace troupe {

class shortcut {
public:
  /// Does all of a batch, or says false: then the actor must be told of it.
  using work = std::function<bool(const slab_ref& batch)>;

  // --- The side that hands over ----------------------------------------------------------------
  /// Whether the batch is done. If not, the caller tells the actor of it; that is counted here.
  [[nodiscard]] bool try_do(const slab_ref& batch) {
    if (told_.load(std::memory_order_acquire) == 0 &&
        !taken_.test_and_set(std::memory_order_acquire)) {
      const bool done = work_ && work_(batch);
      give_back();
      if (done)
        return true;
    }
    tell();
    return false;
  }
  /// The actor is told of something else, to be done in its turn.
  void tell() { told_.fetch_add(1, std::memory_order_relaxed); }

  // --- The actor's side, on its own thread -------------------------------------------------------
  /// From now on `does` may be called; until `close`.
  void open(work does) {
    const turn mine(*this);
    work_ = std::move(does);
  }
  void close() { open(nullptr); }
  /// One thing that the actor was told of is done.
  void done() { told_.fetch_sub(1, std::memory_order_release); }

  /// Held by the actor while it touches what the work touches.
  class turn {
  public:
    explicit turn(shortcut& of) : of_(of) {
      while (of_.taken_.test_and_set(std::memory_order_acquire))
        of_.taken_.wait(true, std::memory_order_relaxed);
    }
    ~turn() { of_.give_back(); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

  private:
    shortcut& of_;
  };

private:
  void give_back() {
    taken_.clear(std::memory_order_release);
    taken_.notify_one();
  }

  std::atomic_flag taken_;
  /// What the actor was told of and has not done.
  std::atomic<std::uint32_t> told_{0};
  work work_;
};

/// An actor at the end of the way, and the short cut to it, if there is one.
template <class Actor>
struct sink {
  Actor actor;
  std::shared_ptr<shortcut> direct;

  /// Whether the batch is done already; if not, the actor is to be told of it.
  [[nodiscard]] bool try_do(const slab_ref& batch) const { return direct && direct->try_do(batch); }
};

} // namespace troupe
