#include "compiler/frontend/view/graphviz.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace leat::frontend {
namespace {

class File {
 public:
  explicit File(int number = -1) : number_(number) {}
  ~File() { Close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  void Reset(int number) {
    Close();
    number_ = number;
  }
  void Close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int number() const { return number_; }

 private:
  int number_;
};

Status failed(const std::string& what) { return Status(Code::failed_precondition, what); }

// Sockets, not pipes: writing to a child that has ended then gives an error and no SIGPIPE.
bool open_pair(File* ours, File* theirs) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  ours->Reset(pair[0]);
  theirs->Reset(pair[1]);
  return true;
}

}  // namespace

StatusOr<std::string> run_graphviz(const std::string& picture, std::string_view format) {
  File in, child_in, out, child_out, err, child_err;
  if (!open_pair(&in, &child_in) || !open_pair(&out, &child_out) || !open_pair(&err, &child_err)) {
    return failed(std::string("dot: no sockets: ") + std::strerror(errno));
  }
  const std::string argument = "-T" + std::string(format);
  // Large pictures: the network simplex stops early, for a slightly wider picture in seconds, not minutes.
  std::array<const char*, 5> arguments{"dot", argument.c_str(), nullptr, nullptr, nullptr};
  constexpr std::size_t kLarge = 200'000;
  if (picture.size() > kLarge) {
    arguments[2] = "-Gnslimit=1";
    arguments[3] = "-Gnslimit1=1";
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_in.number(), 0);
  posix_spawn_file_actions_adddup2(&actions, child_out.number(), 1);
  posix_spawn_file_actions_adddup2(&actions, child_err.number(), 2);
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, "dot", &actions, nullptr, const_cast<char**>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  child_in.Close();
  child_out.Close();
  child_err.Close();
  if (error != 0) {
    return failed("format " + std::string(format) + ": cannot run Graphviz's dot: " + std::strerror(error) +
                  "; install graphviz, or take format dot, json or html");
  }
  std::string result, complaint;
  std::size_t sent = 0;
  std::array<pollfd, 3> files{
      {{in.number(), POLLOUT, 0}, {out.number(), POLLIN, 0}, {err.number(), POLLIN, 0}}};
  while (files[1].fd >= 0 || files[2].fd >= 0) {
    if (::poll(files.data(), files.size(), -1) < 0 && errno != EINTR) break;
    if (files[0].fd >= 0 && files[0].revents != 0) {
      const ssize_t n =
          ::send(files[0].fd, picture.data() + sent, picture.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (sent == picture.size() || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        in.Close();
        files[0].fd = -1;
      }
    }
    for (const int k : {1, 2}) {
      if (files[k].fd < 0 || files[k].revents == 0) continue;
      char block[65536];
      const ssize_t n = ::recv(files[k].fd, block, sizeof block, MSG_DONTWAIT);
      if (n > 0) (k == 1 ? result : complaint).append(block, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) files[k].fd = -1;
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !result.empty()) return result;
  return failed("dot: " +
                (complaint.empty() ? "ended without a picture" : complaint.substr(0, complaint.find('\n'))));
}

}  // namespace leat::frontend
