#include "runtime/executor/faults.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/program/describe_source.h"

namespace leat::runtime {
namespace {

// A path longer than this says how many more steps there were.
constexpr int kMostNotes = 8;

}  // namespace

Faults::Left Faults::Spread(std::uint32_t step, bool whole) {
  const std::lock_guard lock(mutex_);
  const Step& s = program_.steps[step];
  const auto tainted = [&](const Use& use) { return taints_.contains(use.buffer); };
  if (std::none_of(s.uses.begin(), s.uses.end(),
                   [&](const Use& use) { return !use.write && tainted(use); })) {
    return Left::everything;
  }
  Left left = Left::nothing;
  for (std::size_t w = 0; w < s.uses.size(); ++w) {
    if (!s.uses[w].write) continue;
    const Taint* source = nullptr;
    std::uint32_t from = 0;
    for (std::size_t r = 0; r < s.uses.size(); ++r) {
      if (s.uses[r].write || (!whole && s.body && !s.body->Depends(w, r))) continue;
      const auto found = taints_.find(s.uses[r].buffer);
      if (found == taints_.end() || (source && (found->second.failure || !source->failure))) continue;
      source = &found->second;
      from = s.uses[r].buffer;
    }
    if (source) {
      const Taint taint{source->status, source->failure, step, from, 0};
      taints_.try_emplace(s.uses[w].buffer, taint);
    } else if (!tainted(s.uses[w])) {
      left = Left::some;
    }
  }
  return left;
}

std::string Faults::Summary() const {
  const std::lock_guard lock(mutex_);
  std::string s;
  int begun = 0;
  for (const auto& [buffer, taint] : taints_) {
    if (taint.from != buffer || ++begun > 4) continue;
    s += "\n  " + std::string(taint.failure ? "an input failed: " : "poisoned: ") + taint.status.ToString();
  }
  return s + "\n  " + std::to_string(taints_.size()) + " values have no content";
}

void Faults::Add(std::uint32_t buffer, Taint taint) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = taints_.try_emplace(buffer, taint);
  if (!added && found->second.step == taint.step && taint.order < found->second.order) {
    found->second = std::move(taint);
  }
}

ir::NodeLocation Faults::Place(const Source& source) const {
  if (locate_ != nullptr && *locate_ && source.ordinal != 0) {
    if (ir::NodeLocation at = (*locate_)(source.ordinal); at.source.known()) return at;
  }
  return source.location;
}

Status Faults::Locate(std::uint32_t step, Status fault, std::size_t source) const {
  const std::vector<std::uint32_t>& sources = program_.steps[step].sources;
  if (fault.where().known() || source >= sources.size()) return fault;
  const Source& origin = program_.sources[sources[source]];
  const ir::NodeLocation at = Place(origin);
  std::string message = fault.message();
  if (const std::string what = describe(origin, at); !what.empty()) message += "\n  in " + what;
  return Status(fault.code(), std::move(message), at.source);
}

void Faults::AddOfStep(std::uint32_t step, std::uint32_t buffer, Status fault, std::size_t source,
                       std::int64_t order) {
  Add(buffer, {Locate(step, std::move(fault), source), false, step, buffer, order});
}

bool Faults::Has(std::uint32_t buffer) const {
  const std::lock_guard lock(mutex_);
  return taints_.contains(buffer);
}

std::string Faults::Name(std::uint32_t step) const {
  const Step& s = program_.steps[step];
  std::string text = s.name;
  if (!s.sources.empty()) {
    const Source& source = program_.sources[s.sources.front()];
    const ir::NodeLocation at = Place(source);
    if (std::string what = describe(source, at); !what.empty()) text = std::move(what);
    if (at.source.known()) {
      text += std::string(" (at ") + at.source.file + ":" + std::to_string(at.source.line) + ")";
    }
  }
  return text;
}

Taint Faults::Report(std::uint32_t buffer) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> path;  // from the value back to the origin
  const Taint* taint = &taints_.at(buffer);
  std::size_t steps = 0;
  for (std::uint32_t b = buffer; taint->from != b && taint->step != Taint::kInput; ++steps) {
    path.push_back(taint->step);
    b = taint->from;
    taint = &taints_.at(b);
  }
  Taint result = *taint;
  int notes = 0;
  for (auto step = path.rbegin(); step != path.rend(); ++step, ++notes) {
    if (notes == kMostNotes) {
      result.status = result.status.WithNote("and " + std::to_string(steps - kMostNotes) + " more steps");
      break;
    }
    result.status = result.status.WithNote("needed by " + Name(*step));
  }
  return result;
}

}  // namespace leat::runtime
