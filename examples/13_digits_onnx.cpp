// A convolutional network from PyTorch reads handwritten digits: an ONNX model, loaded and run.
//
// digits/train_convolutional.py trained and exported it; where the images come from: digits/SOURCE.md.
#include <string>

#include "check.h"
#include "leat/leat.h"
#include "leat/onnx.h"

using leat::Tensor;

int main(int argc, char** argv) {
  const std::string folder = (argc > 1 ? argv[1] : EXAMPLES_FOLDER "/digits") + std::string("/");
  const leat::onnx::Model model = leat::onnx::load(folder + "convolutional.onnx").value();
  for (const leat::onnx::ValueInfo& v : model.inputs()) {
    std::printf("takes %s, of rank %zu, made by %s\n", v.name.c_str(), v.dims.size(),
                model.metadata().producer_name.c_str());
  }

  const Tensor images = leat::load_npy(folder + "test_images.npy");  // u8 [400,64]
  const Tensor labels = leat::load_npy(folder + "test_labels.npy");  // u8 [400]
  const auto outputs = model.Run({{"pixels", leat::astype(images, leat::DType::f32)}}).value();
  const Tensor probabilities = outputs.at("probabilities");  // f32 [400,10]
  const Tensor guess = leat::argmax(probabilities, -1);
  const Tensor right = guess == leat::astype(labels, leat::DType::i64);
  const Tensor accuracy = leat::mean(leat::astype(right, leat::DType::f32));
  const Tensor least_sure = leat::min(leat::max(probabilities, -1));
  leat::eval(accuracy, least_sure);
  std::printf("accuracy %.4f; the least sure guess has probability %.2f\n",
              static_cast<double>(accuracy.item<float>()), static_cast<double>(least_sure.item<float>()));
  CHECK(accuracy.item<float>() >= 0.98f);
  CHECK(least_sure.item<float>() < 0.9f);

  // One image: another batch size is another plan of the same model.
  const Tensor one = leat::astype(leat::slice(images, {{0, 1}}), leat::DType::f32);
  const Tensor alone = model({one}).at(0);
  CHECK(leat::argmax(alone, -1).item<std::int64_t>() == leat::slice(labels, {0}).item<std::uint8_t>());
}
