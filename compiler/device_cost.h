// What a node takes on a whole device, and a copy between two, in ns: estimates from types and a device's
// description alone, for placement. They never change a bit.
#pragma once

#include "compiler/compile.h"
#include "ir/graph.h"

namespace leat::compiler {

/// The arithmetic of a node on all workers of a device, without launch and memory. What orders or calls has
/// the cost of one worker. REQUIRES: a static graph.
double arithmetic_ns(const ir::Graph& graph, const ir::Node& node, const DeviceDescription& device);

/// Moving so many bytes between the device's memory and all of its workers.
double memory_ns(double bytes, const DeviceDescription& device);

/// How many steps the device runs at once.
int steps_at_once(const DeviceDescription& device);

struct CopyLink {
  double latency_ns = 0;
  double bytes_per_ns = 1;
  double busy_ns(double bytes) const { return bytes / bytes_per_ns; }
};
CopyLink copy_link(const DeviceDescription& from, const DeviceDescription& to);

}  // namespace leat::compiler
