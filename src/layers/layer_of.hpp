#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kernels/elementwise/activation.hpp"
#include "layers/layer.hpp"

// clang-format off
// Interface of the layers' own files. Each defines a struct that derives from LayerOf<Name> and has
//
//   explicit Name(const Description& from)       reads its keys, each with a sentence for the
//                                                deck's reference; throws RequestError if one is wrong
//   Work work(const CountedPass& pass)           FLOPs and scalars moved of a pass
//   void forward(const ForwardPass<Space, T>& pass), a template on Space and T
//   void backward(const BackwardPass<Space, T>& pass), the same; an empty gradient is not computed
//
// and, if they apply,
//
//   parameters, saved, workspace, is_view, input_gradients, token_limit     as in Layer
//   static std::optional<StudyFamily> family()   sizes for the studies; by default none
//   static constexpr std::size_t kInputCount     1, or 2 for a layer that merges two branches
//   static constexpr bool kAcceptsTokens         whether its input may be token numbers
//
// All functions except the constructor are const: a layer holds no state. The file ends with
// RIDGELINE_LAYER(name, Name); a line in list.cpp adds the kind to those that decks may use.
// clang-format on

namespace ridgeline::layers {

/// The base of a layer: dispatches passes to `forward` and `backward` of Derived.
template <class Derived>
class LayerOf : public Layer {
 public:
  using Layer::Layer;
  static constexpr std::size_t kInputCount = 1;
  static constexpr bool kAcceptsTokens = false;
  static std::optional<StudyFamily> family() { return std::nullopt; }

  std::size_t input_count() const final { return Derived::kInputCount; }
#define RIDGELINE_RUN(Space, T)                              \
  void run(const ForwardPass<Space, T>& pass) const final {  \
    static_cast<const Derived*>(this)->forward(pass);        \
  }                                                          \
  void run(const BackwardPass<Space, T>& pass) const final { \
    static_cast<const Derived*>(this)->backward(pass);       \
  }
  RIDGELINE_FOR_SPACES(RIDGELINE_RUN)
#undef RIDGELINE_RUN
};

/// Returns the description of a kind of layer from its struct.
template <class Derived>
LayerKind kind_of(const std::string& name) {
  static_assert(Derived::kInputCount >= 1 && Derived::kInputCount <= kMostInputs,
                "a layer has one input, or two: its layers and its shortcut");
  return {name, Derived::kInputCount, Derived::kAcceptsTokens,
          [](const Description& from) -> std::unique_ptr<Layer> {
            return std::make_unique<Derived>(from);
          },
          Derived::family()};
}

// Defines the function that a line of list.cpp calls.
#define RIDGELINE_LAYER(name, Struct) \
  LayerKind name##_kind() { return kind_of<Struct>(#name); }

/// Throws RequestError unless the input has this many dimensions. `wanted` describes them: "images
/// [channels, height, width]".
void require_dimensions(const Description& from, std::size_t count, const std::string& wanted);

/// Reads an activation's name. Without a fallback the key is required.
kernels::Activation read_activation(const config::OptionTable& options, const config::Key& key,
                                    const std::optional<std::string>& fallback = {});

/// Returns the scalars of workspace of a matrix product.
std::size_t product_workspace(const Target& target, const kernels::GemmShape& shape);

/// Divides a buffer into parts, each of which is aligned for every scalar.
class Parts {
 public:
  /// Returns the offset of a part of `size` scalars.
  std::size_t take(std::size_t size) {
    const std::size_t begin = end_;
    end_ += aligned_size<float>(size);
    return begin;
  }
  std::size_t end() const { return end_; }

 private:
  std::size_t end_ = 0;
};

/// Returns `size` scalars of a Vector from `begin` on.
template <class View>
View part_of(const View& buffer, std::size_t begin, std::size_t size) {
  return vector_at<typename View::device_type>(buffer.data() + begin, size);
}
/// Returns all scalars from `begin` on.
template <class View>
View part_of(const View& buffer, std::size_t begin) {
  return part_of(buffer, begin, buffer.size() - begin);
}

}  // namespace ridgeline::layers
