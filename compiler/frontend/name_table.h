// Labels and scopes as small numbers: a node has room for two of them, not for two texts.
//
// Names are never dropped, since any node or error may still have their number; beyond `most_bytes` of text
// all new ones are number kMany, so a program that labels each of its steps anew does not grow for ever.
// Any thread.
//
//   const std::uint32_t id = table.Intern("loss");   // table.NameOf(id) == "loss"
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace leat::frontend {

class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0, kMany = 1;

  explicit NameTable(std::size_t most_bytes) : room_(most_bytes) {}

  std::uint32_t Intern(std::string_view name) {
    if (name.empty()) return kNone;
    const std::lock_guard lock(mutex_);
    if (const auto it = ids_.find(name); it != ids_.end()) return it->second;
    const std::size_t bytes = name.size() + kBytesBeside;
    if (bytes > room_) return kMany;
    const auto id = static_cast<std::uint32_t>(names_.size());
    names_.emplace_back(name);
    ids_.emplace(names_.back(), id);
    room_ -= bytes;
    return id;
  }
  /// Lives as long as the table.
  const std::string& NameOf(std::uint32_t id) {
    const std::lock_guard lock(mutex_);
    return names_[id];
  }

 private:
  static constexpr std::size_t kBytesBeside = 96;  // of the containers, for each name

  std::mutex mutex_;
  std::size_t room_;
  std::unordered_map<std::string_view, std::uint32_t> ids_;
  std::deque<std::string> names_{"", "<many names>"};  // a deque never moves its elements
};

}  // namespace leat::frontend
