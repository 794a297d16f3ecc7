// Where one thread of an engine notes what it did while tracing is on.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engine/trace.h"
#include "runtime/program/program.h"

namespace leat::runtime {

/// What the records of one run share; of a job or a call, its name as the label.
struct TraceRun {
  std::uint64_t id = 0;
  std::string label;
  std::shared_ptr<const Program> program;
};

struct TraceRecord {
  TraceEvent::Kind kind;
  std::uint32_t step;  // of a call: its track
  std::int64_t begin_ns, end_ns;
  std::int64_t first_unit, last_unit;  // of a run: since when it was admitted, its bytes; on a GPU: the
                                       // engine's device, and cuda::StreamTime::track
  std::shared_ptr<const TraceRun> run;
};

class TraceBuffer {
 public:
  void Add(TraceRecord record) {
    const std::lock_guard lock(mutex_);  // contended only by whoever takes the trace
    records_.push_back(std::move(record));
  }
  std::vector<TraceRecord> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(records_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<TraceRecord> records_;
};

/// What name_job() said of the job that ended on this thread; empty for none.
std::string take_job_name();

/// The record as an event of `track`.
TraceEvent make_event(const TraceRecord& record, std::int32_t track);

}  // namespace leat::runtime
