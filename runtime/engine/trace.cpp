#include "runtime/engine/trace.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "runtime/engine/trace_buffer.h"
#include "runtime/program/describe_source.h"

namespace leat::runtime {
namespace {

constexpr std::int32_t kFirstCaller = 1000;

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
  }
  return "unknown";
}

}  // namespace

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
  const Program* program = record.run->program.get();
  if (!program) return e;
  if (record.kind == TraceEvent::Kind::run) {
    e.name = e.detail.empty() ? program->name : e.detail;
  } else if (record.kind == TraceEvent::Kind::step && record.step < program->steps.size()) {
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

std::string trace_json(const std::vector<TraceEvent>& events) {
  std::int64_t origin = events.empty() ? 0 : events.front().begin_ns;
  std::set<std::int32_t> tracks;
  for (const TraceEvent& e : events) {
    origin = std::min(origin, e.begin_ns);
    if (e.kind != TraceEvent::Kind::run) tracks.insert(e.track);
  }
  std::string s = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  s += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"leat\"}}";
  for (const std::int32_t t : tracks) {
    const std::string name =
        t >= kFirstCaller ? "caller " + std::to_string(t - kFirstCaller) : "worker " + std::to_string(t);
    s += ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":" + thread_id(t) +
         ",\"name\":\"thread_name\",\"args\":{\"name\":\"" + name + "\"}}";
  }
  for (const TraceEvent& e : events) {
    const std::int32_t track = e.kind == TraceEvent::Kind::run ? 0 : e.track;  // runs are the process's
    const std::string head = "\"pid\":1,\"tid\":" + thread_id(track) + ",\"cat\":\"" + kind_name(e.kind) +
                             "\",\"name\":\"" + escaped(e.name) + "\"";
    const std::string arguments =
        "\"args\":{\"run\":" + std::to_string(e.run) + ",\"step\":" + std::to_string(e.step) +
        ",\"first\":" + std::to_string(e.first_unit) + ",\"last\":" + std::to_string(e.last_unit) +
        ",\"detail\":\"" + escaped(e.detail) + "\"}";
    const std::string begin = microseconds(e.begin_ns - origin);
    if (e.kind == TraceEvent::Kind::run) {  // runs overlap: spans of their own, outside the tracks
      const std::string id = ",\"id\":" + std::to_string(e.run);
      s += ",\n{\"ph\":\"b\"," + head + id + ",\"ts\":" + begin + "," + arguments + "}";
      s += ",\n{\"ph\":\"e\"," + head + id + ",\"ts\":" + microseconds(e.end_ns - origin) + "}";
    } else {
      s += ",\n{\"ph\":\"X\"," + head + ",\"ts\":" + begin +
           ",\"dur\":" + microseconds(e.end_ns - e.begin_ns) + "," + arguments + "}";
    }
  }
  return s + "\n]}\n";
}

}  // namespace leat::runtime
