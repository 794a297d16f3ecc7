// The one table of file names that outlives graphs: errors carry a SourceLocation further than any
// graph, so the name cannot belong to one.
#include <mutex>
#include <string>
#include <unordered_set>

#include "ir/graph.h"

namespace leat::ir {

const char* intern_file(std::string_view file) {
  constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  static std::mutex mutex;
  static auto* const names =
      new std::unordered_set<std::string>;  // never destroyed: threads may outlive main
  static std::size_t bytes = 0;
  const std::lock_guard lock(mutex);
  std::string name(file);
  if (const auto it = names->find(name); it != names->end()) return it->c_str();
  if (bytes + name.size() > kMaxBytes) return "<many files>";
  bytes += name.size();
  return names->insert(std::move(name)).first->c_str();
}

}  // namespace leat::ir
