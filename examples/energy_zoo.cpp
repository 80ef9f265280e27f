// Models given by their energies.
//   energy_zoo                          lists them
//   energy_zoo NAME                     derives one, says how, and checks it by enumeration
//   energy_zoo NAME --train [--quick] [--data made] [--out FOLDER]
// The last trains it (in seconds to two minutes on one core), prints what it learnt and leaves
// NAME.png in the folder, "." when none is given. NAME may be "all". Digits are MNIST's where
// scripts/fetch-mnist has put them, else or with --data made made ones; --data mnist insists.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "energy/zoo.hpp"

using namespace damo;
using namespace damo::zoo;

namespace {

constexpr const char* usage =
    "usage: energy_zoo [NAME]   lists models; derives and checks one, or all\n"
    "       energy_zoo NAME --train [--quick] [--data mnist|made] [--out FOLDER]\n"
    "         trains it and leaves NAME.png in the folder; --quick takes a second, made data\n";

struct Usage : std::runtime_error {
  using runtime_error::runtime_error;
};

struct Options {
  std::string name;
  bool train = false, help = false;
  Setting setting;
  std::filesystem::path out = ".";

  Options(int argc, char** argv) {
    std::string of_training;
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word == "--quick" || word == "--out" || word == "--data") of_training = word;
      const auto value = [&] {
        if (++i == argc) throw Usage(word + ": its value is missing");
        return std::string(argv[i]);
      };
      if (word == "--train") {
        train = true;
      } else if (word == "--quick") {
        setting.quick = true;
      } else if (word == "--out") {
        out = value();
      } else if (word == "--data") {
        const std::string data = value();
        if (data != "mnist" && data != "made") throw Usage("--data: mnist or made");
        setting.digits = data == "mnist" ? DigitsOf::mnist : DigitsOf::made;
      } else if (word == "--help" || word == "-h") {
        help = true;
      } else if (word.starts_with("-") || !name.empty()) {
        throw Usage(fmt::format("'{}' is none of NAME, --train, --quick, --data, --out", word));
      } else {
        name = word;
      }
    }
    if (train && name.empty()) throw Usage("--train: which one? a name, or all");
    if (!train && !of_training.empty()) throw Usage(of_training + " is of --train");
    if (out.empty()) throw Usage("--out: a folder");
    if (setting.quick && setting.digits == DigitsOf::mnist)
      throw Usage("--quick takes made digits, not MNIST's");
  }
};

bool explain_and_check(const Entry& entry) {
  const energy::Report report = check(entry, float64);
  fmt::print("{}: {}\n\n{}\nchecks\n{}", entry.name, entry.what,
             energy::explain(entry.small(float64).model), report.text());
  return report.ok();
}

void train(const Entry& entry, const Options& options) {
  const std::clock_t start = std::clock();
  const Learnt learnt = entry.learn(options.setting);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("{}: {}\n  learnt from: {}\n", entry.name, entry.what, learnt.data);
  for (const Figure& f : learnt.figures)
    fmt::print("  {}: {:.4g} ({}: {:.4g})\n", f.what, f.value, f.beside_what, f.beside);
  if (!learnt.note.empty()) fmt::print("  {}\n", learnt.note);
  const std::filesystem::path file = options.out / (entry.name + ".png");
  io::write_png(file, learnt.picture);
  fmt::print("  from the energy to the training function: {:.1f} ms\n", learnt.compile_ms);
  fmt::print("  all of it: {:.1f} s of one core\n  picture: {}\n", seconds, file.string());
  std::fflush(stdout);
}

// Before minutes of training rather than after them.
void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder) || access(folder.c_str(), W_OK) != 0)
    throw IoError(fmt::format("--out {}: is no folder that can be written to", folder.string()));
}

int run(const Options& options) {
  if (options.help) {
    fmt::print("{}", usage);
    return 0;
  }
  bool found = options.name.empty(), ok = true;
  for (const Entry& entry : entries()) {
    if (options.name.empty()) fmt::print("{:24} {}\n", entry.name, entry.what);
    if (entry.name != options.name && options.name != "all") continue;
    found = true;
    if (options.train) {
      make_folder(options.out);
      train(entry, options);
    } else {
      ok = explain_and_check(entry) && ok;
    }
  }
  if (!found)
    throw Usage(fmt::format("there is no model '{}'; without a name it lists them", options.name));
  return ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int code = run(Options(argc, argv));
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw std::runtime_error("cannot write to the standard output");
    return code;
  } catch (const Usage& e) {
    fmt::print(stderr, "energy_zoo: {}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "energy_zoo: {}\n", e.what());
    return 1;
  }
}
