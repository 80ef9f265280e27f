#include "support/stop.hpp"

#include <unistd.h>

#include <csignal>

namespace damo::examples {
namespace {

volatile std::sig_atomic_t requested = 0;

void on_signal(int) {
  if (requested != 0) ::_exit(stopped);
  requested = 1;
}

}  // namespace

void catch_stop_signals() {
  requested = 0;
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
