#include "runtime/engine/trace.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "runtime/engine/trace_buffer.h"
#include "runtime/program/describe_source.h"

namespace leat::runtime {
namespace {

constexpr std::int32_t kFirstCaller = 1000, kFirstThread = 2000, kFirstStream = 3000, kStreamsOfDevice = 100;

thread_local std::string t_job_name;

// Perfetto takes thread 0 for the idle thread.
std::string thread_id(std::int32_t track) { return std::to_string(track + 1); }

std::string escaped(const std::string& text) {
  std::string s;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      s += '\\';
      s += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      s += code;
    } else {
      s += c;
    }
  }
  return s;
}

std::string microseconds(std::int64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

const char* kind_name(TraceEvent::Kind kind) {
  switch (kind) {
    case TraceEvent::Kind::step: return "step";
    case TraceEvent::Kind::plan: return "plan";
    case TraceEvent::Kind::job: return "job";
    case TraceEvent::Kind::compile: return "compile";
    case TraceEvent::Kind::run: return "run";
    case TraceEvent::Kind::call: return "call";
    case TraceEvent::Kind::blocker: return "blocker";
    case TraceEvent::Kind::device: return "device";
  }
  return "unknown";
}

}  // namespace

void name_job(std::string name) { t_job_name = std::move(name); }
std::string take_job_name() { return std::exchange(t_job_name, {}); }

TraceEvent make_event(const TraceRecord& record, std::int32_t track) {
  TraceEvent e;
  e.kind = record.kind;
  e.track = track;
  e.step = record.step;
  e.begin_ns = record.begin_ns;
  e.end_ns = record.end_ns;
  e.first_unit = record.first_unit;
  e.last_unit = record.last_unit;
  e.name = kind_name(record.kind);
  if (!record.run) return e;
  e.run = record.run->id;
  e.detail = record.run->label;
  switch (record.kind) {
    case TraceEvent::Kind::job:
    case TraceEvent::Kind::compile:
      if (!e.detail.empty()) e.name = e.detail;
      return e;
    case TraceEvent::Kind::call:
    case TraceEvent::Kind::blocker:
      e.name = e.detail;
      e.track = static_cast<std::int32_t>(record.step);
      e.step = 0;
      return e;
    case TraceEvent::Kind::run:
      e.admitted_ns = std::exchange(e.first_unit, 0);
      e.bytes = std::exchange(e.last_unit, 0);
      break;
    case TraceEvent::Kind::device:
      e.track = static_cast<std::int32_t>(kFirstStream + kStreamsOfDevice * e.first_unit + e.last_unit);
      break;
    case TraceEvent::Kind::step:
    case TraceEvent::Kind::plan: break;
  }
  const Program* program = record.run->program.get();
  if (!program) return e;
  if (record.kind != TraceEvent::Kind::plan) e.program = record.run->program;
  if (record.kind == TraceEvent::Kind::run) {
    e.name = e.detail.empty() ? program->name : e.detail;
  } else if (record.kind != TraceEvent::Kind::plan && record.step < program->steps.size()) {
    const Step& step = program->steps[record.step];
    e.name = step.name;
    for (const std::uint32_t s : step.sources) {
      const Source& source = program->sources[s];
      if (!e.detail.empty()) e.detail += "; ";
      e.detail += describe(source, source.location);
      if (source.location.source.known()) {
        e.detail += std::string(" at ") + source.location.source.file + ":" +
                    std::to_string(source.location.source.line);
      }
    }
  }
  return e;
}

std::string track_name(const TraceEvent& event) {
  const std::int32_t track = event.track;
  return !event.track_name.empty() ? event.track_name
         : track >= kFirstThread   ? "thread " + std::to_string(track - kFirstThread)
         : track >= kFirstCaller   ? "caller " + std::to_string(track - kFirstCaller)
                                   : "worker " + std::to_string(track);
}

namespace {

// The events of one step of one run, as its neighbours see it.
struct StepSpan {
  const TraceEvent* first = nullptr;   // that began first
  const TraceEvent* last = nullptr;    // that ended last
  const TraceEvent* device = nullptr;  // on a stream
  /// What others waited for: what a worker did once the device was done, else the device.
  const TraceEvent& end() const {
    return device == nullptr || (last != nullptr && last->begin_ns >= device->end_ns) ? *last : *device;
  }
  /// What waited, for an event: a step on a device is queued before what it waits for there has ended.
  const TraceEvent& begin(const TraceEvent& waited_for) const {
    return first == nullptr || (device != nullptr && waited_for.kind == TraceEvent::Kind::device) ? *device
                                                                                                  : *first;
  }
};

// Writes one document.
class Writer {
 public:
  explicit Writer(const std::vector<TraceEvent>& events) : events_(events) {
    origin_ = events.empty() ? 0 : events.front().begin_ns;
    for (const TraceEvent& e : events) {
      origin_ = std::min(origin_, e.begin_ns);
      if (e.kind == TraceEvent::Kind::step || e.kind == TraceEvent::Kind::device) {
        Run& run = runs_[e.run];
        run.program = e.program.get();
        StepSpan& span = run.steps[e.step];
        if (e.kind == TraceEvent::Kind::device) {
          span.device = &e;
        } else {
          if (span.first == nullptr || e.begin_ns < span.first->begin_ns) span.first = &e;
          if (span.last == nullptr || e.end_ns > span.last->end_ns) span.last = &e;
          if (run.first == nullptr || e.begin_ns < run.first->begin_ns) run.first = &e;
        }
      } else if (e.kind == TraceEvent::Kind::run) {
        runs_[e.run].admitted_ns = e.admitted_ns;
      }
    }
  }

