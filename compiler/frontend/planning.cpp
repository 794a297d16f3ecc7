#include "compiler/frontend/planning.h"

#include <cstring>

#include "compiler/frontend/quick_run.h"
#include "compiler/frontend/walk.h"
#include "runtime/executor/step_graph.h"

namespace leat::frontend {
namespace {

// 20 us: below this a hand-off (5 to 60 us to wake a sleeping worker) costs more than it brings.
constexpr double kSmallCost = 20'000;

bool is_small(const runtime::Program& program, double& cost) {
  cost = 0;
  for (const runtime::Step& step : program.steps) {
    if (step.body != nullptr && runtime::may_run_user_code(*step.body)) return false;
    cost += step.cost_ns;
  }
  return program.steps.size() <= 16 && cost <= kSmallCost;
}

StatusOr<std::shared_ptr<const runtime::Program>> plan_now(ContextState& state, Plan& plan,
                                                           const Snapshot& snapshot,
                                                           const BoundInputs& bound) {
  const std::lock_guard planning(plan.planning);
  if (plan.ready.load(std::memory_order_acquire)) {
    state.plans().hits.fetch_add(1, std::memory_order_relaxed);
    note_reuse(state, plan);
    return plan.program;
  }
  std::vector<runtime::DeviceId> input_devices;
  ir::Graph graph = lower(snapshot.order, snapshot.key, &input_devices);
  bind_inputs(graph, input_devices, bound);
  auto program = state.Compile(graph, std::move(input_devices));
  if (!program.ok()) return program.status();
  state.plans().planned.fetch_add(1, std::memory_order_relaxed);
  plan.program = *std::move(program);
  plan.small = is_small(*plan.program, plan.cost_ns);
  plan.quick = plan.small && is_quick(*plan.program);
  plan.ready.store(true, std::memory_order_release);
  return plan.program;
}

}  // namespace

ir::Literal literal_of(runtime::Ref<runtime::Buffer> buffer, const ir::Type& type) {
  const auto* const data = static_cast<const std::byte*>(buffer->unaligned_data());
  return {type, std::shared_ptr<const std::byte[]>(data, [buffer = std::move(buffer)](const std::byte*) {})};
}

void bind_inputs(ir::Graph& graph, std::vector<runtime::DeviceId>& devices, const BoundInputs& bound) {
  if (bound.empty()) return;
  std::vector<std::uint32_t> parameters;
  std::vector<std::string> names;
  std::vector<runtime::DeviceId> their_devices;
  for (std::size_t p = 0; p < graph.parameters.size(); ++p) {
    if (!bound[p]) {
      parameters.push_back(graph.parameters[p]);
      names.push_back(graph.parameter_names[p]);
      their_devices.push_back(devices[p]);
      continue;
    }
    ir::Node& node = graph.nodes[graph.parameters[p]];
    node.op = ir::Op::constant;
    node.attributes = std::make_shared<const ir::Attributes>(ir::Attributes{{ir::Attr::value, *bound[p]}});
  }
  devices = std::move(their_devices);
  graph.parameters.assign(parameters.begin(), parameters.end());
  graph.parameter_names.assign(names.begin(), names.end());
}

StatusOr<std::shared_ptr<const runtime::Program>> make_plan(ContextState& state,
                                                            const std::shared_ptr<Plan>& plan,
                                                            const Snapshot& snapshot,
                                                            const BoundInputs& bound) {
  StatusOr<std::shared_ptr<const runtime::Program>> result = Status(Code::internal, "not planned");
  try {
    result = plan_now(state, *plan, snapshot, bound);
  } catch (const std::bad_alloc&) {
    result = Status(Code::resource_exhausted, "out of memory while planning");
  } catch (const std::exception& e) {
    result = Status(Code::internal, std::string("planning failed: ") + e.what());
  }
  if (!result.ok()) state.plans().Remove(plan);
  return result;
}

void note_reuse(ContextState& state, Plan& plan) {
  if (plan.reuses.load(std::memory_order_relaxed) > 0) [[likely]]
    return;
  if (plan.reuses.fetch_add(1, std::memory_order_relaxed) > 0) return;
  if (state.options().tier == Tier::automatic) compiler::request_machine_code(*plan.program, state.code());
}

runtime::Ref<runtime::Value> scalar_value(ContextState& state, std::uint64_t bits) {
  runtime::Ref<runtime::Buffer> buffer = state.engine().Allocate(8).value();
  std::memcpy(buffer->data(), &bits, 8);
  return runtime::Value::Ready(std::move(buffer));
}

}  // namespace leat::frontend
