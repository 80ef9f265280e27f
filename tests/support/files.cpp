#include <cstdlib>
#include <fstream>

#include <damo/io/files/atomic_file.hpp>
#include "tests/support/files.hpp"

namespace damo::test {

io::Bytes mutate(io::Bytes bytes, TestRandom& random) {
  const auto at = [&] {
    return bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size()));
  };
  // Most damage goes where the headers are.
  const std::size_t head = std::min<std::size_t>(bytes.size(), 128);
  for (std::size_t n = 1 + random.below(3); n > 0 && !bytes.empty(); --n) {
    switch (random.below(6)) {
      case 0:
        bytes.resize(random.below(bytes.size()));
        break;
      case 1: {
        const auto first = at();
        bytes.erase(first, first + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                       1 + random.below(8),
                                       static_cast<std::size_t>(bytes.end() - first))));
        break;
      }
      case 2:
        bytes.insert(at(), 1 + random.below(8), static_cast<std::byte>(random()));
        break;
      case 3:
        *at() = static_cast<std::byte>(random());
        break;
      default:
        bytes[random.below(std::min(head, bytes.size()))] = static_cast<std::byte>(random());
    }
  }
  return bytes;
}

void write_quickly(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

bool throws_io_error(const std::function<void()>& read) { return !io_error(read).empty(); }

std::string io_error(const std::function<void()>& read) {
  try {
    read();
  } catch (const IoError& error) {
    return error.what();
  }
  return {};
}

bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }

bool has_numpy() {
  static const bool found = shell("/usr/bin/python3 -c 'import numpy' > /dev/null 2>&1");
  return found;
}

bool python(const std::filesystem::path& folder, const std::string& program) {
  const std::filesystem::path script = folder / "judge.py";
  io::write_file(script, "import numpy as np\n" + program);
  return shell("cd '" + folder.string() + "' && /usr/bin/python3 judge.py");
}

}  // namespace damo::test
