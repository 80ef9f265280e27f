#pragma once
// What users include: all of Damo, with xtensor's arrays as values.
#include <damo/core.hpp>
#include <damo/runtime/function/xtensor.hpp>
