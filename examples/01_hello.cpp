// The first program: nothing runs until a value is asked for.
#include <cmath>
#include <iostream>

#include "check.h"
#include "leat/leat.h"

int main() {
  leat::Generator random(42);
  leat::Tensor x = random.normal({256, 512}), w = random.normal({512, 128});
  leat::Tensor y = leat::softmax(leat::maximum(leat::matmul(x, w), 0), -1);  // nothing has run yet
  CHECK(!y.ready());
  CHECK((y.shape() == leat::Shape{256, 128}));  // but its type is known

  y.eval();                                  // runs elsewhere; returns at once
  leat::Tensor total = leat::sum(y);         // an expression may go on from a value that is on its way
  std::cout << total.item<float>() << "\n";  // waits: 256
  CHECK(std::fabs(total.item<float>() - 256) < 1e-3);  // every row of a softmax sums to 1
  CHECK(y.ready());

  std::cout << leat::tensor({1.0f, 2.0f, 3.0f}) * 2 + 1 << "\n";  // printing waits too
}
