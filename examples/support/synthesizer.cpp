#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>

#include <damo/graph/errors/error.hpp>

#include "support/music.hpp"

namespace damo::examples {
namespace {

constexpr std::array usual_fonts = {
    "/usr/share/sounds/sf2/default-GM.sf2", "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/soundfonts/default.sf2"};

constexpr const char* loudness = "0.8";

// The exit code of a program found on PATH, its output thrown away; 127 when it cannot be run.
int run_quietly(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int output : {1, 2})
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", 1, 0);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return 127;
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

}  // namespace

Synthesizer find_synthesizer() {
  if (run_quietly({"fluidsynth", "--version"}) != 0) {
    throw IoError(
        "--wav: the program fluidsynth is not installed\n"
        "  hint       apt install fluidsynth, or leave --wav out: MIDI is always written");
  }
  const char* given = std::getenv("DAMO_SOUNDFONT");
  if (given != nullptr && *given != '\0') {
    if (std::filesystem::is_regular_file(given)) return {given};
    throw IoError(fmt::format("--wav: DAMO_SOUNDFONT names no file: {}", given));
  }
  for (const char* font : usual_fonts) {
    if (std::filesystem::is_regular_file(font)) return {font};
  }
  throw IoError(
      "--wav: fluidsynth has no sound font\n"
      "  hint       apt install fluid-soundfont-gm, or name a .sf2 file in DAMO_SOUNDFONT");
}

void write_wav(const Synthesizer& synthesizer, const std::filesystem::path& midi,
               const std::filesystem::path& wav) {
  const int code = run_quietly({"fluidsynth", "-n", "-i", "-g", loudness, "-F", wav.string(),
                                synthesizer.soundfont, midi.string()});
  if (code != 0 || !std::filesystem::is_regular_file(wav)) {
    throw IoError(
        fmt::format("{}: fluidsynth could not write it (exit code {})", wav.string(), code));
  }
}

}  // namespace damo::examples
