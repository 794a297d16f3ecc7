// A constant operand packed once per plan, by the first execution that comes along.
//
// While it packs, the others go on without (packing changes no bits), so nobody waits. If there is no memory
// for the packed copy, all go on without for good. The copy lives as long as the plan: as large as the
// operand, twice that for f16, bf16 and 16-bit integers, four times for bytes. The operand itself is not read
// again by this plan: pages of it that a file backs (a model's, mapped) are given back, and read again where
// somebody asks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace leat::runtime::cpu {

/// Memory that will not be read soon: what a file backs leaves this process, nothing is lost.
void page_out(const void* data, std::int64_t bytes);

class PackedConstant {
 public:
  /// The packed bytes, or null if there are none yet. pack(std::byte*) fills `bytes` bytes from the operand,
  /// `source_bytes` from `source` on.
  template <class Pack>
  const std::byte* Get(std::int64_t bytes, const void* source, std::int64_t source_bytes, Pack&& pack) const {
    State state = state_.load(std::memory_order_acquire);
    if (state == State::ready) return data_.get();
    if (state != State::unpacked || !state_.compare_exchange_strong(state, State::packing)) return nullptr;
    data_.reset(static_cast<std::byte*>(
        ::operator new (static_cast<std::size_t>(bytes), std::align_val_t{64}, std::nothrow)));
    if (data_ == nullptr) return nullptr;  // stays `packing`: never tried again
    pack(data_.get());
    page_out(source, source_bytes);
    state_.store(State::ready, std::memory_order_release);
    return data_.get();
  }

 private:
  enum class State : int { unpacked, packing, ready };
  struct Delete {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  mutable std::atomic<State> state_{State::unpacked};
  mutable std::unique_ptr<std::byte, Delete> data_;
};

}  // namespace leat::runtime::cpu
