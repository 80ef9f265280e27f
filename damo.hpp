#pragma once
// What users include.
#include <damo/graph/evaluate.hpp>
#include <damo/graph/print.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/create.hpp>
#include <damo/ops/gradient.hpp>
#include <damo/ops/indexing.hpp>
#include <damo/ops/linalg.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/ops/scan.hpp>
#include <damo/ops/shape.hpp>
#include <damo/runtime/convert.hpp>
#include <damo/runtime/function.hpp>
