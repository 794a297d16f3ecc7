// All stages of one program, and what links their nodes.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/control_step.h"
#include "compiler/frontend/view/view.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"

namespace leat::frontend {
namespace {

/// Links each step to the nodes of the fused graph that it computes; a step has all of their origins.
void link_steps(const View& fused, const runtime::Program& program, View* view) {
  std::size_t n = 0;
  while (n < view->nodes.size() && view->nodes[n].kind != ViewNode::Kind::step) ++n;
  for (const runtime::Step& step : program.steps) {
    ViewNode& node = view->nodes[n++];
    node.made_of = step.nodes;
    for (const std::uint32_t f : step.nodes) {
      const std::vector<std::uint32_t>& more = fused.nodes[f].origins;
      node.origins.insert(node.origins.end(), more.begin(), more.end());
    }
    for (std::vector<std::uint32_t>* list : {&node.made_of, &node.origins}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }
}

void place(const compiler::Placements& placements, View* view) {
  view->note = placements.summary;
  for (std::size_t n = 0; n < placements.nodes.size(); ++n) {
    ViewNode& node = view->nodes[n];
    node.device = placements.nodes[n].device;
    node.why = placements.nodes[n].why;
    node.estimates = placements.nodes[n].estimates;
  }
}

/// Of the node of the fused graph, the names of its sub-graphs.
std::vector<std::pair<std::string, ir::Attr>> roles(const ir::Node& node) {
  if (node.op == ir::Op::cond) return {{"then", ir::Attr::then_branch}, {"else", ir::Attr::else_branch}};
  if (node.op == ir::Op::while_loop) return {{"condition", ir::Attr::condition}, {"body", ir::Attr::body}};
  return {};
}

}  // namespace

ir::Graph with_own_locations(const ir::Graph& graph) {
  ir::Graph own = graph;
  own.locations.clear();
  own.locations.emplace_back();
  own.locations.reserve(graph.nodes.size() + 1);
  for (ir::Node& node : own.nodes) {
    node.location = own.AddLocation(node.location < graph.locations.size() ? graph.locations[node.location]
                                                                           : ir::NodeLocation{});
  }
  return own;
}

ir::Graph with_inner_locations(const ir::Graph& graph) {
  ir::Graph copy = graph;
  for (ir::Node& node : copy.nodes) {
    if (node.op != ir::Op::fused || node.attrs().graph(ir::Attr::body).locations.size() > 1) continue;
    auto body = std::make_shared<ir::Graph>(node.attrs().graph(ir::Attr::body));
    body->locations.assign(1, {});
    for (ir::Node& inner : body->nodes) {  // those that it needs: a graph has thousands, and such bodies too
      if (inner.location != 0) inner.location = body->AddLocation(graph.locations[inner.location]);
    }
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
  for (const compiler::DeviceDescription& device : options.devices) stages.devices.push_back(device.name);
  ir::Graph fused;
  compiler::Placements placements;
  options.placements = &placements;
  options.observe = [&](std::string_view stage, const ir::Graph& g) {
    stages.views.push_back(view_of(g, stage, constants));
    if (stage == "placed") place(placements, &stages.views.back());
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
  link_steps(stages.views.back(), *stages.program, &view);
  // Inputs are the parameters, in order.
  for (std::size_t i = 0; i < own.parameters.size(); ++i) view.nodes[i].origins = {own.parameters[i]};
  for (const ViewEdge& e : view.edges) {
    ViewNode& to = view.nodes[e.to];
    if (to.kind == ViewNode::Kind::output) to.origins = view.nodes[e.from].origins;
  }
  stages.views.push_back(std::move(view));
  for (const ir::Node& node : fused.nodes) {
    for (const auto& [role, attribute] : roles(node)) {
      StatusOr<Stages> body =
          see(node.attrs().graph(attribute), compiler::options_of_parts(options), code, constants);
      if (!body.ok()) return body.status();
      stages.bodies.push_back({node.location > 0 ? stages.views.front().nodes[node.location - 1].id : "",
                               role, std::make_shared<Stages>(*std::move(body))});
    }
  }
  return stages;
}

}  // namespace leat::frontend
