#pragma once

namespace damo::examples {

/// The exit codes of all programs.
enum ExitCode : int { success = 0, failure = 1, wrong_usage = 2, stopped = 130 };

/// From here on the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is gone; not under
/// nohup) asks for a stop, and the second ends the program at once with code 130. Writing to a
/// closed pipe is no reason to die.
void catch_stop_signals();
/// Whether a stop was asked for. Programs look after each batch.
bool stop_requested();

/// Thrown by `leave_if_stopped` where a stop was asked for.
struct Stopped {};
/// For work that is done again when the run goes on: pretraining, drawing samples.
void leave_if_stopped();

}  // namespace damo::examples
