#include "compiler/frontend/view/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "compiler/frontend/view/page_files.h"

namespace leat::frontend {
namespace {

using Json = nlohmann::ordered_json;

std::string_view kind_name(ViewNode::Kind kind) {
  switch (kind) {
    case ViewNode::Kind::parameter: return "parameter";
    case ViewNode::Kind::constant: return "constant";
    case ViewNode::Kind::op: return "op";
    case ViewNode::Kind::fused: return "fused";
    case ViewNode::Kind::step: return "step";
    case ViewNode::Kind::output: return "output";
  }
  return "unknown";
}

std::string_view kind_name(Group::Kind kind) {
  switch (kind) {
    case Group::Kind::root: return "root";
    case Group::Kind::scope: return "scope";
    case Group::Kind::repeat: return "repeat";
    case Group::Kind::instance: return "instance";
  }
  return "unknown";
}

void put(Json* to, const char* name, const std::string& value) {
  if (!value.empty()) (*to)[name] = value;
}

Json ids_of(const View& view, const std::vector<std::uint32_t>& nodes) {
  Json ids = Json::array();
  for (const std::uint32_t n : nodes) ids.push_back(view.nodes[n].id);
  return ids;
}

Json stage_json(const View& view, const Shown& shown, const Stages& stages) {
  const Groups groups = group(view);
  const auto visible = [&](std::uint32_t n) { return shown.of_node[n] != Shown::kHidden; };
  Json stage;
  stage["stage"] = view.stage;
  put(&stage, "note", view.note);
  Json nodes = Json::array(), edges = Json::array(), all_groups = Json::array();
  std::size_t steps = 0;
  for (std::uint32_t n = 0; n < view.nodes.size(); ++n) {
    const ViewNode& node = view.nodes[n];
    const std::size_t step = node.kind == ViewNode::Kind::step ? steps++ : 0;
    if (!visible(n)) continue;
    Json out;
    out["id"] = node.id;
    out["kind"] = kind_name(node.kind);
    out["op"] = node.op;
    put(&out, "title", node.title == node.op ? std::string() : node.title);
    put(&out, "types", node.types);
    put(&out, "text", node.text);
    put(&out, "label", node.label);
    put(&out, "scope", node.scope);
    put(&out, "at", node.at);
    put(&out, "body", node.body);
    out["bytes"] = node.bytes;
    if (!node.why.empty()) {
      out["device"] = node.device;
      out["why"] = node.why;
      for (std::size_t d = 0; node.estimates != nullptr && d < node.estimates->size(); ++d) {
        const compiler::DeviceEstimate& e = (*node.estimates)[d];
        if (!e.runs) continue;
        out["estimates"].push_back({{"device", d},
                                    {"run_ns", e.run_ns},
                                    {"copies_ns", e.copies_ns},
                                    {"start_ns", e.start_ns},
                                    {"finish_ns", e.finish_ns},
                                    {"rest_ns", e.rest_ns}});
      }
    }
    if (node.kind == ViewNode::Kind::step) {
      out["cost_ns"] = node.cost_ns;
      out["device"] = node.device;
      out["made_of"] = ids_of(stages.views[stages.views.size() - 2], node.made_of);
      if (step < stages.of_steps.size() && !stages.of_steps[step].empty()) {
        out["kernels"] = Json::array();
        for (const std::uint32_t k : stages.of_steps[step]) {
          out["kernels"].push_back("k" + std::to_string(k));
        }
      }
    }
    if (view.stage != "graph" && !node.origins.empty()) {
      out["origins"] = ids_of(stages.views.front(), node.origins);
    }
    if (view.stage == "graph" && n < stages.gone.size()) put(&out, "gone", stages.gone[n]);
    if (groups.of_node[n] != 0) out["group"] = groups.of_node[n];
    nodes.push_back(std::move(out));
  }
  for (const ViewEdge& e : view.edges) {
    if (!visible(e.from) || !visible(e.to)) continue;
    Json out;
    out["from"] = view.nodes[e.from].id;
    out["to"] = view.nodes[e.to].id;
    put(&out, "types", e.types);
    put(&out, "cause", e.cause);
    edges.push_back(std::move(out));
  }
  const auto add_group = [&](const auto& self, std::int32_t g) -> void {
    const Group& from = groups.groups[g];
    Json out;
    out["id"] = g;
    if (g != 0) out["parent"] = from.parent;
    out["kind"] = kind_name(from.kind);
    put(&out, "name", from.name);
    put(&out, "path", from.path);
    all_groups.push_back(std::move(out));
    for (const std::int32_t item : from.items) {
      if (item < 0) self(self, -1 - item);
    }
  };
  add_group(add_group, 0);
  stage["nodes"] = std::move(nodes);
  stage["edges"] = std::move(edges);
  stage["groups"] = std::move(all_groups);
  return stage;
}

std::string_view kind_name(runtime::BufferInfo::Kind kind) {
  switch (kind) {
    case runtime::BufferInfo::Kind::input: return "input";
    case runtime::BufferInfo::Kind::output: return "output";
    case runtime::BufferInfo::Kind::constant: return "constant";
    case runtime::BufferInfo::Kind::temporary: return "temporary";
  }
  return "unknown";
}

Json memory_json(const runtime::Program& program) {
  Json memory;
  memory["peak_bytes"] = program.peak_bytes;
  memory["arena_bytes"] = program.arena_bytes;
  std::vector<std::pair<std::int64_t, std::int64_t>> life(program.buffers.size(), {-1, -1});
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    for (const runtime::Use& use : program.steps[s].uses) {
      auto& [first, last] = life[use.buffer];
      if (first < 0) first = static_cast<std::int64_t>(s);
      last = static_cast<std::int64_t>(s);
    }
  }
  Json buffers = Json::array();
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const runtime::BufferInfo& info = program.buffers[b];
    Json out;
    out["id"] = "b" + std::to_string(b);
    out["kind"] = kind_name(info.kind);
    out["types"] = std::string(name(info.type.dtype)) + info.type.shape.ToString();
    out["bytes"] = info.bytes;
    out["device"] = info.device;
    if (info.kind == runtime::BufferInfo::Kind::temporary) out["offset"] = info.offset;
    if (life[b].first >= 0) {
      out["first"] = life[b].first;
      out["last"] = life[b].second;
    }
    buffers.push_back(std::move(out));
  }
  memory["buffers"] = std::move(buffers);
  return memory;
}

