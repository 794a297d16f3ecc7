// Sequences: lists of values that exist while importing only; what they hold is tensors like any other.
#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

Item sequence_of(Items items) {
  bool known = true;
  for (const Item& i : items) known = known && i.known;
  return {{}, known, std::make_shared<Items>(std::move(items))};
}

// The position of an operand, from the back if negative; `fallback` where it is absent. `end` is one more
// than the last.
std::size_t position(Call& c, std::size_t input, std::int64_t fallback, std::int64_t end) {
  const std::int64_t given = c.has(input) ? c.integer(input) : fallback;
  const std::int64_t length = static_cast<std::int64_t>(c.sequence(0).size());
  const std::int64_t at = given < 0 ? given + length : given;
  if (at < 0 || at >= end) c.Fail("position ", given, " in a sequence of ", length);
  return static_cast<std::size_t>(at);
}

}  // namespace

Results import_sequence_empty(Call& c) { return c.Give({sequence_of({})}); }

Results import_sequence_construct(Call& c) {
  c.inputs();
  return c.Give({sequence_of(c.items())});
}

Results import_sequence_insert(Call& c) {
  Items items = c.sequence(0);
  const auto length = static_cast<std::int64_t>(items.size());
  c.input(1);
  const std::size_t at = position(c, 2, length, length + 1);
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), c.items()[1]);
  return c.Give({sequence_of(std::move(items))});
}

Results import_sequence_erase(Call& c) {
  Items items = c.sequence(0);
  const auto length = static_cast<std::int64_t>(items.size());
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(position(c, 1, length - 1, length)));
  return c.Give({sequence_of(std::move(items))});
}

Results import_sequence_at(Call& c) {
  const Items& items = c.sequence(0);
  c.input(1);
  return c.Give({items[position(c, 1, 0, static_cast<std::int64_t>(items.size()))]});
}

Results import_sequence_length(Call& c) {
  return c.Give({{Tensor(static_cast<std::int64_t>(c.sequence(0).size())), true}});
}

Results import_split_to_sequence(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", 0, x.rank());
  const std::int64_t extent = x.dim(axis);
  Integers lengths;
  const auto spend = [&](std::int64_t parts) { c.Spend(static_cast<double>(parts), sizeof(Item)); };
  if (!c.has(1)) {
    spend(extent);
    lengths.assign(static_cast<std::size_t>(extent), 1);
  } else if (c.input(1).rank() > 0) {
    lengths = c.integers(1);
  } else {
    const std::int64_t each = c.integer(std::size_t{1});
    if (each < 1) c.Fail("parts of ", each);
    spend(extent / each + 1);
    for (std::int64_t left = extent; left > 0; left -= each) lengths.push_back(std::min(each, left));
  }
  const bool drop = !c.has(1) && !c.flag("keepdims", true);
  Items items;
  for (const Tensor& part : split(x, lengths, axis))
    items.push_back({drop ? squeeze(part, axis) : part, c.known(0)});
  return c.Give({sequence_of(std::move(items))});
}

Results import_concat_from_sequence(Call& c) {
  std::vector<Tensor> parts;
  bool known = true;
  for (const Item& i : c.sequence(0)) {
    parts.push_back(i.tensor);
    known = known && i.known;
  }
  if (parts.empty()) c.Fail("an empty sequence");
  const bool fresh = c.flag("new_axis");
  const int axis = c.axis("axis", 0, parts[0].rank() + (fresh ? 1 : 0));
  return c.Give({{fresh ? stack(parts, axis) : concat(parts, axis), known}});
}

Results import_sequence_map(Call& c) {
  const GraphProto& body = c.graph("body");
  const std::size_t length = c.sequence(0).size();
  std::vector<Items> outputs(body.outputs.size());
  for (std::size_t k = 0; k < length; ++k) {
    Items arguments;
    for (const Item& i : c.items()) {
      if (i.sequence != nullptr && i.sequence->size() != length) c.Fail("sequences of different lengths");
      arguments.push_back(i.sequence != nullptr ? (*i.sequence)[k] : i);
    }
    Items results = c.importer().RunBody(body, arguments);
    for (std::size_t o = 0; o < outputs.size(); ++o) outputs[o].push_back(std::move(results[o]));
  }
  Items results;
  for (Items& o : outputs) results.push_back(sequence_of(std::move(o)));
  return c.Give(std::move(results));
}

}  // namespace leat::onnx
