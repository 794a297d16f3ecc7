// If, Loop and Scan: the branch is chosen and loops are unrolled while importing.
#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

Item joined(std::vector<Item> parts, int axis) {
  std::vector<Tensor> tensors;
  bool known = true;
  for (Item& p : parts) {
    known = known && p.known;
    tensors.push_back(std::move(p.tensor));
  }
  return {stack(tensors, axis), known};
}

}  // namespace

Results import_if(Call& c) {
  return c.Give(c.importer().RunBody(c.graph(c.truth(0) ? "then_branch" : "else_branch"), {}));
}

Results import_loop(Call& c) {
  const GraphProto& body = c.graph("body");
  if (c.input_count() < 2) c.Fail("a loop has the inputs M, cond, and what it carries");
  const std::size_t carried = c.input_count() - 2;
  if (body.outputs.size() < carried + 1) c.Fail("its graph has ", body.outputs.size(), " outputs");
  const std::size_t scans = body.outputs.size() - 1 - carried;
  const std::int64_t most = c.has(0) ? c.integer(std::size_t{0}) : INT64_MAX;
  bool go_on = !c.has(1) || c.truth(1);
  Items state(c.items().begin() + 2, c.items().end());
  for (const Item& s : state) {
    if (s.absent()) c.Unsupported("an input that is absent");
  }
  std::vector<std::vector<Item>> collected(scans);
  for (std::int64_t i = 0; i < most && go_on; ++i) {
    Items arguments{{Tensor(i), true}, {Tensor(true), true}};
    arguments.insert(arguments.end(), state.begin(), state.end());
    Items results = c.importer().RunBody(body, arguments);
    for (std::size_t s = 0; s < carried; ++s) state[s] = std::move(results[s + 1]);
    for (std::size_t s = 0; s < scans; ++s) collected[s].push_back(std::move(results[carried + 1 + s]));
    // The condition is looked at only where it may end the loop.
    if (i + 1 < most) go_on = c.integers_of(results[0]).at(0) != 0;
  }
  Items results = std::move(state);
  for (std::size_t s = 0; s < scans; ++s) {
    if (!collected[s].empty()) {
      results.push_back(joined(std::move(collected[s]), 0));
      continue;
    }
    const TypeProto& type = body.outputs[carried + 1 + s].type;  // no turn: only the declared type is there
    Shape shape{0};
    for (const TypeProto::Dimension& d : type.shape) shape.push_back(std::max<std::int64_t>(0, d.value));
    results.push_back({zeros(shape, c.dtype_from(type.elem_type)), true});
  }
  return c.Give(std::move(results));
}

Results import_scan(Call& c) {
  const GraphProto& body = c.graph("body");
  const std::int64_t scanned_count = c.integer("num_scan_inputs");
  const std::size_t skip = c.version() < 9 ? 1 : 0;  // version 8: sequence lengths, and a batch axis in front
  if (skip == 1 && c.has(0)) c.Unsupported("sequence_lens");
  const std::size_t inputs = c.input_count() - std::min(skip, c.input_count());
  if (scanned_count < 1 || static_cast<std::size_t>(scanned_count) > inputs) {
    c.Fail("num_scan_inputs is ", scanned_count, " of ", inputs, " inputs");
  }
  const auto scanned = static_cast<std::size_t>(scanned_count), carried = inputs - scanned;
  if (body.outputs.size() < carried) c.Fail("its graph has ", body.outputs.size(), " outputs");
  const std::size_t outputs = body.outputs.size() - carried;
  const auto listed = [&](std::string_view name, std::size_t count) {
    Integers list = c.integers(name);
    if (list.empty()) list.assign(count, 0);
    if (list.size() != count) c.Fail("attribute ", std::string(name), " has ", list.size(), " entries");
    return list;
  };
  const Integers back = listed(skip == 1 ? "directions" : "scan_input_directions", scanned);
  const Integers back_out = listed("scan_output_directions", outputs);
  const Integers axes = listed("scan_input_axes", scanned), axes_out = listed("scan_output_axes", outputs);

  // One pass over the scan inputs, given the initial state.
  const auto pass = [&](Items state, const Items& sequences) {
    std::int64_t steps = -1;
    for (std::size_t s = 0; s < scanned; ++s) {
      const Tensor& t = sequences[s].tensor;
      const std::int64_t length = t.dim(c.normal_axis(axes[s], t.rank()));
      if (steps >= 0 && steps != length) c.Fail("sequences of ", steps, " and ", length, " steps");
      steps = length;
    }
    std::vector<std::vector<Item>> collected(outputs);
    for (std::int64_t i = 0; i < steps; ++i) {
      Items arguments = state;
      for (std::size_t s = 0; s < scanned; ++s) {
        const Tensor& t = sequences[s].tensor;
        std::vector<Slice> parts(t.shape().size());
        parts[static_cast<std::size_t>(c.normal_axis(axes[s], t.rank()))] =
            Slice(back[s] != 0 ? steps - 1 - i : i);
        arguments.push_back({slice(t, parts), sequences[s].known});
      }
      Items results = c.importer().RunBody(body, arguments);
      for (std::size_t s = 0; s < carried; ++s) state[s] = std::move(results[s]);
      for (std::size_t s = 0; s < outputs; ++s) collected[s].push_back(std::move(results[carried + s]));
    }
    if (steps == 0) c.Unsupported("a sequence of no steps");
    for (std::size_t s = 0; s < outputs; ++s) {
      if (back_out[s] != 0) std::reverse(collected[s].begin(), collected[s].end());
      const int rank = collected[s][0].tensor.rank() + 1;
      state.push_back(joined(std::move(collected[s]), c.normal_axis(axes_out[s], rank)));
    }
    return state;
  };
  const auto begin = c.items().begin() + static_cast<std::ptrdiff_t>(skip);
  const auto middle = begin + static_cast<std::ptrdiff_t>(carried);
  for (std::size_t i = skip; i < c.input_count(); ++i) c.input(i);
  if (skip == 0) return c.Give(pass(Items(begin, middle), Items(middle, c.items().end())));
  std::vector<std::vector<Item>> batches;
  const std::int64_t batch = c.input(skip).dim(0);
  for (std::int64_t b = 0; b < batch; ++b) {
    const auto of_batch = [&](auto from, auto to) {
      Items items(from, to);
      for (Item& i : items) i.tensor = slice(i.tensor, {b});
      return items;
    };
    Items results = pass(of_batch(begin, middle), of_batch(middle, c.items().end()));
    batches.resize(results.size());
    for (std::size_t r = 0; r < results.size(); ++r) batches[r].push_back(std::move(results[r]));
  }
  if (batches.empty()) c.Unsupported("an empty batch");
  Items results;
  for (std::vector<Item>& parts : batches) results.push_back(joined(std::move(parts), 0));
  return c.Give(std::move(results));
}

}  // namespace leat::onnx
