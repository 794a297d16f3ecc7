// Random graphs through the Tensor frontend, flushed at random points, against the interpreter, bit for bit.
//
// Each of 1,000 graphs is replayed node by node in a Context of 1, 2 or 8 workers, on tiles or (one in 16) as
// machine code, fused or not, at a vector width of 128, 256 or 512 bits. All of them everywhere, which takes
// an hour:
//
//   LEAT_LONG=1 conformance_test --gtest_filter='FrontendGraphs.*'
//
// LEAT_SEED=n takes one graph, everywhere; LEAT_GRAPHS=n sets how many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "compiler/frontend/build.h"
#include "ir/printer.h"
#include "leat/leat.h"
#include "tests/conformance/random_graph.h"

namespace leat {
namespace {

struct Place {
  std::string name;
  std::unique_ptr<Context> context;
};

std::vector<Place> make_places(Tier tier) {
  std::vector<Place> places;
  for (const int workers : {1, 2, 8}) {
    for (const bool fuse : {true, false}) {
      for (const int bits : {128, 256, 512}) {
        if (tier == Tier::tiles && bits != 128) continue;
        ContextOptions options{.workers = workers};
        options.exact_contractions = true;
        options.tier = tier;
        options.fuse = fuse;
        options.vector_bits = tier == Tier::tiles ? 0 : bits;
        std::string name = std::to_string(workers) + " workers" + (fuse ? "" : ", one op per kernel");
        if (tier == Tier::machine_code) name += ", machine code of " + std::to_string(bits) + " bits";
        places.push_back({std::move(name), std::make_unique<Context>(options)});
      }
    }
  }
  return places;
}

/// The Tensors of a node, as a user's expression makes them.
std::vector<Tensor> replay(const ir::Node& node, const std::vector<Tensor>& operands) {
  const ir::OpInfo& info = ir::op_info(node.op);
  if (info.is(ir::kMultiResult)) {
    return frontend::make_tuple_op(node.op, operands, node.attrs(), SourceLocation::current(),
                                   {node.results.begin(), node.results.end()});
  }
  const std::vector<Operand> list(operands.begin(), operands.end());
  if (info.elementwise() && info.family != ir::Family::convert) {
    return {frontend::make_elementwise(node.op, list.data(), static_cast<std::uint32_t>(list.size()))};
  }
  return {frontend::make_op(node.op, list, node.attrs(), SourceLocation::current(), &node.type())};
}

ir::Array read(const Tensor& t) {
  ir::Array array = ir::Array::Zeros({t.dtype(), t.shape()});
  visit_dtype(t.dtype(), [&](auto zero) {
    const auto view = t.data<decltype(zero)>();
    if (view.size() > 0)
      std::memcpy(array.bytes.get(), static_cast<const void*>(view.data()), array.byte_count());
  });
  return array;
}

/// Replays the graph in the current Context. Values are flushed, waited for, or dropped now and then.
std::vector<StatusOr<ir::Array>> run_as_expressions(const ir::Graph& graph,
                                                    const std::vector<ir::Array>& inputs,
                                                    std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint32_t> uses = ir::count_uses(graph);
  std::vector<std::vector<Tensor>> tensors(graph.nodes.size());
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const ir::Node& node = graph.nodes[n];
    if (node.op == ir::Op::parameter) {
      const ir::Array& a = inputs[parameter++];
      tensors[n] = {from_memory(a.bytes.get(), a.type.dtype, a.type.shape)};
    } else if (node.op == ir::Op::constant) {
      const ir::Literal& literal = node.attrs().literal(ir::Attr::value);
      tensors[n] = {from_memory(literal.bytes.get(), literal.type.dtype, literal.type.shape)};
    } else {
      std::vector<Tensor> operands;
      for (ir::Value v : node.inputs) operands.push_back(tensors[v.node][v.result]);
      tensors[n] = replay(node, operands);
      for (ir::Value v : node.inputs) {
        if (--uses[v.node] == 0) tensors[v.node].clear();  // no output, no other reader: the handle goes
      }
    }
    if (random() % 8 != 0) continue;
    const std::vector<Tensor>& some = tensors[random() % (n + 1)];
    if (some.empty()) continue;
    const Tensor& t = some[random() % some.size()];
    if (random() % 3 == 0) {
      t.wait_for(std::chrono::seconds(600));
    } else {
      t.eval();
    }
  }
  std::vector<Tensor> outputs;
  for (ir::Value v : graph.outputs) outputs.push_back(tensors[v.node][v.result]);
  tensors.clear();
  eval(outputs);
  std::vector<StatusOr<ir::Array>> results;
  for (const Tensor& t : outputs) {
    try {
      results.push_back(read(t));
    } catch (const Error& e) {
      results.push_back(e.status());
    }
  }
  return results;
}

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

void check(const ir::Graph& graph, const std::vector<ir::Array>& inputs,
           const StatusOr<std::vector<ir::Array>>& expected, const Place& place, std::uint64_t seed) {
  SCOPED_TRACE(place.name);
  const Context::Scope scope(*place.context);
  const auto actual = run_as_expressions(graph, inputs, seed);
  for (std::size_t o = 0; o < actual.size(); ++o) {
    // A fault poisons what depends on it; the interpreter stops at the first.
    if (!expected.ok()) continue;
    ASSERT_TRUE(actual[o].ok()) << "output " << o << ": " << actual[o].status().ToString() << "\n"
                                << ir::print(graph);
    ASSERT_EQ(testing::compare_bits((*expected)[o], *actual[o]), "") << "output " << o << "\n"
                                                                     << ir::print(graph);
  }
}

TEST(FrontendGraphs, EveryPlaceHasTheInterpretersBits) {
  const bool one = std::getenv("LEAT_SEED") != nullptr,
             everywhere = one || std::getenv("LEAT_LONG") != nullptr;
  const std::uint64_t first = from_environment("LEAT_SEED", 1);
  const std::uint64_t count = one ? 1 : from_environment("LEAT_GRAPHS", 1000);
  const std::vector<Place> tiles = make_places(Tier::tiles), compiled = make_places(Tier::machine_code);
  std::uint64_t faulted = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("LEAT_SEED=" + std::to_string(seed));
    const ir::Graph graph = testing::random_graph(seed);
    const std::vector<ir::Array> inputs = testing::random_inputs(graph, seed);
    const auto expected = ir::interpret(graph, inputs);
    faulted += expected.ok() ? 0 : 1;
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      if (everywhere || seed % tiles.size() == i) check(graph, inputs, expected, tiles[i], seed);
      if (HasFatalFailure()) return;
    }
    for (std::size_t i = 0; i < compiled.size(); ++i) {
      if (everywhere || (seed % 16 == 0 && seed / 16 % compiled.size() == i)) {
        check(graph, inputs, expected, compiled[i], seed);
      }
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_LE(faulted, count / 20);
}

}  // namespace
}  // namespace leat
