#include "report/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "io/units.hpp"
#include "report/roofline.hpp"
#include "report/sections.hpp"
#include "report/studies.hpp"

namespace ridgeline::report {
namespace {

using io::Json;
using Files = std::vector<const ResultFile*>;

// Sentences of the summary; the sections have all.
constexpr std::size_t kMostSentences = 24, kMostRooflines = 8, kMostSubjects = 3;

Files of_format(const Files& files, const std::string& format) {
  Files found;
  for (const ResultFile* file : files) {
    if (file->format == format) found.push_back(file);
  }
  return found;
}

// Refuses studies that this build does not know; those from folders are left out.
void require_known_studies(const Files& studies, Page& page) {
  for (const ResultFile* file : studies) {
    const Json name = file->json.value("study", Json());
    const std::vector<std::string>& known = study_names();
    if (name.is_string() &&
        std::find(known.begin(), known.end(), name.get<std::string>()) != known.end()) {
      continue;
    }
    const std::string error =
        file->path + ": is a study of " + name.dump() + ", which this build does not know";
    if (!file->from_folder) throw RequestError(error);
    page.left_out.push_back(error);
  }
}

// Calls `read`, and turns errors of JSON into one of the file.
template <class Read>
auto guarded(const ResultFile& file, const Read& read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    throw RequestError(file.path + ": cannot be read as a result: " + io::reason_of(error));
  }
}

// Makes a block of each file. A damaged file that was named is an error; one from a folder is left
// out, and listed.
template <class Make>
Section section_of(Page& page, const Files& files, const std::string& name,
                   const std::string& title, const std::string& lead, const Make& make) {
  Section section{name, title, lead};
  for (const ResultFile* file : files) {
    try {
      section.blocks.push_back(guarded(*file, [&] { return make(*file); }));
      section.blocks.back().machine = machine_of(*file);
    } catch (const RequestError& error) {
      if (!file->from_folder) throw;
      page.left_out.push_back(error.what());
    }
  }
  return section;
}

std::string in_sentence(const ResultFile& file) {
  std::string sentence = machine_of(file) + measured_or_not(file);
  for (const auto& [name, space] : file.json.at("spaces").items()) {
    std::vector<std::string> parts;
    const auto peaks = space.find("peak_gflops");
    const double peak = peaks == space.end() ? std::nan("") : number_of(*peaks, "float32");
    if (peak > 0) parts.push_back(fmt::format("{:.0f} GFLOP/s in float32", peak));
    double threads = number_of(space, "concurrency");
    if (!(threads > 0)) threads = 1;
    const model::LevelCeilings ceilings =
        model::level_ceilings(file.json, file.path, name, static_cast<int>(threads));
    if (!ceilings.levels.empty()) {
      const model::LevelCeiling& memory = ceilings.levels.back();
      parts.push_back(fmt::format("{:.4g} GB/s from {}", memory.gbytes_per_second, memory.level));
      if (peak > 0) {
        parts.push_back(fmt::format("the ridge at {:.3g} FLOP/B", peak / memory.gbytes_per_second));
      }
    }
    if (!parts.empty()) sentence += fmt::format("; {}: {}", name, fmt::join(parts, ", "));
  }
  return sentence + ".";
}

// Returns what bounds the largest batch: the file's answer, of files that have one.
std::string roofline_sentence(const RooflineResult& result) {
  if (result.steps.empty()) return "";
  std::string chosen;
  for (const std::string& answer : texts_of(result.file->json, "answers")) {
    // Of a step, or of an inference.
    if (answer.find("'s time is ") != std::string::npos) chosen = answer;
  }
  const StepTimes& step = result.steps.back();
  if (chosen.empty() && !step.total.bound.empty()) chosen = "it is bound by " + step.total.bound;
  return fmt::format("{}, {} on {} of {}, batch {:.0f}: {} per step{}.", network_of(result),
                     result.phase == "infer" ? "inference" : "training", space_of(result),
                     machine_of(*result.file), step.batch, time_text(step.total),
                     chosen.empty() ? "" : "; " + chosen);
}

void add_summary(Page& page, const std::string& sentence) {
  if (!sentence.empty()) page.summary.push_back(sentence);
}

// Returns the first finding on each subject, which stands before a colon or comma: "host, 1 thread:
// …".
std::string findings_in_short(const std::vector<std::string>& sentences) {
  std::vector<std::string> subjects, chosen;
  for (const std::string& sentence : sentences) {
    const std::string subject = sentence.substr(0, sentence.find_first_of(":,"));
    if (std::find(subjects.begin(), subjects.end(), subject) != subjects.end()) continue;
    subjects.push_back(subject);
    if (subjects.size() <= kMostSubjects) chosen.push_back(sentence);
  }
  std::string text = fmt::format("{}", fmt::join(chosen, "; "));
  if (subjects.size() > chosen.size()) {
    text += fmt::format("; {} more below", subjects.size() - chosen.size());
  }
  return text;
}

void shorten(std::vector<std::string>& summary) {
  if (summary.size() <= kMostSentences) return;
  const std::size_t more = summary.size() - kMostSentences;
  summary.resize(kMostSentences);
  summary.push_back(fmt::format("{} more {} in the sections below.", more,
                                more == 1 ? "finding is" : "findings are"));
}

void make_names_unique(Page& page) {
  std::set<std::string> names;
  for (Section& section : page.sections) {
    for (Block& block : section.blocks) {
      for (Picture& picture : block.pictures) {
        const std::string name = picture.name;
        for (int number = 2; !names.insert(picture.name).second; ++number) {
          picture.name = fmt::format("{}-{}", name, number);
        }
      }
    }
  }
}

void add_studies(const Files& files, Page& page) {
  const Files studies = of_format(files, "ridgeline-study");
  require_known_studies(studies, page);
  for (const std::string& name : study_names()) {
    Files of_name;
    for (const ResultFile* file : studies) {
      if (file->json.value("study", io::Json()) == name) of_name.push_back(file);
    }
    Section section = section_of(page, of_name, "study-" + name, "Study: " + name, "", study_block);
    if (section.blocks.empty()) continue;
    for (const Block& block : section.blocks) {
      if (block.sentences.empty()) continue;
      add_summary(page, fmt::format("Study {}{}: {}.", name,
                                    page.machines > 1 ? " on " + block.machine : "",
                                    findings_in_short(block.sentences)));
    }
    page.sections.push_back(std::move(section));
  }
}

void add_rooflines(const Files& files, Page& page) {
  const Files machines = of_format(files, "ridgeline-machine");
  std::vector<RooflineResult> results;
  Section section = section_of(
      page, of_format(files, "ridgeline-roofline"), "rooflines", "What bounds each layer",
      "A point is a layer in a phase. Below a sloped line it could be bound by that "
      "level's bandwidth, below a "
      "horizontal one by arithmetic; its colour is the bound that explains at least "
      "half of its time.",
      [&](const ResultFile& file) {
        results.push_back(read_roofline(file, machines));
        return roofline_block(results.back());
      });
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i == kMostRooflines) {
      add_summary(page, fmt::format("The table below has {} more of such results.",
                                    results.size() - kMostRooflines));
      break;
    }
    add_summary(page, roofline_sentence(results[i]));
  }
  page.overview = overview(results);
  if (!results.empty()) {
    Block all{"All networks"};
    all.tables.push_back({"Every network, phase and batch", page.overview, false});
    section.blocks.insert(section.blocks.begin(), std::move(all));
  }
  if (!section.blocks.empty()) page.sections.push_back(std::move(section));
  Section beside{"side-by-side", "Spaces and machines side by side",
                 "The same network, phase and precision, measured in several places.",
                 side_by_side(results)};
  if (!beside.blocks.empty()) page.sections.push_back(std::move(beside));
}

}  // namespace

