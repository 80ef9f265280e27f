#include <doctest/doctest.h>

#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

std::map<std::string, Array> sample_arrays() {
  std::map<std::string, Array> arrays;
  arrays["scalar"] = Array::scalar(2.5);
  arrays["empty"] = Array(float32, Shape{0, 3});
  arrays["row"] = Array::from(std::vector<float>{1.5F, -2, 3});
  arrays["ints"] = Array::from(std::vector<std::int64_t>{1, -2, 3, 4, 5, 6}, Shape{1, 2, 3});
  arrays["flags"] = Array::from(std::vector<bool>{true, false}, Shape{2, 1});
  return arrays;
}

bool same(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

Bytes npy(const std::string& header, std::size_t data_bytes) {
  std::string text =
      std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header;
  text.append(data_bytes, '\0');
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string parse_error(const Bytes& bytes) {
  return test::io_error([&] { parse_npy(bytes, "x.npy"); });
}

TEST_CASE("arrays survive npy and npz") {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  write_npz(folder / "all.npz", arrays);
  const auto back = read_npz(folder / "all.npz");
  CHECK(back.size() == arrays.size());
  for (const auto& [key, array] : arrays) {
    const std::string& name = key;
    CAPTURE(name);
    write_npy(folder / "one.npy", array);
    CHECK(same(read_npy(folder / "one.npy"), array));
    CHECK(same(back.at(name), array));
  }
  CHECK(folder.entries() == 2);
}

TEST_CASE("NumPy reads what is written here") {
  if (!test::has_numpy()) return;
  const TemporaryFolder folder;
  write_npz(folder / "a.npz", sample_arrays());
  write_npy(folder / "a.npy", sample_arrays().at("ints"));
  CHECK(test::python(folder.path(), R"(
a = np.load('a.npz')
assert sorted(a.files) == ['empty', 'flags', 'ints', 'row', 'scalar']
assert a['scalar'] == 2.5 and a['scalar'].shape == () and a['scalar'].dtype == np.float64
assert a['empty'].shape == (0, 3) and a['empty'].dtype == np.float32
assert (a['row'] == np.float32([1.5, -2, 3])).all() and a['row'].dtype == np.float32
assert (a['flags'] == [[True], [False]]).all() and a['flags'].dtype == np.bool_
b = np.load('a.npy')
assert (b == [[[1, -2, 3], [4, 5, 6]]]).all() and b.dtype == np.int64
np.save('again.npy', b)
assert open('a.npy', 'rb').read() == open('again.npy', 'rb').read()
)"));
}

TEST_CASE("what NumPy writes is read here in either order and in all versions") {
  if (!test::has_numpy()) return;
  const TemporaryFolder folder;
  REQUIRE(test::python(folder.path(), R"(
a = np.arange(24, dtype='f8').reshape(2, 3, 4)
np.save('c.npy', a)
np.save('f.npy', np.asfortranarray(a))
for v in (1, 2, 3):
    np.lib.format.write_array(open('v%d.npy' % v, 'wb'), a, version=(v, 0))
np.savez_compressed('z.npz', a=a, small=np.int8([[-1, 2]]), u=np.uint16([65535]), t=np.zeros((1000, 100)))
np.save('text.npy', np.array(['a']))
)"));
  for (const char* name : {"c.npy", "f.npy", "v1.npy", "v2.npy", "v3.npy"}) {
    CAPTURE(name);
    const Array a = read_npy(folder / name);
    REQUIRE(a.shape() == Shape{2, 3, 4});
    for (int i = 0; i < 24; ++i) CHECK(a.data<double>()[i] == i);
  }
  const auto z = read_npz(folder / "z.npz");
  CHECK(z.at("small").data<std::int64_t>()[0] == -1);
  CHECK(z.at("u").data<std::int64_t>()[0] == 65535);
  CHECK(z.at("t").shape() == Shape{1000, 100});
  CHECK(test::io_error([&] { read_npy(folder / "text.npy"); }).find("'<U1'") != std::string::npos);
}

TEST_CASE("every type of number that NumPy writes is read in either byte order") {
  if (!test::has_numpy()) return;
  const TemporaryFolder folder;
  REQUIRE(test::python(folder.path(), R"(
for order in '<>':
    for kind in ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8'):
        low = 0 if kind[0] == 'u' else -3
        np.save(order + kind + '.npy', np.array([[low, 1, 100]], dtype=order + kind))
half = np.arange(65536, dtype='u2').view('f2')
np.save('half.npy', half)
np.save('wide.npy', half.astype('f4'))
np.save('u8.npy', np.array([2**63], dtype='u8'))
)"));
  for (const std::string order : {"<", ">"}) {
    for (const std::string kind :
         {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}) {
      CAPTURE(order);
      CAPTURE(kind);
      const Array a = read_npy(folder / (order + kind + ".npy"));
      CHECK(a.shape() == Shape{1, 3});
      CHECK(a.dtype() == (kind == "u1"     ? uint8
                          : kind == "i4"   ? int32
                          : kind[0] != 'f' ? int64
                          : kind == "f8"   ? float64
                                           : float32));
      const Array wide = a.cast(float64);
      CHECK(wide.data<double>()[0] == (kind[0] == 'u' ? 0 : -3));
      CHECK(wide.data<double>()[1] == 1);
      CHECK(wide.data<double>()[2] == 100);
    }
  }
  CHECK(same(read_npy(folder / "half.npy"), read_npy(folder / "wide.npy")));
  CHECK(test::io_error([&] { read_npy(folder / "u8.npy"); }).find("9223372036854775808") !=
        std::string::npos);
}

TEST_CASE("an element type of any text is read or refused with the types that can be read") {
  const auto error = [](const std::string& descr, std::size_t bytes) {
    return parse_error(
        npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (), }\n", bytes));
  };
  CHECK(error("<f2", 2).empty());
  CHECK(error("|u1", 1).empty());
  for (const char* descr : {"", "<", "f", "f4", "<f", "<f3", "<f16", "<c8", "|O", "<U1", "<M8[ns]",
                            "\xff\xff\xff", "<f4 ", "<i0", "<b4", "=u1x"}) {
    CAPTURE(descr);
    CHECK(error(descr, 4).find("f2, f4, f8, i1") != std::string::npos);
    CHECK((error(descr, 4).find("complex numbers") != std::string::npos) ==
          (std::string(descr) == "<c8"));
  }
}

TEST_CASE("a zip file without a single byte and sizes beside a zero are refused") {
  const TemporaryFolder folder;
  write_file(folder / "x.npz", "");
  CHECK(test::io_error([&] { read_npz(folder / "x.npz"); }).find("x.npz: the file is empty") !=
        std::string::npos);
  for (const char* shape : {"(0, 4611686018427387904, 4)", "(4611686018427387904, 4, 0)"}) {
    for (const char* fortran : {"True", "False"}) {
      CHECK(!parse_error(npy(std::string("{'descr': '<f4', 'fortran_order': ") + fortran +
                                 ", 'shape': " + shape + ", }\n",
                             0))
                 .empty());
    }
  }
}

TEST_CASE("hostile npy headers are refused with the reason") {
  const auto header = [](const std::string& shape) {
    return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }\n", 16);
  };
  CHECK(parse_error(header("(4,)")).empty());
  CHECK(parse_error(header("(2L, 2L)")).empty());
  CHECK(parse_error(header("(4611686018427387904, 4)")).find("needs more than 2^64") !=
        std::string::npos);
  CHECK(parse_error(header("(4611686018427387905, 4)")).find("needs") != std::string::npos);
  CHECK(parse_error(header("(99999999999999999999,)")).find("beyond 64 bits") != std::string::npos);
  CHECK(parse_error(header("(-4,)")).find("expected a size") != std::string::npos);
  CHECK(parse_error(header("(1, 1, 1, 1, 1, 1, 1, 1, 4)")).find("dimensions") != std::string::npos);
  CHECK(parse_error(header("(5,)")).find("needs 20 bytes, but 16 follow") != std::string::npos);
  CHECK(!parse_error(header("(3,)")).empty());
  CHECK(!parse_error(header("(4,")).empty());
  CHECK(!parse_error(npy("{'descr': '<f4', 'fortran_order': False}\n", 4)).empty());
  CHECK(!parse_error(npy("{'descr': '<f4', 'descr': '<f4'}\n", 4)).empty());
  CHECK(!parse_error(npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}\n", 4)).empty());
  CHECK(!parse_error({}).empty());
}

TEST_CASE("mutated npy files are errors or well-formed and never anything else") {
  const auto arrays = sample_arrays();
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    const Bytes good = format_npy(std::next(arrays.begin(), static_cast<long>(seed % 5))->second);
    try {
      const Array a = parse_npy(test::mutate(good, random), "x.npy");
      CHECK(a.bytes() <= 400);
    } catch (const IoError& error) {
      CHECK(std::strstr(error.what(), "x.npy") != nullptr);
    }
  }
}

TEST_CASE("mutated npz files never give other numbers than were written") {
  const TemporaryFolder folder;
  const auto arrays = sample_arrays();
  write_npz(folder / "good.npz", arrays);
  const Bytes good = read_file(folder / "good.npz");
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    test::write_quickly(folder / "x.npz", test::mutate(good, random));
    try {
      for (const auto& [name, array] : read_npz(folder / "x.npz")) {
        if (arrays.contains(name)) CHECK(same(array, arrays.at(name)));
      }
    } catch (const IoError& error) {
      CHECK(std::strstr(error.what(), "x.npz") != nullptr);
    }
  }
}

}  // namespace
