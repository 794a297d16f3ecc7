// A headless Chromium, driven over its DevTools pipe: pages are loaded, clicked and asked as a user's would
// be.
//
// One browser per object, with a profile folder of its own that is removed; the child is ended and waited
// for. Failures are reported as gtest failures and give empty answers. For one thread.
//
//   Browser browser;                          // browser.there(): whether a Chromium is installed
//   browser.Open("/tmp/page.html", 1400, 900);
//   browser.Click(400, 300);
//   EXPECT_EQ(browser.Text("document.title"), "mlp - leat");
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace leat::page {

class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  bool there() const { return child_ > 0; }
  /// Loads a file and waits until it is drawn.
  void Open(const std::string& path, int width, int height, bool dark = false);
  /// The value of an expression of JavaScript; a thrown error is a failure.
  nlohmann::json Ask(const std::string& expression);
  std::string Text(const std::string& expression);
  void Click(double x, double y, int count = 1);
  void Move(double x, double y);
  void Wheel(double x, double y, double delta);
  void Drag(double x0, double y0, double x1, double y1);
  /// Types into what has the focus; `key` as in KeyboardEvent.key.
  void Type(const std::string& text);
  void Press(const std::string& key);
  /// Writes what is seen as PNG.
  void Screenshot(const std::string& path);
  /// What the page logged as errors or threw.
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  nlohmann::json Call(const std::string& method, nlohmann::json parameters = nlohmann::json::object());
  bool Read(nlohmann::json* message);
  void Mouse(const char* type, double x, double y, int count, bool pressed);
  void WaitForFrame();

  int child_ = -1, to_ = -1, from_ = -1;
  int next_ = 1;
  std::string session_, buffer_;
  std::filesystem::path profile_;
  std::vector<std::string> errors_;
};

/// The Chromium that is used: $LEAT_CHROMIUM, or the first of that name on the path; empty if there is none.
std::string find_chromium();

}  // namespace leat::page
