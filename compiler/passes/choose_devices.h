// On which device each node runs, where the program does not say: an estimate decides.
//
// What is likely to fuse into one kernel is one task, any other op one of its own. Tasks are taken by their
// upward rank, the mean time from a task's start to the end of the program with copies (HEFT: Topcuoglu,
// Hariri and Wu, 2002), and each goes where its finish and the least that must follow it (the optimistic cost
// of PEFT: Arabnejad and Barbosa, 2014) come first. Every device takes one task after another, in gaps that
// are left too; so does every link between two devices with copies; a value is copied once to a device. The
// plan is the best, by the same estimate, of that and of everything on one device. Where outputs are read
// is not known, so taking them to the host is not counted.
//
// An explicit copy decides for what is computed from it. Control flow and effects are on device 0 otherwise;
// on a GPU is only what has code for one. Deterministic; O(n log n) in nodes, linear in devices. Pure.
//
//   DevicePlan plan = choose_devices(graph, options.devices, options.input_devices);
//   graph = place_nodes(graph, names, options.input_devices, nullptr, &plan);
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/compile.h"
#include "ir/graph.h"

namespace leat::compiler {

/// Which functions a custom op has, by its target. An empty lookup: one for the host.
struct CustomKinds {
  bool host = true, cuda = false;
};
using CustomLookup = std::function<CustomKinds(std::string_view target)>;

/// A task on a device, as it was weighed: in ns, from the start of the program.
struct DeviceEstimate {
  bool runs = true;      // false: it cannot be there
  double run_ns = 0;     // launch included
  double copies_ns = 0;  // of operands that must come from elsewhere for it
  double start_ns = 0;   // when its operands and the device are there
  double finish_ns = 0;
  double rest_ns = 0;  // from there to the end of the program, at best
};

/// For one node.
struct DeviceChoice {
  enum class Why : std::uint8_t {
    operands,   // nothing is chosen: inputs, constants and views are where they are or are read
    requested,  // an explicit copy, or computed from one
    host,       // control flow and effects
    estimate,
  };
  Why why = Why::operands;
  std::uint16_t device = 0;
  std::uint32_t task = 0;  // its last node
};

struct DevicePlan {
  static constexpr std::uint16_t kMixed = 0xffff;
  std::vector<DeviceChoice> nodes;
  double makespan_ns = 0;
  double mixed_ns = 0;            // task by task
  std::vector<double> alone_ns;   // everything that may be there on one device, by device
  std::uint16_t winner = kMixed;  // or the device that has everything
  /// By task (DeviceChoice::task), where `explain` was asked for and an estimate decided.
  std::vector<std::shared_ptr<const std::vector<DeviceEstimate>>> estimates;
};

/// REQUIRES: a static graph that the passes before fusion have made; at most 2^16 - 1 devices, of which the
/// first is a CPU.
DevicePlan choose_devices(const ir::Graph& graph, std::span<const DeviceDescription> devices,
                          std::span<const std::uint16_t> input_devices = {}, bool explain = false,
                          const CustomLookup& custom = {});

/// What decided, for people: "done at 14.2 us (run 4.10 us, copies 10.1 us); cpu:0: 81.0 us".
std::string explain_estimates(std::span<const DeviceEstimate> estimates, std::uint16_t chosen,
                              std::span<const std::string> device_names);
/// "14.2 us estimated, task by task; all on cpu:0: 81.0 us, all on gpu:0: 24.9 us".
std::string summarize(const DevicePlan& plan, std::span<const std::string> device_names);

}  // namespace leat::compiler
