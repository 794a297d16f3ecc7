#include "runtime/engine/live_dump.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/engine/engine_core.h"

namespace leat::runtime {
namespace {

struct Engines {
  std::mutex mutex;
  std::vector<std::weak_ptr<EngineCore>> cores;
  int signal = 0;  // that is watched
};
Engines& engines() {
  static Engines* const kEngines = new Engines;
  return *kEngines;
}

// Set before the handler is, and never again.
int g_pipe[2] = {-1, -1};

extern "C" void note_signal(int) {
  const int saved = errno;
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(g_pipe[1], &byte, 1);  // full: a dump is on its way
  errno = saved;
}

void watch(const std::string& path) {
  char bytes[64];
  for (;;) {
    const ssize_t n = ::read(g_pipe[0], bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    const std::string text = describe_engines();
    std::FILE* const out = path.empty() ? stderr : std::fopen(path.c_str(), "a");
    if (out == nullptr) continue;
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
    if (out != stderr) std::fclose(out);
  }
}

int signal_number(std::string name) {
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int s = 1; s < 32; ++s) {
    if (const char* abbreviation = ::sigabbrev_np(s); abbreviation != nullptr && name == abbreviation)
      return s;
  }
  return 0;
}

// What the environment asks for; a wrong value is said once, on stderr: nobody else would hear of it.
void watch_as_asked() {
  const char* const asked = std::getenv("LEAT_DUMP_SIGNAL");
  if (asked == nullptr || *asked == 0) return;
  const std::string text = asked;
  const std::size_t colon = text.find(':');
  const Status s = dump_on_signal(signal_number(text.substr(0, colon)),
                                  colon == std::string::npos ? "" : text.substr(colon + 1));
  if (!s.ok()) std::fprintf(stderr, "leat: LEAT_DUMP_SIGNAL=%s: %s\n", asked, s.message().c_str());
}

}  // namespace

std::string describe_engines() {
  std::vector<std::shared_ptr<EngineCore>> cores;
  {
    Engines& e = engines();
    const std::lock_guard lock(e.mutex);
    for (const auto& core : e.cores) {
      if (auto alive = core.lock(); alive && alive->CheckUsable().ok()) cores.push_back(std::move(alive));
    }
  }
  std::string s = "leat: " + std::to_string(cores.size()) + " engines\n";
  for (const auto& core : cores) s += core->Describe();
  return s;
}

Status dump_on_signal(int signal, std::string path) {
  if (signal <= 0 || signal == SIGKILL || signal == SIGSTOP) {
    return Status(Code::invalid_argument, "it is no signal that can be caught; USR1, for example, is");
  }
  Engines& e = engines();
  const std::lock_guard lock(e.mutex);
  if (e.signal == signal) return {};
  if (e.signal != 0) return Status(Code::failed_precondition, "another signal was chosen before");
  if (::pipe2(g_pipe, O_CLOEXEC | O_NONBLOCK) != 0 || ::fcntl(g_pipe[0], F_SETFL, 0) != 0) {
    return Status(Code::resource_exhausted, std::string("no pipe: ") + std::strerror(errno));
  }
  // The thread takes no signals of the program's.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(watch, std::move(path)).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  if (::sigaction(signal, &action, nullptr) != 0) {
    return Status(Code::invalid_argument, std::string("cannot be caught: ") + std::strerror(errno));
  }
  e.signal = signal;
  return {};
}

void know_engine(const std::shared_ptr<EngineCore>& core) {
  {
    Engines& e = engines();
    const std::lock_guard lock(e.mutex);
    std::erase_if(e.cores, [](const auto& known) { return known.expired(); });
    e.cores.push_back(core);
  }
  static std::once_flag once;
  std::call_once(once, watch_as_asked);
}

}  // namespace leat::runtime