Json timeline_json(const std::vector<runtime::TraceEvent>& events) {
  using Kind = runtime::TraceEvent::Kind;
  std::int64_t origin = std::numeric_limits<std::int64_t>::max();
  for (const runtime::TraceEvent& e : events) origin = std::min(origin, e.begin_ns);
  Json out = Json::array();
  for (const runtime::TraceEvent& e : events) {
    Json one;
    one["kind"] = e.kind == Kind::step     ? "step"
                  : e.kind == Kind::device ? "device"
                  : e.kind == Kind::run    ? "run"
                                           : "work";
    one["name"] = e.name;
    one["track"] = e.track;
    if (e.kind != Kind::run) one["track_name"] = runtime::track_name(e);
    if (e.kind == Kind::step || e.kind == Kind::device) one["step"] = "s" + std::to_string(e.step);
    one["run"] = e.run;
    one["begin_us"] = static_cast<double>(e.begin_ns - origin) / 1e3;
    one["end_us"] = static_cast<double>(e.end_ns - origin) / 1e3;
    if (e.kind == Kind::step && e.last_unit > e.first_unit) {
      one["first"] = e.first_unit;
      one["last"] = e.last_unit;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json stages_json(const Stages& stages, const std::vector<const View*>& views,
                 const std::vector<Shown>& shown) {
  Json all;
  all["format"] = "leat-dump";
  all["version"] = 1;
  all["name"] = stages.name;
  all["devices"] = stages.devices;
  Json passes = Json::array();
  for (const PassRun& p : stages.passes) {
    passes.push_back({{"name", p.name},
                      {"what", p.what},
                      {"ran", p.ran},
                      {"nodes_before", p.nodes_before},
                      {"nodes_after", p.nodes_after}});
  }
  all["passes"] = std::move(passes);
  Json list = Json::array();
  for (std::size_t v = 0; v < views.size(); ++v) list.push_back(stage_json(*views[v], shown[v], stages));
  all["stages"] = std::move(list);
  if (stages.program) all["memory"] = memory_json(*stages.program);
  Json bodies = Json::array();
  for (const Body& body : stages.bodies) {
    std::vector<const View*> all_views;
    std::vector<Shown> everything;
    for (const View& view : body.stages->views) {
      all_views.push_back(&view);
      everything.emplace_back().of_node.resize(view.nodes.size(), 0);
    }
    Json one;
    one["of"] = body.of;
    one["role"] = body.role;
    one.update(stages_json(*body.stages, all_views, everything));
    bodies.push_back(std::move(one));
  }
  if (!bodies.empty()) all["bodies"] = std::move(bodies);
  if (!stages.kernels.empty()) {
    Json kernels = Json::array();
    for (std::size_t k = 0; k < stages.kernels.size(); ++k) {
      const KernelText& text = stages.kernels[k];
      Json one;
      one["id"] = "k" + std::to_string(k);
      one["name"] = text.name;
      put(&one, "llvm", text.llvm);
      put(&one, "asm", text.assembly);
      put(&one, "ptx", text.ptx);
      kernels.push_back(std::move(one));
    }
    all["kernels"] = std::move(kernels);
  }
  put(&all, "code_left_out", stages.code_left_out);
  return all;
}

void replace(std::string* text, std::string_view mark, const std::string& by) {
  const std::size_t at = text->find(mark);
  if (at != std::string::npos) text->replace(at, mark.size(), by);
}

}  // namespace

std::string to_json(const Stages& stages, const std::vector<const View*>& views,
                    const std::vector<Shown>& shown, const PageExtras& extras) {
  Json all = stages_json(stages, views, shown);
  if (!extras.trace.empty()) all["trace"] = timeline_json(extras.trace);
  if (!extras.sources.empty()) all["sources"] = extras.sources;
  // Names come from strangers' files: what is no UTF-8 is replaced.
  return all.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

std::string to_page(const std::string& name, const std::string& json) {
  std::string data;
  data.reserve(json.size());
  for (const char c : json) {  // nothing in it may end the script that holds it
    if (c == '<') {
      data += "\\u003c";
    } else if (c != '\t' && c != '\n') {
      data += c;
    }
  }
  std::string title;
  for (const char c : name) {
    if (c == '<') {
      title += "&lt;";
    } else if (c == '&') {
      title += "&amp;";
    } else {
      title += c;
    }
  }
  std::string page(page_file("page.html"));
  replace(&page, "<!--title-->", title);
  replace(&page, "/*style*/", std::string(page_file("page.css")));
  std::string scripts;
  for (const char* file : {"model.js", "layout.js", "graph.js", "timeline.js", "details.js", "page.js"}) {
    scripts += std::string(page_file(file)) + "\n";
  }
  replace(&page, "/*scripts*/", scripts);
  replace(&page, "/*data*/", data);
  return page;
}

}  // namespace leat::frontend
