#include "machine/kernel_cases.hpp"

#include <tuple>

namespace ridgeline::machine {
namespace {

using kernels::ConvolutionAxis;
using kernels::ConvolutionShape;

auto fields(const ProductShape& s) { return std::tuple(s.m, s.n, s.k); }
auto fields(const RecurrenceShape& s) { return std::tuple(s.batch, s.units, s.length); }
auto fields(const AttentionCaseShape& s) {
  return std::tuple(s.batch, s.length, s.heads, s.features, s.causal);
}
auto fields(const ConvolutionAxis& a) {
  return std::tuple(a.in, a.kernel, a.stride, a.padding, a.dilation);
}
auto fields(const ConvolutionShape& s) {
  return std::tuple_cat(std::tuple(s.batch, s.channels, s.filters, s.groups), fields(s.height),
                        fields(s.width));
}

double flops_of(const ProductShape& s) { return 2.0 * s.m * s.n * s.k; }
double flops_of(const ConvolutionShape& s) { return s.flops(); }
double flops_of(const RecurrenceShape& s) { return 2.0 * s.batch * s.length * s.units * s.units; }
double flops_of(const AttentionCaseShape& s) {
  const double scores = s.causal ? 0.5 * s.length * (s.length + 1) : double(s.length) * s.length;
  return 2.0 * s.batch * s.heads * scores * s.features;
}

// Products of one pass over the sizes in flops_of.
int products_of(KernelClass kernel) {
  switch (kernel) {
    case KernelClass::recurrence_lstm:
      return 4;
    case KernelClass::recurrence_gru:
      return 3;
    case KernelClass::attention_forward:
      return 2;
    case KernelClass::attention_gradient:
      return 5;
    default:
      return 1;
  }
}

// Every second item of a list in a first pass, the others in a second.
template <class T>
std::vector<T> pass_of(const std::vector<T>& list, int pass) {
  std::vector<T> part;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (static_cast<int>(i % 2) == pass) part.push_back(list[i]);
  }
  return part;
}

void add_products(int pass, std::vector<KernelCase>& cases) {
  // Each series varies one size of a layer of 448 inputs and 384 outputs, with 96 rows.
  std::vector<ProductShape> shapes;
  for (const int n : pass_of<int>({48, 96, 24, 192, 768, 384}, pass)) shapes.push_back({n, n, n});
  for (const int m : pass_of<int>({1, 2, 4, 8, 32, 16}, pass)) shapes.push_back({m, 384, 448});
  for (const int n : pass_of<int>({10, 16, 24, 40, 64}, pass)) shapes.push_back({96, n, 448});
  for (const int k : pass_of<int>({16, 4096}, pass)) {
    shapes.push_back({96, 96, k});
    shapes.push_back({384, 448, k});
  }
  for (const ProductShape& shape : shapes) {
    for (const KernelClass kernel :
         {KernelClass::product_nt, KernelClass::product_nn, KernelClass::product_tn_sums}) {
      cases.push_back({kernel, shape});
    }
  }
}

void add_convolutions(int pass, std::vector<KernelCase>& cases) {
  const auto square = [](int batch, int channels, int filters, int in, int kernel, int padding,
                         int stride) {
    ConvolutionShape shape;
    shape.batch = batch;
    shape.channels = channels;
    shape.filters = filters;
    shape.height = shape.width = {in, kernel, stride, padding, 1};
    return shape;
  };
  const std::vector<ConvolutionShape> shapes = {
      square(24, 12, 24, 20, 3, 1, 1), square(4, 12, 24, 20, 3, 1, 1),
      square(24, 1, 12, 24, 5, 0, 1),  square(24, 24, 48, 12, 3, 1, 2),
      square(24, 24, 48, 12, 1, 0, 1), square(24, 12, 20, 16, 5, 0, 1)};
  for (const ConvolutionShape& shape : pass_of(shapes, pass)) {
    cases.push_back({KernelClass::convolution_forward, shape});
    cases.push_back({KernelClass::convolution_weight_gradient, shape});
  }
}

void add_sequences(int pass, std::vector<KernelCase>& cases) {
  const std::vector<RecurrenceShape> recurrences = {
      {24, 192, 12}, {1, 192, 12}, {1, 48, 12}, {24, 48, 12}};
  for (const RecurrenceShape& shape : pass_of(recurrences, pass)) {
    cases.push_back({KernelClass::recurrence_lstm, shape});
    cases.push_back({KernelClass::recurrence_gru, shape});
  }
  const std::vector<AttentionCaseShape> attentions = {
      {6, 48, 3, 24, true}, {1, 48, 3, 24, true}, {6, 96, 3, 40, false}, {6, 96, 3, 24, true}};
  for (const AttentionCaseShape& shape : pass_of(attentions, pass)) {
    cases.push_back({KernelClass::attention_forward, shape});
    cases.push_back({KernelClass::attention_gradient, shape});
  }
}

}  // namespace

std::string to_string(KernelClass kernel) {
  switch (kernel) {
    case KernelClass::product_nt:
      return "product_nt";
    case KernelClass::product_nn:
      return "product_nn";
    case KernelClass::product_tn_sums:
      return "product_tn_sums";
    case KernelClass::convolution_forward:
      return "convolution_forward";
    case KernelClass::convolution_weight_gradient:
      return "convolution_weight_gradient";
    case KernelClass::recurrence_lstm:
      return "recurrence_lstm";
    case KernelClass::recurrence_gru:
      return "recurrence_gru";
    case KernelClass::attention_forward:
      return "attention_forward";
    default:
      return "attention_gradient";
  }
}

double KernelCase::flops() const {
  return products_of(kernel) * std::visit([](const auto& s) { return flops_of(s); }, shape);
}

bool operator==(const KernelCase& a, const KernelCase& b) {
  if (a.kernel != b.kernel || a.shape.index() != b.shape.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        return fields(mine) == fields(std::get<std::decay_t<decltype(mine)>>(b.shape));
      },
      a.shape);
}

std::vector<KernelCase> kernel_cases(bool quick) {
  constexpr double kLong = 2e8;  // FLOPs
  std::vector<KernelCase> all, cases;
  for (const int pass : {0, 1}) {
    add_products(pass, all);
    add_convolutions(pass, all);
    add_sequences(pass, all);
  }
  for (const KernelCase& each : all) {
    if (!quick || each.flops() < kLong) cases.push_back(each);
  }
  return cases;
}

}  // namespace ridgeline::machine
