#pragma once
// What users include.
#include <damo/graph/evaluate.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/math.hpp>
#include <damo/runtime/convert.hpp>
#include <damo/runtime/function.hpp>
