#include "tests/page/browser.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

namespace leat::page {
namespace {

using Json = nlohmann::json;

std::string decode_base64(const std::string& text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xff);
    }
  }
  return bytes;
}

}  // namespace

std::string find_chromium() {
  if (const char* named = std::getenv("LEAT_CHROMIUM")) return named;
  const char* const path = std::getenv("PATH");
  for (const std::string name : {"chromium", "chromium-browser", "google-chrome"}) {
    std::string rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      const std::string full = rest.substr(0, colon) + "/" + name;
      if (::access(full.c_str(), X_OK) == 0) return full;
      rest = colon < rest.size() ? rest.substr(colon + 1) : "";
    }
  }
  return "";
}

// The pipe: the browser reads commands from its file 3 and writes answers to its file 4, each ended by a 0.
Browser::Browser() {
  const std::string chromium = find_chromium();
  if (chromium.empty()) return;
  std::string folder = (std::filesystem::temp_directory_path() / "leat_browser_XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return;
  profile_ = folder;
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
  const std::string profile = "--user-data-dir=" + folder;
  const char* const arguments[] = {chromium.c_str(),
                                   "--headless=new",
                                   "--no-sandbox",  // tests run as root in containers
                                   "--disable-gpu",
                                   "--disable-dev-shm-usage",
                                   "--no-first-run",
                                   "--hide-scrollbars",
                                   "--force-device-scale-factor=1",
                                   "--remote-debugging-pipe",
                                   profile.c_str(),
                                   nullptr};
  child_ = ::fork();
  if (child_ == 0) {
    // Past 3 and 4 first: the ends may stand there.
    const int r = ::fcntl(in[0], F_DUPFD, 10), w = ::fcntl(out[1], F_DUPFD, 10);
    ::dup2(r, 3);
    ::dup2(w, 4);
    ::close(r);
    ::close(w);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int f : {0, 1, 2}) ::dup2(null, f);
    ::setpgid(0, 0);
    ::execv(arguments[0], const_cast<char**>(arguments));
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
  std::signal(SIGPIPE, SIG_IGN);
  const Json target = Call("Target.createTarget", {{"url", "about:blank"}});
  if (!target.contains("targetId")) return;
  const Json attached = Call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}});
  if (attached.contains("sessionId")) session_ = attached["sessionId"];
  Call("Page.enable");
  Call("Runtime.enable");
  Call("Log.enable");
}

Browser::~Browser() {
  if (child_ > 0) {
    session_.clear();
    Call("Browser.close");
    ::kill(-child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  std::error_code ignored;
  if (!profile_.empty()) std::filesystem::remove_all(profile_, ignored);
}

bool Browser::Read(Json* message) {
  constexpr int kPatienceMs = 60'000;
  std::size_t end;
  while ((end = buffer_.find('\0')) == std::string::npos) {
    pollfd file{from_, POLLIN, 0};
    if (::poll(&file, 1, kPatienceMs) <= 0) return false;
    char block[65536];
    const ssize_t n = ::read(from_, block, sizeof block);
    if (n <= 0) return false;
    buffer_.append(block, static_cast<std::size_t>(n));
  }
  *message = Json::parse(buffer_.substr(0, end), nullptr, false);
  buffer_.erase(0, end + 1);
  return true;
}

Json Browser::Call(const std::string& method, Json parameters) {
  const int id = next_++;
  Json request = {{"id", id}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) request["sessionId"] = session_;
  const std::string text = request.dump() + '\0';
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::write(to_, text.data() + sent, text.size() - sent);
    if (n <= 0) return Json::object();
    sent += static_cast<std::size_t>(n);
  }
  Json message;
  while (Read(&message)) {
    if (message.value("id", 0) == id) {
      if (message.contains("error")) ADD_FAILURE() << method << ": " << message["error"].dump();
      return message.value("result", Json::object());
    }
    const std::string event = message.value("method", "");
    if (event == "Runtime.exceptionThrown" ||
        (event == "Log.entryAdded" && message["params"]["entry"].value("level", "") == "error")) {
      errors_.push_back(message["params"].dump());
    }
  }
  if (method != "Browser.close") ADD_FAILURE() << method << ": no answer";
  return Json::object();
}

Json Browser::Ask(const std::string& expression) {
  const Json answer =
      Call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) {
    ADD_FAILURE() << expression << "\n" << answer["exceptionDetails"].dump();
    return nullptr;
  }
  return answer.contains("result") ? answer["result"].value("value", Json(nullptr)) : Json(nullptr);
}