Page make_page(const std::vector<ResultFile>& all_files) {
  Page page;
  Files files;  // that describe their machine
  std::set<std::string> machines;
  for (const ResultFile& file : all_files) {
    try {
      guarded(file, [&] { return origin_of(file); });
      machines.insert(guarded(file, [&] { return whole_machine_of(file); }));
      files.push_back(&file);
    } catch (const RequestError& error) {
      if (!file.from_folder) throw;
      page.left_out.push_back(error.what());
    }
  }
  page.machines = machines.size();
  page.title = "Ridgeline report";
  page.subtitle = fmt::format("{} from {}: {}",
                              io::show_count(static_cast<std::int64_t>(files.size()), "result"),
                              io::show_count(static_cast<std::int64_t>(machines.size()), "machine"),
                              fmt::join(machines, "; "));
  Section machine = section_of(
      page, of_format(files, "ridgeline-machine"), "machines", "What the machine can do",
      "Ceilings: latency of a dependent load, bandwidth of streaming kernels, peak arithmetic, "
      "costs of starting work.",
      machine_block);
  const auto disturbed = std::count_if(files.begin(), files.end(),
                                       [](const ResultFile* file) { return is_disturbed(*file); });
  if (disturbed > 0) {
    add_summary(
        page,
        fmt::format("{} of {} measured while the machine was disturbed; the sections "
                    "say how.",
                    disturbed, io::show_count(static_cast<std::int64_t>(files.size()), "result")));
  }
  for (const ResultFile* file : of_format(files, "ridgeline-machine")) {
    try {
      add_summary(page, guarded(*file, [&] { return in_sentence(*file); }));
    } catch (const RequestError&) {
      if (!file->from_folder) throw;
    }
  }
  add_rooflines(files, page);
  if (!machine.blocks.empty()) page.sections.push_back(std::move(machine));
  Section training = section_of(page, of_format(files, "ridgeline-training"), "training",
                                "Training", "", training_block);
  for (const Block& block : training.blocks) {
    if (!block.sentences.empty()) add_summary(page, block.sentences.front());
  }
  if (!training.blocks.empty()) page.sections.push_back(std::move(training));
  add_studies(files, page);
  Section comparison = section_of(page, of_format(files, "ridgeline-comparison"), "comparisons",
                                  "Before and after", "", comparison_block);
  for (const Block& block : comparison.blocks) {
    if (!block.sentences.empty()) add_summary(page, block.sentences.front());
  }
  if (!comparison.blocks.empty()) page.sections.push_back(std::move(comparison));
  shorten(page.summary);
  make_names_unique(page);
  return page;
}

std::vector<const Picture*> pictures_of(const Page& page) {
  std::vector<const Picture*> pictures;
  for (const Section& section : page.sections) {
    for (const Block& block : section.blocks) {
      for (const Picture& picture : block.pictures) pictures.push_back(&picture);
    }
  }
  return pictures;
}

}  // namespace ridgeline::report
