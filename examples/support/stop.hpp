#pragma once

namespace damo::examples {

/// The exit codes of all programs.
enum ExitCode : int { success = 0, failure = 1, wrong_usage = 2, stopped = 130 };

/// From here on the first SIGINT (Ctrl-C) or SIGTERM asks for a stop, and the second ends the
/// program at once with code 130.
void catch_stop_signals();
/// Whether a stop was asked for. Programs look after each batch.
bool stop_requested();

}  // namespace damo::examples
