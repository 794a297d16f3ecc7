// What the 64 bits of a work item of the executor say: [63:52] run slot, [51:32] length, [31:0] id.
#pragma once

#include <cstdint>

#include "runtime/engine/deque.h"

namespace leat::runtime {

inline constexpr std::uint32_t kRunSlots = 4095;  // slot 4095 is never used, so kNoItem is no item

// Length 0: the step `id` is ready. Up to kMostEdges: release that many edges, from edge `id` on.
inline constexpr std::uint32_t kMostEdges = 0xfff00;
inline constexpr std::uint32_t kHelpSplit = 0xfff01;  // take part in split step `id`
inline constexpr std::uint32_t kResume = 0xfff02;     // the second half of step `id`, which was deferred

constexpr Item make_item(std::uint32_t slot, std::uint32_t length, std::uint32_t id) {
  return (static_cast<Item>(slot) << 52) | (static_cast<Item>(length) << 32) | id;
}
constexpr std::uint32_t slot_of(Item item) { return static_cast<std::uint32_t>(item >> 52); }
constexpr std::uint32_t length_of(Item item) { return static_cast<std::uint32_t>(item >> 32) & 0xfffffu; }
constexpr std::uint32_t id_of(Item item) { return static_cast<std::uint32_t>(item); }

}  // namespace leat::runtime
