#include "leat/block_guard.h"

#include <cstdio>
#include <string>
#include <utility>

#include "compiler/frontend/node.h"

namespace leat {
namespace {
thread_local constinit BlockGuard* t_guard = nullptr;
}  // namespace

BlockGuard::BlockGuard(Mode mode) : mode_(mode), outer_(std::exchange(t_guard, this)) {}
BlockGuard::BlockGuard(std::function<void(std::string_view line)> sink)
    : mode_(Mode::log), sink_(std::move(sink)), outer_(std::exchange(t_guard, this)) {}
BlockGuard::~BlockGuard() { t_guard = outer_; }

bool BlockGuard::active() { return t_guard != nullptr; }

void BlockGuard::Report(std::string_view call, SourceLocation where, bool waits) {
  BlockGuard* const guard = t_guard;
  if (guard == nullptr) return;
  ++guard->count_;
  if (guard->mode_ == Mode::allow) return;
  if (guard->mode_ == Mode::forbid) {
    frontend::fail(Code::would_deadlock,
                   std::string(call) + " blocks, and a BlockGuard of this thread forbids that", where);
  }
  if (!waits) return;
  std::string line = std::string(call) + " blocks at ";
  line += where.known() ? std::string(where.file) + ":" + std::to_string(where.line) : "an unknown place";
  if (guard->sink_) {
    guard->sink_(line);
  } else {
    std::fprintf(stderr, "leat: %s\n", line.c_str());
  }
}

}  // namespace leat
