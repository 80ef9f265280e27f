#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// A command line that asks for what cannot be; `run_program` answers it with exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// What a number may be, and its unit for the help text.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::string_view unit = {};
};

/// The command line of a program. Each option writes into a variable, whose value at the time of
/// the call is the default that --help shows:
///
///     Cli cli("rbm", "Trains a restricted Boltzmann machine.");
///     cli.option("--hidden", hidden, "hidden units", {1, 100000});
///     if (const auto code = cli.parse(argc, argv)) return *code;
class Cli {
 public:
  Cli(std::string program, const std::string& description);
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;
  ~Cli();

  Cli& option(const std::string& flags, std::int64_t& value, const std::string& help,
              Range range = {});
  Cli& option(const std::string& flags, double& value, const std::string& help, Range range = {});
  Cli& option(const std::string& flags, std::string& value, const std::string& help);
  /// A switch that is off by default.
  Cli& flag(const std::string& flags, bool& value, const std::string& help);
  /// Two switches of which one holds: either("--persistent", "...", "--cd", "...", persistent).
  Cli& either(const std::string& yes, const std::string& yes_help, const std::string& no,
              const std::string& no_help, bool& value);
  /// One of some words. With `or_path`, anything that has a slash or exists as a file or folder is
  /// accepted too. A word that is nearly one of them is answered with "did you mean".
  Cli& choice(const std::string& flags, std::string& value, const std::string& help,
              const std::vector<std::string>& words, bool or_path = false);
  /// An option whose value may be left out, which then is `implied`.
  Cli& optional(const std::string& flags, std::string& value, const std::string& implied,
                const std::string& help);

  /// Reads the arguments. The result is the exit code when the program should end now: 0 after
  /// --help or --version, 2 after wrong usage, which is explained on stderr.
  std::optional<int> parse(int argc, const char* const* argv);

  const std::string& program() const;
  /// argv[0] as it was typed, to print commands that can be pasted.
  const std::string& command() const;
  /// The whole command line as it could be typed in a shell.
  const std::string& command_line() const;
  /// Whether the option stood on the command line.
  bool given(const std::string& flag) const;

  /// All values, by option name without dashes, for run.json and for printing.
  io::Record values() const;
  /// Sets every option that was not given on the command line to its value in `values`. Throws
  /// IoError, naming `where` and the option, for a value that the command line would not take.
  void restore(const io::Record& values, std::string_view where);
  /// "lr 0.1 is 0.5 now" for each option of which `values` has another value.
  std::vector<std::string> differences(const io::Record& values) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A word as a shell takes it.
std::string shell_quoted(const std::string& word);
/// "1 epoch", "2 epochs".
std::string counted(std::int64_t n, std::string_view noun);

/// The word of `words` nearest to `word` when it is within two slips of the finger.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& words);

}  // namespace damo::examples
