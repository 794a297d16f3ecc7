#include "compiler/passes/passes.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/compiler/run_program.h"

namespace leat::compiler {
namespace {

const std::vector<std::string> kDevices = {"cpu:0", "cpu:1", "cpu:2"};

TEST(PlaceNodes, AGraphOfOneDeviceStaysAsItIs) {
  const ir::Graph graph = testing::parse("%x: f32[8]\n%y = exp %x\n");
  EXPECT_EQ(ir::print(place_nodes(graph, {"cpu:0"})), ir::print(graph));
  EXPECT_EQ(ir::print(place_nodes(graph, kDevices)), ir::print(graph));
}

TEST(PlaceNodes, WorkGoesWhereMostBytesAreAndMovesOnce) {
  const ir::Graph graph = testing::parse(
      "graph @g(%x: f32[100], %s: f32[1]) -> (f32[100], f32[100]) {\n%there = copy %x {device=\"cpu:1\"}\n"
      "%b = broadcast %s {dims=[0]} : f32[100]\n%a = add %there %there\n%small = reshape %s : f32[]\n"
      "%w = broadcast %small {dims=[]} : f32[100]\n%y = fma %a %there %w\n%z = fma %y %a %w\nreturn %y, "
      "%z\n}");
  const ir::Graph placed = place_nodes(graph, kDevices);
  const std::vector<std::uint16_t> device = device_of_nodes(placed, kDevices);
  int copies = 0;
  for (std::size_t n = 0; n < placed.nodes.size(); ++n) {
    const ir::Node& node = placed.nodes[n];
    copies += node.op == ir::Op::copy ? 1 : 0;
    if (node.op == ir::Op::add || node.op == ir::Op::fma) {
      EXPECT_EQ(device[n], 1) << ir::print(placed);
    }
    if (node.op == ir::Op::copy || node.op == ir::Op::constant) continue;
    for (ir::Value v : node.inputs) {  // whatever a node reads is where it runs
      if (placed.nodes[v.node].op != ir::Op::constant) {
        EXPECT_EQ(device[v.node], device[n]) << ir::print(placed);
      }
    }
  }
  EXPECT_EQ(copies, 2) << ir::print(placed);  // the one that was asked for, and %w for both of its readers
}

TEST(PlaceNodes, ConstantsAreEverywhere) {
  const ir::Graph graph = testing::parse(
      "%x: f32[100]\n%there = copy %x {device=\"cpu:1\"}\n%two = constant {value=2} : f32[]\n"
      "%b = broadcast %two {dims=[]} : f32[100]\n%i = iota {axis=0} : f32[100]\n%d = mul %b %there\n%y = add "
      "%i %d\n");
  const ir::Graph placed = place_nodes(graph, kDevices);
  EXPECT_EQ(ir::print(placed), ir::print(graph));
  const std::vector<std::uint16_t> device = device_of_nodes(placed, kDevices);
  EXPECT_EQ(device.back(), 1);
  CompileOptions options = testing::exact_options();
  options.devices.resize(2);
  options.devices[1].name = "cpu:1";
  const auto program = testing::check_program(graph, options);
  ASSERT_NE(program, nullptr);
  ASSERT_EQ(program->steps.size(), 2u) << runtime::print(*program);
  EXPECT_EQ(program->steps[1].device, 1);
}

TEST(PlaceNodes, AnUnknownDeviceIsAnErrorThatListsTheKnown) {
  testing::TileCodeCache code;
  const auto program = compile(testing::parse("%x: f32[8]\n%y = copy %x {device=\"gpu:7\"}\n"),
                               testing::exact_options(), code);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), Code::invalid_argument);
  EXPECT_NE(program.status().message().find("there is no device \"gpu:7\"; devices: cpu:0"),
            std::string::npos)
      << program.status().message();
}

// Virtual devices have address spaces of their own: a missing copy reads another device's bytes.
TEST(PlaceNodes, ValuesThatWanderBetweenDevicesAreRight) {
  auto engine = runtime::Engine::Create({.workers = 2, .cpu_devices = 3}).value();
  CompileOptions options = testing::exact_options();
  options.devices.resize(3);
  for (std::size_t d = 0; d < 3; ++d) {
    options.devices[d].name = kDevices[d];
    options.devices[d].workers = 2;
  }
  const int copies = testing::check_random_graphs(
      *engine, options,
      [](const ir::Graph& graph, std::uint64_t seed) { return testing::move_values(graph, kDevices, seed); });
  EXPECT_GT(copies, 150);
}

}  // namespace
}  // namespace leat::compiler
