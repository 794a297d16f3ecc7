#include "runtime/executor/step_order.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "runtime/engine/engine_core.h"
#include "runtime/executor/run_state.h"

namespace leat {

using runtime::RunOrder;
using runtime::StepPiece;

namespace {

constexpr std::string_view kHeader = "leat schedule 1";

// One line for anything that a program may be called.
std::string one_line(std::string_view name) {
  std::string s(name);
  std::replace_if(
      s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '_');
  return s;
}

bool take_number(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "3" or "3:0-64".
bool take_piece(std::string_view& text, StepPiece& piece) {
  std::int64_t step = 0;
  if (!take_number(text, step) || step > 0x7fffffff) return false;
  piece.step = static_cast<std::uint32_t>(step);
  if (!take(text, ":")) return true;
  return take_number(text, piece.first) && take(text, "-") && take_number(text, piece.last);
}

std::string text_of(const StepPiece& piece) {
  return piece.last < 0 ? absl::StrCat(piece.step)
                        : absl::StrCat(piece.step, ":", piece.first, "-", piece.last);
}

}  // namespace

StepSchedule::StepSchedule(std::unique_ptr<State> state) : state_(std::move(state)) {}
StepSchedule::~StepSchedule() = default;

std::shared_ptr<StepSchedule> StepSchedule::Random(std::uint64_t seed) {
  auto state = std::make_unique<State>();
  state->random = seed;
  return std::shared_ptr<StepSchedule>(new StepSchedule(std::move(state)));
}

StatusOr<std::shared_ptr<StepSchedule>> StepSchedule::Replay(std::string_view text) {
  auto state = std::make_unique<State>();
  state->given.emplace();
  if (text.empty()) return Status(Code::data_loss, "schedule, line 1: it is empty");
  for (int number = 1; !text.empty(); ++number) {
    const auto bad = [&](const char* what) {
      return Status(Code::data_loss, absl::StrCat("schedule, line ", number, ": ", what));
    };
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (number == 1) {
      if (line != kHeader) return bad("does not say \"leat schedule 1\"");
      continue;
    }
    RunOrder run;
    std::int64_t steps = 0;
    const std::size_t colon = line.rfind(" : ");
    if (colon == std::string_view::npos) return bad("is not of the form: run STEPS NAME : PIECES");
    std::string_view head = line.substr(0, colon), pieces = line.substr(colon + 3);
    if (!take(head, "run ") || !take_number(head, steps) || steps > 0x7fffffff || !take(head, " ")) {
      return bad("does not say which run it is");
    }
    run.steps = static_cast<std::uint32_t>(steps);
    run.program = head;
    while (!pieces.empty()) {
      StepPiece piece;
      if (!take_piece(pieces, piece) || (!pieces.empty() && !take(pieces, " "))) {
        return bad("has a piece that is neither STEP nor STEP:FIRST-LAST");
      }
      run.pieces.push_back(piece);
    }
    state->given->push_back(std::move(run));
  }
  return std::shared_ptr<StepSchedule>(new StepSchedule(std::move(state)));
}

std::string StepSchedule::ToString() const {
  const std::lock_guard lock(state_->mutex);
  std::string s = absl::StrCat(std::string(kHeader), "\n");
  for (const RunOrder& run : state_->done) {
    absl::StrAppend(&s, "run ", run.steps, " ", run.program, " : ");
    for (std::size_t k = 0; k < run.pieces.size(); ++k) {
      absl::StrAppend(&s, k == 0 ? "" : " ", text_of(run.pieces[k]));
    }
    absl::StrAppend(&s, "\n");
  }
  return s;
}

StatusOr<std::size_t> StepSchedule::State::Begin(const std::string& program, std::uint32_t steps) {
  const std::lock_guard lock(mutex);
  const std::size_t run = done.size();
  const std::string name = one_line(program);
  done.push_back({name, steps, {}});
  if (!given) return run;
  if (run >= given->size()) {
    return Status(Code::failed_precondition, absl::StrCat("the recorded schedule has ", given->size(),
                                                          " runs, and this one (", name, ") is one more"));
  }
  const RunOrder& expected = (*given)[run];
  if (expected.program == name && expected.steps == steps) return run;
  return Status(Code::failed_precondition,
                absl::StrCat("run ", run, " of the recorded schedule is of ", expected.program, " with ",
                             expected.steps, " steps, this one is of ", name, " with ", steps));
}

StatusOr<std::size_t> StepSchedule::State::Next(std::size_t run, std::span<const StepPiece> ready) {
  const std::lock_guard lock(mutex);
  std::size_t pick = 0;
  if (given) {
    const std::size_t at = done[run].pieces.size();
    const std::vector<StepPiece>& pieces = (*given)[run].pieces;
    const auto found = at < pieces.size() ? std::find(ready.begin(), ready.end(), pieces[at]) : ready.end();
    if (found == ready.end()) {
      return Status(
          Code::failed_precondition,
          absl::StrCat("the recorded schedule does not fit run ", run, " of ", done[run].program, ": ",
                       at < pieces.size() ? absl::StrCat("piece ", text_of(pieces[at]), " cannot run now")
                                          : "it ends too early"));
    }
    pick = static_cast<std::size_t>(found - ready.begin());
  } else {
    random += 0x9e3779b97f4a7c15u;
    std::uint64_t z = random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    pick = (z ^ (z >> 31)) % ready.size();
  }
  done[run].pieces.push_back(ready[pick]);
  return pick;
}

namespace runtime {

// A split step becomes at most this many pieces: enough for an order among them to show.
constexpr std::int64_t kPieces = 8;

void EngineCore::RunInOrder(Worker* me, RunState& run) {
  StepSchedule::State& schedule = options.schedule->state();
  const Program& program = *run.program;
  const StepGraph& g = *program.graph;
  std::vector<std::uint32_t> waits = program.in_degree;
  std::vector<std::int64_t> pieces_left(program.steps.size(), 1);
  std::vector<StepPiece> ready;
  const auto make_ready = [&](std::uint32_t step) {
    const StepRecord& r = g.records[step];
    if (!(r.flags & StepRecord::split)) {
      ready.push_back({step});
      return;
    }
    const SplitStep& split = g.splits[static_cast<std::size_t>(r.units)];
    std::int64_t size = std::max(split.grain, (split.units + kPieces - 1) / kPieces);
    size = (size + split.grain - 1) / split.grain * split.grain;
    pieces_left[step] = 0;
    for (std::int64_t begin = 0; begin < split.units; begin += size, ++pieces_left[step]) {
      ready.push_back({step, begin, std::min(begin + size, split.units)});
    }
  };
  for (std::uint32_t s = 0; s < program.steps.size(); ++s) {
    if (waits[s] == 0) make_ready(s);
  }
  StatusOr<std::size_t> number = schedule.Begin(program.name, g.step_count);
  if (!number.ok()) run.Fail(number.status());
  while (!ready.empty()) {
    std::size_t pick = 0;
    if (number.ok() && !run.failed()) {
      if (StatusOr<std::size_t> next = schedule.Next(*number, ready); next.ok()) {
        pick = *next;
      } else {
        run.Fail(next.status());
      }
    }
    const StepPiece piece = ready[pick];
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(pick));
    RunPiece(me, run, piece);
    if (--pieces_left[piece.step] > 0) continue;
    if (g.records[piece.step].flags & StepRecord::writes_output) run.OutputsWritten(piece.step);
    for (std::uint32_t e = program.successor_begin[piece.step]; e < program.successor_begin[piece.step + 1];
         ++e) {
      if (--waits[program.successors[e]] == 0) make_ready(program.successors[e]);
    }
  }
  std::atomic<std::uint64_t>& count = me ? me->steps : serial_steps;
  count.fetch_add(g.step_count, std::memory_order_relaxed);
  run.Finish();
}

}  // namespace runtime
}  // namespace leat
