// Waiting is explicit: for one value, for some time, for several, for all. Some calls wait implicitly
// (item, data, to_vector, printing); a BlockGuard finds them.
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "check.h"
#include "leat/leat.h"

using leat::BlockGuard, leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

int main() {
  using namespace std::chrono_literals;
  Context context;
  const Context::Scope scope(context);
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  context.RegisterCustom("pass_gate", [open](Arrays in, Arrays out) {
    open.wait();
    out[0].as<float>()[0] = in[0].as<float>()[0];
    return Status();
  });

  const Tensor slow = leat::custom("pass_gate", {Tensor(1.0f)}, {DType::f32, {}}) + 1;
  const Tensor quick = leat::sum(leat::ones({1000}));
  leat::eval(slow, quick);
  quick.wait();                 // one value; the other one may take its time
  CHECK(!slow.wait_for(10ms));  // some time: it is not there yet
  std::printf("slow: %s\n", slow.explain().c_str());
  gate.set_value();
  leat::wait(slow, quick);  // several
  CHECK(slow.ready() && quick.ready());
  context.wait_all();  // everything in flight

  // Where does this thread block? log: tell of each call that really had to wait.
  const auto fresh = [] { return leat::sum(leat::ones({1000}) * 3); };
  std::vector<std::string> lines;
  {
    BlockGuard guard([&](std::string_view line) { lines.emplace_back(line); });
    CHECK(fresh().item<float>() == 3000);
    CHECK(guard.count() == 1);
  }
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  // forbid: such a call throws at its line, whether or not it would have waited.
  {
    BlockGuard guard(BlockGuard::Mode::forbid);
    const Tensor t = fresh();
    t.eval();  // does not block
    std::uint32_t line = 0;
    try {
      line = __LINE__ + 1;
      t.item<float>();
      CHECK(!"reached");
    } catch (const leat::Error& error) {
      std::printf("%s\n", error.what());
      CHECK(error.code() == leat::Code::would_deadlock);
      CHECK(error.status().where().line == line);
    }
  }
}
