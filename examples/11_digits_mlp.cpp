// A small network reads handwritten digits: 8x8 pixels, two layers, weights from .npy files.
//
// Where the images and weights come from: digits/SOURCE.md.
#include <string>

#include "check.h"
#include "leat/leat.h"

using leat::Tensor;

int main(int argc, char** argv) {
  const std::string folder = (argc > 1 ? argv[1] : EXAMPLES_FOLDER "/digits") + std::string("/");
  const auto load = [&](const char* name) { return leat::load_npy(folder + name + ".npy"); };
  const Tensor images = load("test_images"), labels = load("test_labels");  // u8 [400,64], u8 [400]
  const Tensor w1 = load("w1"), b1 = load("b1"), w2 = load("w2"), b2 = load("b2");

  const auto network = leat::compile([&](const Tensor& pixels) {
    const Tensor x = leat::astype(pixels, leat::DType::f32) / 16;
    const Tensor hidden = leat::relu(leat::linear(x, w1, b1));
    return leat::linear(hidden, w2, b2);  // the logits
  });

  const Tensor logits = network(images);
  const Tensor guess = leat::argmax(logits, -1);
  const Tensor right = guess == leat::astype(labels, leat::DType::i64);
  const Tensor accuracy = leat::mean(leat::astype(right, leat::DType::f32));
  const Tensor loss = leat::cross_entropy(logits, labels);
  leat::eval(guess, accuracy, loss);
  std::printf("accuracy %.4f, cross-entropy %.4f on %lld images\n",
              static_cast<double>(accuracy.item<float>()), static_cast<double>(loss.item<float>()),
              static_cast<long long>(images.dim(0)));
  CHECK(accuracy.item<float>() >= 0.95f);
  CHECK(loss.item<float>() < 0.3f);

  // One image for a person to judge.
  const Tensor first = leat::reshape(leat::slice(images, {0}), {8, 8});
  const auto pixels = first.data<std::uint8_t>();
  for (std::size_t i = 0; i < 64; ++i) {
    std::printf("%c%s", " .:-=+*#%@"[pixels[i] * 9 / 16], i % 8 == 7 ? "\n" : "");
  }
  const std::int64_t answer = leat::slice(guess, {0}).item<std::int64_t>();
  std::printf("read as %lld\n", static_cast<long long>(answer));
  CHECK(answer == leat::slice(labels, {0}).item<std::uint8_t>());
}