  std::string Write() {
    text_ = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
    text_ += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"leat\"}}";
    std::map<std::int32_t, std::string> tracks;
    for (const TraceEvent& e : events_) {
      if (e.kind != TraceEvent::Kind::run) tracks.emplace(e.track, track_name(e));
    }
    for (const auto& [track, name] : tracks) {
      text_ += ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":" + thread_id(track) +
               ",\"name\":\"thread_name\",\"args\":{\"name\":\"" + escaped(name) + "\"}}";
    }
    for (const TraceEvent& e : events_) {
      if (e.kind == TraceEvent::Kind::run) {
        Span(e);
      } else {
        const bool queues = Queues(e);
        Complete(e, queues ? "queue " : "");
        if (e.kind == TraceEvent::Kind::device || (e.kind == TraceEvent::Kind::step && !queues)) Parts(e);
      }
    }
    Flows();
    Counters();
    return text_ + "\n]}\n";
  }

 private:
  // Beyond that many, arrows are of no use and their text is larger than all else.
  static constexpr int kMostFlows = 20'000;

  struct Run {
    const Program* program = nullptr;
    const TraceEvent* first = nullptr;
    std::int64_t admitted_ns = 0;
    std::map<std::uint32_t, StepSpan> steps;
  };

  std::string At(std::int64_t ns) const { return microseconds(ns - origin_); }

  // Whether a worker only hands the step over to a device.
  bool Queues(const TraceEvent& e) const {
    if (e.kind != TraceEvent::Kind::step) return false;
    const TraceEvent* const device = runs_.at(e.run).steps.at(e.step).device;
    return device != nullptr && e.begin_ns < device->end_ns;
  }

  static std::string Head(const TraceEvent& e, std::int32_t track, const char* before = "") {
    return "\"pid\":1,\"tid\":" + thread_id(track) + ",\"cat\":\"" + kind_name(e.kind) + "\",\"name\":\"" +
           before + escaped(e.name) + "\"";
  }
  static std::string Arguments(const TraceEvent& e) {
    std::string s = "\"args\":{\"run\":" + std::to_string(e.run) + ",\"step\":" + std::to_string(e.step) +
                    ",\"first\":" + std::to_string(e.first_unit) + ",\"last\":" + std::to_string(e.last_unit);
    if (e.kind == TraceEvent::Kind::run) s += ",\"bytes\":" + std::to_string(e.bytes);
    return s + ",\"detail\":\"" + escaped(e.detail) + "\"}";
  }

  void Complete(const TraceEvent& e, const char* before) {
    text_ += ",\n{\"ph\":\"X\"," + Head(e, e.track, before) + ",\"ts\":" + At(e.begin_ns) +
             ",\"dur\":" + microseconds(e.end_ns - e.begin_ns) + "," + Arguments(e) + "}";
  }

  // Runs overlap: spans of their own, outside the tracks.
  void Span(const TraceEvent& e) {
    const std::string id = ",\"id\":" + std::to_string(e.run);
    text_ += ",\n{\"ph\":\"b\"," + Head(e, 0) + id + ",\"ts\":" + At(e.begin_ns) + "," + Arguments(e) + "}";
    text_ += ",\n{\"ph\":\"e\"," + Head(e, 0) + id + ",\"ts\":" + At(e.end_ns) + "}";
  }

  // The parts of a step, one after another in the order of the program, each as long as its share.
  void Parts(const TraceEvent& e) {
    if (!e.program || e.step >= e.program->steps.size()) return;
    const Step& step = e.program->steps[e.step];
    double total = 0;
    for (const float share : step.shares) total += static_cast<double>(share);
    if (step.shares.size() < 2 || step.shares.size() != step.sources.size() || total <= 0) return;
    const auto length = static_cast<double>(e.end_ns - e.begin_ns);
    double done = 0;
    for (std::size_t k = 0; k < step.shares.size(); ++k) {
      const std::int64_t begin = e.begin_ns + static_cast<std::int64_t>(length * done / total);
      done += static_cast<double>(step.shares[k]);
      const std::int64_t end =
          std::min(e.end_ns, e.begin_ns + static_cast<std::int64_t>(length * done / total));
      if (end <= begin) continue;  // views, and what takes no time
      const Source& source = e.program->sources[step.sources[k]];
      char percent[32];
      std::snprintf(percent, sizeof percent, "%.1f", 100 * static_cast<double>(step.shares[k]) / total);
      text_ += ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":" + thread_id(e.track) +
               ",\"cat\":\"part, estimated\",\"name\":\"" + std::string(ir::name(source.op)) +
               " (estimate)\",\"ts\":" + At(begin) + ",\"dur\":" + microseconds(end - begin) +
               ",\"args\":{\"estimate\":true,\"percent\":" + percent + ",\"detail\":\"" +
               escaped(describe(source, source.location)) + "\"}}";
    }
  }

