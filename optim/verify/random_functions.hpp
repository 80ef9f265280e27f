#pragma once
#include <vector>

#include <damo/graph/var.hpp>

// What random graphs are made of: each function of the vocabulary, and what people write.
namespace damo::optim {

using RandomUnary = Var (*)(const Var& x);
using RandomBinary = Var (*)(const Var& x, const Var& y);
using RandomOfConstant = Var (*)(const Var& x, double c);

/// Functions of one variable that the vocabulary has.
const std::vector<RandomUnary>& unary_functions();
/// Expressions of one variable that people write, and that rules look for.
const std::vector<RandomUnary>& unary_idioms();
/// Functions and expressions of two variables.
const std::vector<RandomBinary>& binary_functions();
/// Functions and expressions of a variable and a number.
const std::vector<RandomOfConstant>& functions_of_constants();
/// Numbers at which rules differ: signed zeros, units, tiny, huge, and what lies beside 1.
const std::vector<double>& random_constants();

}  // namespace damo::optim
