#include "support/stop.hpp"

#include <unistd.h>

#include <csignal>

namespace damo::examples {
namespace {

volatile std::sig_atomic_t requested = 0, interrupts = 0;

// Who presses Ctrl-C again does not want to wait. Other signals come twice by themselves: a shell
// and its terminal both tell of the end of the line, `timeout` tells a process and its group.
void on_signal(int signal) {
  if (signal == SIGINT && interrupts != 0) ::_exit(stopped);
  if (signal == SIGINT) interrupts = 1;
  requested = 1;
}

}  // namespace

void catch_stop_signals() {
  requested = 0;
  interrupts = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  ::sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return requested != 0; }

void leave_if_stopped() {
  if (stop_requested()) throw Stopped{};
}

}  // namespace damo::examples