std::string Browser::Text(const std::string& expression) {
  const Json answer = Ask(expression);
  return answer.is_string() ? answer.get<std::string>() : answer.dump();
}

void Browser::WaitForFrame() {
  Ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
}

void Browser::Open(const std::string& path, int width, int height, bool dark) {
  Call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
  Call("Emulation.setEmulatedMedia",
       {{"features", Json::array({{{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}}})}});
  // Nothing may be fetched: the page must open offline.
  Call("Network.enable");
  Call("Network.emulateNetworkConditions",
       {{"offline", true}, {"latency", 0}, {"downloadThroughput", 0}, {"uploadThroughput", 0}});
  Call("Page.navigate", {{"url", "file://" + path}});
  for (int i = 0; i < 300; ++i) {
    if (Ask("document.readyState === 'complete' && typeof leat !== 'undefined' && !!leat.page") == true)
      break;
    ::usleep(100'000);
  }
  WaitForFrame();
}

void Browser::Mouse(const char* type, double x, double y, int count, bool pressed) {
  Call("Input.dispatchMouseEvent", {{"type", type},
                                    {"x", x},
                                    {"y", y},
                                    {"button", count > 0 ? "left" : "none"},
                                    {"buttons", pressed ? 1 : 0},
                                    {"clickCount", count}});
}

void Browser::Click(double x, double y, int count) {
  Mouse("mouseMoved", x, y, 0, false);
  for (int c = 1; c <= count; ++c) {
    Mouse("mousePressed", x, y, c, true);
    Mouse("mouseReleased", x, y, c, false);
  }
  WaitForFrame();
}

void Browser::Move(double x, double y) {
  Mouse("mouseMoved", x, y, 0, false);
  WaitForFrame();
}

void Browser::Wheel(double x, double y, double delta) {
  Call("Input.dispatchMouseEvent",
       {{"type", "mouseWheel"}, {"x", x}, {"y", y}, {"deltaX", 0}, {"deltaY", delta}});
  WaitForFrame();
}

void Browser::Drag(double x0, double y0, double x1, double y1) {
  Mouse("mouseMoved", x0, y0, 0, false);
  Mouse("mousePressed", x0, y0, 1, true);
  Mouse("mouseMoved", (x0 + x1) / 2, (y0 + y1) / 2, 1, true);
  Mouse("mouseMoved", x1, y1, 1, true);
  Mouse("mouseReleased", x1, y1, 1, false);
  WaitForFrame();
}

void Browser::Type(const std::string& text) {
  Call("Input.insertText", {{"text", text}});
  WaitForFrame();
}

void Browser::Press(const std::string& key) {
  Json down = {{"type", "keyDown"}, {"key", key}};
  if (key.size() == 1) down["text"] = key;
  if (key == "Enter") down["text"] = "\r";
  Call("Input.dispatchKeyEvent", down);
  Call("Input.dispatchKeyEvent", {{"type", "keyUp"}, {"key", key}});
  WaitForFrame();
}

void Browser::Screenshot(const std::string& path) {
  WaitForFrame();
  const Json shot = Call("Page.captureScreenshot", {{"format", "png"}});
  if (shot.contains("data")) std::ofstream(path, std::ios::binary) << decode_base64(shot["data"]);
}

}  // namespace leat::page