  // An arrow from the end of one event to the begin of another; each end lies inside its event.
  void Flow(const char* category, std::int32_t from_track, std::int64_t from, std::int32_t to_track,
            std::int64_t to) {
    if (flows_ >= kMostFlows) return;
    const std::string head = "\"pid\":1,\"cat\":\"" + std::string(category) + "\",\"name\":\"" + category +
                             "\",\"id\":" + std::to_string(++flows_);
    text_ += ",\n{\"ph\":\"s\"," + head + ",\"tid\":" + thread_id(from_track) + ",\"ts\":" + At(from) + "}";
    text_ += ",\n{\"ph\":\"f\",\"bp\":\"e\"," + head + ",\"tid\":" + thread_id(to_track) +
             ",\"ts\":" + At(to) + "}";
  }

  void Flows() {
    for (const auto& [id, run] : runs_) {
      if (run.program == nullptr) continue;
      for (const Edge& edge : run.program->edges) {
        const auto from = run.steps.find(edge.from), to = run.steps.find(edge.to);
        if (from == run.steps.end() || to == run.steps.end()) continue;
        const TraceEvent& a = from->second.end();
        const TraceEvent& b = to->second.begin(a);
        if (b.begin_ns < a.begin_ns) continue;  // times of a device are not exact
        Flow(std::string(name(edge.cause)).c_str(), a.track,
             std::min(std::max(a.begin_ns, a.end_ns - 1), b.begin_ns), b.track, b.begin_ns);
      }
      for (const auto& [step, span] : run.steps) {
        if (span.first == nullptr || span.device == nullptr) continue;
        const TraceEvent &a = *span.first, &b = *span.device;
        if (b.begin_ns < a.begin_ns) continue;
        Flow("queue", a.track, std::min(std::max(a.begin_ns, a.end_ns - 1), b.begin_ns), b.track, b.begin_ns);
      }
    }
    for (const TraceEvent& e : events_) {
      if (e.kind != TraceEvent::Kind::call) continue;
      const auto run = runs_.find(e.run);
      if (e.run == 0 || run == runs_.end() || run->second.first == nullptr) continue;
      const TraceEvent& first = *run->second.first;
      Flow("call", e.track, std::min(std::max(e.begin_ns, e.end_ns - 1), first.begin_ns), first.track,
           first.begin_ns);
    }
  }

  void Counter(const char* counter, const std::map<std::int64_t, std::int64_t>& changes) {
    std::int64_t value = 0;
    for (const auto& [at, change] : changes) {
      value += change;
      text_ += ",\n{\"ph\":\"C\",\"pid\":1,\"name\":\"" + std::string(counter) + "\",\"ts\":" + At(at) +
               ",\"args\":{\"value\":" + std::to_string(value) + "}}";
    }
  }

  void Counters() {
    std::map<std::int64_t, std::int64_t> bytes, ready;
    for (const TraceEvent& e : events_) {
      if (e.kind != TraceEvent::Kind::run || e.admitted_ns == 0) continue;
      bytes[e.admitted_ns] += e.bytes;
      bytes[e.end_ns] -= e.bytes;
    }
    for (const auto& [id, run] : runs_) {
      if (run.program == nullptr) continue;
      std::map<std::uint32_t, std::int64_t> since;  // when the last of its predecessors ended
      for (const auto& [step, span] : run.steps) {
        if (span.first == nullptr || run.first == nullptr) continue;
        since[step] = run.admitted_ns != 0 ? run.admitted_ns : run.first->begin_ns;
      }
      for (const Edge& edge : run.program->edges) {
        const auto from = run.steps.find(edge.from);
        const auto to = since.find(edge.to);
        if (from == run.steps.end() || to == since.end() || from->second.last == nullptr) continue;
        to->second = std::max(to->second, from->second.last->end_ns);
      }
      for (const auto& [step, span] : run.steps) {
        if (!since.contains(step) || since[step] >= span.first->begin_ns) continue;
        ++ready[since[step]];
        --ready[span.first->begin_ns];
      }
    }
    Counter("bytes in flight", bytes);
    Counter("ready steps", ready);
  }

  const std::vector<TraceEvent>& events_;
  std::int64_t origin_ = 0;
  std::map<std::uint64_t, Run> runs_;
  int flows_ = 0;
  std::string text_;
};

}  // namespace

std::string trace_json(const std::vector<TraceEvent>& events) { return Writer(events).Write(); }

}  // namespace leat::runtime
