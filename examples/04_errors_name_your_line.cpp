// Errors are values. A wrong shape throws as the expression is built, at its line. A fault that only
// running shows poisons exactly what depends on it, and every reader sees the same error.
#include <string>

#include "check.h"
#include "leat/leat.h"

using leat::Code, leat::Error, leat::Tensor;

int main() {
  const Tensor x = leat::ones({4, 8}), w = leat::ones({9, 2});
  std::uint32_t line = 0;
  try {
    line = __LINE__ + 1;
    leat::matmul(x, w);
    CHECK(!"reached");
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
    const std::string message = error.status().message();
    CHECK(error.code() == Code::invalid_argument);
    CHECK(message.find("[4,8]") != std::string::npos && message.find("[9,2]") != std::string::npos);
    CHECK(std::string(error.status().where().file).ends_with("04_errors_name_your_line.cpp"));
    CHECK(error.status().where().line == line);
  }

  // An index out of range is found while running.
  const Tensor rows = leat::tensor({0, 2, 7});
  line = __LINE__ + 1;
  const Tensor picked = leat::gather(x, rows);
  const Tensor dependent = leat::sum(picked) * 2;
  const Tensor unrelated = leat::sum(x);
  leat::eval(dependent, unrelated);
  leat::wait_all();                      // faults stay in their values
  CHECK(unrelated.item<float>() == 32);  // still arrives
  CHECK(dependent.status().code() == Code::out_of_range);
  for (int reader = 0; reader < 2; ++reader) {  // it sticks
    try {
      dependent.item<float>();
      CHECK(!"reached");
    } catch (const Error& error) {
      if (reader == 0) std::printf("%s\n", error.what());
      CHECK(error.code() == Code::out_of_range);
      CHECK(error.status().where().line == line);  // of the gather, not of the reader
    }
  }
}
