#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/canvas.hpp>
#include <damo/io/pictures/pictures.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

TEST_CASE("PNG files read back as they were written in gray and in color") {
  const TemporaryFolder folder;
  for (const int channels : {1, 3}) {
    Picture picture(17, 5, channels);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
      picture.pixels[i] = static_cast<std::uint8_t>(i * 3);
    }
    write_png(folder / "a.png", picture);
    const Picture back = read_png(folder / "a.png");
    CHECK(back.width == 17);
    CHECK(back.height == 5);
    CHECK(back.channels == channels);
    CHECK(back.pixels == picture.pixels);
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("damaged PNG files are errors or pictures of their stated size") {
  const TemporaryFolder folder;
  write_png(folder / "good.png", Picture(40, 30, 1, 99));
  const Bytes good = read_file(folder / "good.png");
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    test::write_quickly(folder / "x.png", test::mutate(good, random));
    try {
      const Picture p = read_png(folder / "x.png");
      CHECK(p.pixels.size() == static_cast<std::size_t>(p.width * p.height * p.channels));
    } catch (const IoError& error) {
      CHECK(std::string(error.what()).find("x.png") != std::string::npos);
    }
  }
}

TEST_CASE("each tile is scaled from its own minimum to its own maximum") {
  const Array rows = Array::from(std::vector<float>{-1, 0, 0, 3, 10, 20, 20, 30}, Shape{2, 4});
  const Picture p = tile_raster_images(
      rows, {.image_rows = 2, .image_cols = 2, .tile_rows = 2, .tile_cols = 2, .spacing = 1});
  REQUIRE(p.width == 5);
  REQUIRE(p.height == 5);
  // (v - min) / (max - min + 1e-8) * 255, cut to an integer, as the tutorials' code has it.
  CHECK(*p.at(0, 0) == 0);
  CHECK(*p.at(1, 0) == 63);
  CHECK(*p.at(0, 1) == 63);
  CHECK(*p.at(1, 1) >= 254);
  CHECK(*p.at(2, 0) == 0);
  CHECK(*p.at(3, 0) == 0);
  CHECK(*p.at(4, 0) == 127);
  CHECK(*p.at(4, 1) >= 254);
  CHECK(*p.at(4, 4) == 0);
}

TEST_CASE("samples keep their values and bad ones are drawn as far as possible") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Array rows = Array::from(std::vector<double>{0, 0.5, 1, 2, -1, nan}, Shape{1, 6});
  const Picture p = tile_raster_images(rows, {.image_rows = 1,
                                              .image_cols = 6,
                                              .tile_rows = 1,
                                              .tile_cols = 1,
                                              .scale_each_tile = false,
                                              .zoom = 3});
  REQUIRE(p.width == 18);
  REQUIRE(p.height == 3);
  const int expected[] = {0, 127, 255, 255, 0, 0};
  for (int i = 0; i < 18; ++i) CHECK(*p.at(i, 2) == expected[i / 3]);
}

TEST_CASE("tiles of another width than the rows are a ShapeError") {
  CHECK_THROWS_AS(tile_raster_images(Array(float32, Shape{3, 10}), {}), ShapeError);
}

TEST_CASE("filters are the columns of the weights") {
  const Array w = Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, Shape{2, 3});
  const Array t = transposed(w);
  CHECK(t.shape() == Shape{3, 2});
  CHECK(t.data<float>()[1] == 4);
  CHECK(t.data<float>()[4] == 3);
}

TEST_CASE("a plot has its curve where the numbers say") {
  const PlotOptions options{.title = "t", .y_label = "y", .width = 900, .height = 560};
  const Picture p = plot({{"a", {0, 10}, {-100, -50}}}, options);
  REQUIRE(p.width == 900);
  const auto blue = [&](int x, int y) { return p.at(x, y)[2] > p.at(x, y)[0] + 100; };
  // The axes go from (110, 490), which is (0, -100), to (870, 70), which is (10, -50).
  CHECK(blue(490, 280));
  CHECK(blue(111, 489));
  CHECK(!blue(490, 100));
}

TEST_CASE("plots of nothing and of one point and of bad numbers are drawn without a fault") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(plot({}, {}).width == 900);
  CHECK(plot({{"a", {1}, {0}}}, {}).width == 900);
  CHECK(plot({{"a", {1, 2, 3, 4}, {nan, 1, inf, -inf}}, {"b", {nan}, {1}}}, {}).width == 900);
  CHECK(plot({{"a", {0, 1}, {1e-12, 1e300}}}, {}).width == 900);
  CHECK(plot({{"a", {0, 1}, {-1.7e308, 1.7e308}}}, {}).width == 900);
}

TEST_CASE("drawing outside a canvas is clipped") {
  Canvas canvas(10, 10);
  canvas.line(-100, -100, 100, 100, {0, 0, 0}, 3);
  canvas.text(-3, 8, "Wg{", {0, 0, 0}, 2);
  canvas.fill(-5, -5, 100, 2, {1, 1, 1});
  CHECK(canvas.picture().at(5, 5)[0] == 0);
}

}  // namespace
