// What happened when: the events that an engine records while tracing is on, and their timeline as text.
//
// One track per worker, then one per thread that helped. Events of a track nest or follow each other, they
// never half overlap. The text is Chrome's trace format, which ui.perfetto.dev opens.
//
//   engine->SetTracing(true); ... std::string json = trace_json(engine->TakeTrace());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leat::runtime {

struct TraceEvent {
  enum class Kind : std::uint8_t { step, plan, job, compile, run };
  Kind kind = Kind::step;
  std::int32_t track = 0;     // worker w: w; helping callers: from 1000
  std::uint64_t run = 0;      // Run::id(); 0: none
  std::uint32_t step = 0;     // in its program
  std::int64_t begin_ns = 0;  // steady clock
  std::int64_t end_ns = 0;
  std::int64_t first_unit = 0, last_unit = 0;  // of a step: the range [first, last) done
  std::string name;
  std::string detail;  // the run's label; where the step comes from
};

/// A JSON document with one complete ("X") event per event; runs are shown as asynchronous spans.
std::string trace_json(const std::vector<TraceEvent>& events);

}  // namespace leat::runtime
