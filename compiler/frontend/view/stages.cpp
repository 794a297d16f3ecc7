// All stages of one program, and what links their nodes.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/view/view.h"
#include "compiler/pipeline.h"

namespace leat::frontend {
namespace {

/// What a node is to another stage: its ops, each with the origin that it came from. A pass may give several
/// nodes one origin (a contraction and the transposes that it needs); the op tells them apart.
using Part = std::pair<std::uint32_t, ir::Op>;

std::vector<std::vector<Part>> parts_of(const ir::Graph& graph) {
  std::vector<std::vector<Part>> parts(graph.nodes.size());
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter || node.op == ir::Op::constant) continue;
    if (node.op == ir::Op::fused && node.attrs().graph(ir::Attr::body).locations.size() <= 1) {
      for (const ir::Node& inner : node.attrs().graph(ir::Attr::body).nodes) {
        if (inner.op != ir::Op::parameter && inner.op != ir::Op::constant) {
          parts[n].emplace_back(inner.location, inner.op);
        }
      }
    } else {
      parts[n].emplace_back(node.location, node.op);
    }
  }
  return parts;
}

/// Which nodes of the fused graph each step computes. An op that two kernels both compute (a cheap one behind
/// a view) belongs to neither alone: what only one of them has decides.
void link_steps(const ir::Graph& fused, const runtime::Program& program, View* view) {
  const std::vector<std::vector<Part>> parts = parts_of(fused);
  std::map<Part, std::set<std::uint32_t>> owners;
  for (std::uint32_t n = 0; n < parts.size(); ++n) {
    for (const Part& part : parts[n]) owners[part].insert(n);
  }
  std::size_t first = 0;
  while (first < view->nodes.size() && view->nodes[first].kind != ViewNode::Kind::step) ++first;
  for (std::size_t k = 0; k < program.steps.size(); ++k) {
    std::set<std::uint32_t> certain, possible;
    for (const std::uint32_t s : program.steps[k].sources) {
      const auto it = owners.find({program.sources[s].ordinal, program.sources[s].op});
      if (it == owners.end()) continue;
      (it->second.size() == 1 ? certain : possible).insert(it->second.begin(), it->second.end());
    }
    const std::set<std::uint32_t>& found = certain.empty() ? possible : certain;
    view->nodes[first + k].made_of.assign(found.begin(), found.end());
  }
}

}  // namespace

ir::Graph with_own_locations(const ir::Graph& graph) {
  ir::Graph own = graph;
  own.locations.clear();
  own.locations.emplace_back();
  own.locations.reserve(graph.nodes.size() + 1);
  for (ir::Node& node : own.nodes) node.location = own.AddLocation(graph.locations[node.location]);
  return own;
}

ir::Graph with_inner_locations(const ir::Graph& graph) {
  ir::Graph copy = graph;
  for (ir::Node& node : copy.nodes) {
    if (node.op != ir::Op::fused || node.attrs().graph(ir::Attr::body).locations.size() > 1) continue;
    auto body = std::make_shared<ir::Graph>(node.attrs().graph(ir::Attr::body));
    body->locations = graph.locations;
    ir::Attributes attributes = node.attrs();
    attributes.Set(ir::Attr::body, std::shared_ptr<const ir::Graph>(std::move(body)));
    node.attributes = std::make_shared<const ir::Attributes>(std::move(attributes));
  }
  return copy;
}

StatusOr<Stages> see(const ir::Graph& graph, compiler::CompileOptions options, compiler::CodeCache& code,
                     std::int64_t constants, std::string_view at) {
  Stages stages;
  stages.name = graph.name;
  const ir::Graph own = with_own_locations(graph);
  stages.gone.resize(own.nodes.size());
  std::vector<bool> present(own.nodes.size(), true);
  ir::Graph fused;
  options.observe = [&](std::string_view stage, const ir::Graph& g) {
    stages.views.push_back(view_of(g, stage, constants));
    if (stage == at) stages.asked = stages.views.back();
    if (stage == "fused") fused = g;
  };
  options.observe_pass = [&](const compiler::Pass& pass, const ir::Graph& before, const ir::Graph& after) {
    stages.passes.push_back({std::string(pass.name), std::string(pass.what), &before != &after,
                             before.nodes.size(), after.nodes.size()});
    if (at == absl::StrCat("before:", std::string(pass.name))) stages.asked = view_of(before, at, constants);
    if (at == absl::StrCat("after:", std::string(pass.name))) stages.asked = view_of(after, at, constants);
    if (&before == &after) return;
    std::vector<bool> left(own.nodes.size(), false);
    const auto mark = [&](std::uint32_t location) {
      if (location > 0 && location <= left.size()) left[location - 1] = true;
    };
    for (const ir::Node& node : after.nodes) {
      mark(node.location);
      if (node.op != ir::Op::fused || node.attrs().graph(ir::Attr::body).locations.size() > 1) continue;
      for (const ir::Node& inner : node.attrs().graph(ir::Attr::body).nodes) mark(inner.location);
    }
    for (std::size_t n = 0; n < left.size(); ++n) {
      if (present[n] && !left[n]) stages.gone[n] = pass.name;
      present[n] = left[n];
    }
  };
  options.tier = compiler::Tier::tiles;  // seeing a program compiles nothing
  auto program = compiler::compile(own, options, code);
  if (!program.ok()) return program.status();
  stages.program = *std::move(program);
  View view = view_of(*stages.program, "program");
  link_steps(fused, *stages.program, &view);
  const View& kernels = stages.views.back();
  for (ViewNode& node : view.nodes) {
    for (const std::uint32_t f : node.made_of) {
      const std::vector<std::uint32_t>& more = kernels.nodes[f].origins;
      node.origins.insert(node.origins.end(), more.begin(), more.end());
    }
    std::sort(node.origins.begin(), node.origins.end());
    node.origins.erase(std::unique(node.origins.begin(), node.origins.end()), node.origins.end());
  }
  // Inputs are the parameters, in order.
  for (std::size_t i = 0; i < own.parameters.size(); ++i) view.nodes[i].origins = {own.parameters[i]};
  for (const ViewEdge& e : view.edges) {
    ViewNode& to = view.nodes[e.to];
    if (to.kind == ViewNode::Kind::output) to.origins = view.nodes[e.from].origins;
  }
  stages.views.push_back(std::move(view));
  return stages;
}

}  // namespace leat::frontend
