// What happened when: the events that an engine records while tracing is on, and their timeline as text.
//
// One track per worker, then one per seat of threads that helped, one per thread that called the frontend,
// one per stream of a GPU. Events of a track nest or follow each other, they never half overlap. The text is
// Chrome's trace format, which ui.perfetto.dev opens.
//
//   engine->SetTracing(true); ... std::string json = trace_json(engine->TakeTrace());
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace leat::runtime {

struct Program;

struct TraceEvent {
  /// A call is one of the frontend that hands work over; a blocker is one that waits for a value. A device
  /// event is a step on a stream of a GPU, whose step event is the time in which a worker handed it over.
  enum class Kind : std::uint8_t { step, plan, job, compile, run, call, blocker, device };
  Kind kind = Kind::step;
  std::int32_t track = 0;     // worker w: w; helping callers: from 1000; threads that called: from 2000;
                              // streams of GPUs: from 3000
  std::uint64_t run = 0;      // Run::id(); 0: none
  std::uint32_t step = 0;     // in its program
  std::int64_t begin_ns = 0;  // steady clock
  std::int64_t end_ns = 0;
  std::int64_t first_unit = 0, last_unit = 0;  // of a step: the range [first, last) done
  std::string name;
  std::string detail;                        // the run's label; where the step comes from
  std::int64_t admitted_ns = 0, bytes = 0;   // of a run: since when it held how much memory; 0: it never did
  std::shared_ptr<const Program> program{};  // of a run and its steps
  std::string track_name{};                  // of a stream: "gpu:0 copy in 1"
};

/// "worker 3"
std::string track_name(const TraceEvent& event);

/// A JSON document with one complete ("X") event per event; runs are shown as asynchronous spans. Inside the
/// events of a step with several parts these are shown with their share by the cost model, as estimates: a
/// fused kernel is one loop. Of a step on a GPU the event on the stream is what others wait for. Flows lead
/// from steps to those that waited for them, and from calls to what they started. Counters: bytes in flight,
/// and steps that were ready and not begun.
std::string trace_json(const std::vector<TraceEvent>& events);

/// What the job that this thread runs is called in a trace.
void name_job(std::string name);

/// How many engines of the process record: whoever would prepare a record looks here first.
inline std::atomic<int> tracing_engines{0};
inline bool anyone_traces() { return tracing_engines.load(std::memory_order_relaxed) > 0; }

}  // namespace leat::runtime
