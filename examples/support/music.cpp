#include "support/music.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <damo/io/pictures/pictures.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include <damo/models/frames/known_frames.hpp>

#include "support/program.hpp"

namespace damo::examples {
namespace {

constexpr std::int64_t most_known = 4096;

}  // namespace

void add_music_options(Cli& cli, MusicOptions& o) {
  cli.choice("--data", o.data, "music", io::sequence_names(), true);
  cli.option("--limit", o.limit, "train on this many pieces only; 0 is all", {0, 1e9});
  add_training_options(cli, o);
  cli.option("--hidden", o.hidden, "hidden units of the RBM", {1, 100000});
  cli.option("--recurrent", o.recurrent, "units of the recurrent network", {1, 100000});
  cli.option("--k", o.k, "Gibbs steps in an update", {1, 100000});
  cli.option("--k-generate", o.k_generate, "Gibbs steps for a frame that is composed", {1, 100000});
  cli.choice("--from", o.from,
             "where these start: at a frame known from training, drawn by its probability, at the "
             "frame before, or at the empty one",
             {"known", "before", "silence"});
  cli.either("--real-starts", "begin pieces with the first frame of one trained on",
             "--no-real-starts", "as the model has it", o.real_starts);
  cli.option("--temperature", o.temperature,
             "below 1: likelier music; above: wilder; 0 is that of 0.7 to 1.1 at which pieces are "
             "most like those of the validation set",
             {0, 100});
  cli.choice("--rule", o.rule, "update rule; the classic program's is sgd with --clip 0",
             models::update_rule_names());
  cli.option("--rnn-lr", o.rnn_lr, "learning rate of the recurrent part; 0 is --lr", {0, 1e38});
  cli.option("--clip", o.clip, "largest joint norm of the gradients; 0 is no limit", {0, 1e38});
  cli.option("--weight-decay", o.weight_decay, "L2 weight decay of the matrices", {0, 1});
  cli.option("--dropout", o.dropout, "share of the state that training hides from the RBM",
             {0, 0.99});
  cli.option("--transpose", o.transpose,
             "move each piece, another way in each epoch, by up to so many semitones", {0, 12});
  cli.option("--average", o.average,
             "compose with running averages of the parameters of this rate; 0 is none", {0, 1});
  cli.either("--learn-u0", "learn the state before the first frame", "--zero-u0", "it is zero",
             o.learn_u0);
  cli.flag("--classic", o.classic,
           "the classic program's settings: --rule sgd --clip 0 --lr 0.001 --rnn-lr 0 --k 15 "
           "--k-generate 25 --from silence --no-real-starts --temperature 1 --recurrent 100 "
           "--batch 100 --epochs "
           "200 --patience 0 "
           "--dropout 0 --transpose 0 "
           "--average 0 --zero-u0 "
           "--pretrain-rbm 0 --pretrain-rnn 0 --score-frames 0, where not given");
  cli.option("--score-frames", o.score_frames,
             "frames of the validation set that each epoch is scored on; 0 is no score", {0, 1e9});
  cli.option("--pretrain-rbm", o.pretrain_rbm,
             "epochs of training the RBM on single frames before all else; -1 is 80, fewer of much "
             "music",
             {-1, 1e6});
  cli.option("--pretrain-rnn", o.pretrain_rnn,
             "epochs of training the recurrent part alone after that; -1 is 40, fewer of much "
             "music",
             {-1, 1e6});
  cli.option("--dt", o.dt, "length of a frame; 0 is as it fits: 0.3 for MIDI files", {0, 4, "s"});
}

void use_classic_settings(const Cli& cli, MusicOptions& o) {
  if (!o.classic) return;
  const auto set = [&](const char* option, auto& value, auto classic) {
    if (!cli.given(option)) value = classic;
  };
  set("--rule", o.rule, "sgd");
  set("--clip", o.clip, 0.0);
  set("--lr", o.lr, 0.001);
  set("--lr-schedule", o.lr_schedule, "constant");
  set("--rnn-lr", o.rnn_lr, 0.0);
  set("--k", o.k, 15);
  set("--k-generate", o.k_generate, 25);
  set("--from", o.from, "silence");
  set("--real-starts", o.real_starts, false);
  set("--temperature", o.temperature, 1.0);
  set("--recurrent", o.recurrent, 100);
  set("--batch", o.batch, 100);
  set("--epochs", o.epochs, 200);
  set("--patience", o.patience, 0);
  set("--dropout", o.dropout, 0.0);
  set("--transpose", o.transpose, 0);
  set("--average", o.average, 0.0);
  set("--learn-u0", o.learn_u0, false);
  set("--pretrain-rbm", o.pretrain_rbm, 0);
  set("--pretrain-rnn", o.pretrain_rnn, 0);
  set("--score-frames", o.score_frames, 0);
}

std::int64_t epochs_that_fit(std::int64_t most, std::int64_t frames,
                             const std::vector<Array>& pieces) {
  std::int64_t in_one = 1;
  for (const Array& piece : pieces) in_one += piece.shape()[0];
  return std::clamp<std::int64_t>(frames / in_one, 1, most);
}

MusicOptions music_options(const io::Record& run) {
  MusicOptions o;
  Cli cli("rnn_rbm", "");
  add_music_options(cli, o);
  cli.restore(run, "run.json");
  // Of runs of earlier versions.
  if (!run.has("from") && run.has("from-before"))
    o.from = run.boolean("from-before") ? "before" : "silence";
  return o;
}

io::SequenceSet load_music(const MusicOptions& o) {
  if (o.dt > 0 && o.dt < 0.01) throw UsageError("--dt: frames last at least 0.01 s");
  io::SequenceSet data = io::load_sequences(o.data, {.dt = o.dt});
  if (!o.quiet) {
    for (const std::string& note : data.notes) say(stdout, note + "\n");
  }
  const auto limit = static_cast<std::size_t>(o.limit);
  if (limit > 0 && limit < data.train.size()) data.train.resize(limit);
  return data;
}

io::Record music_info(const io::SequenceSet& data) {
  io::Record info;
  info.set("pieces", data.train.size())
      .set("data_source", data.source)
      .set("data_fingerprint", data.fingerprint)
      .set("frame_seconds", data.roll.dt);
  if (!data.notes.empty()) info.set("data_notes", fmt::format("{}", fmt::join(data.notes, "; ")));
  return info;
}

models::RnnRbm make_model(const MusicOptions& o, const io::RollOptions& roll,
                          const std::optional<Array>& known, std::optional<Var> lr_factor) {
  return models::RnnRbm({.n_hidden = o.hidden,
                         .n_hidden_recurrent = o.recurrent,
                         .lr = o.lr,
                         .pitch_range = {roll.low, roll.high},
                         .dt = roll.dt,
                         .k = o.k,
                         .k_generate = o.k_generate,
                         .seed = static_cast<std::uint64_t>(o.seed),
                         .rule = models::parse_update_rule(o.rule),
                         .rnn_lr = o.rnn_lr,
                         .clip = o.clip,
                         .weight_decay = o.weight_decay,
                         .dropout = o.dropout,
                         .average = o.average,
                         .learn_initial_state = o.learn_u0,
                         .chain_from_frame_before = o.from != "silence",
                         .known_frames = o.from == "known" ? known : std::nullopt,
                         .lr_factor = std::move(lr_factor)});
}

Array known_frames(const std::vector<Array>& pieces, std::int64_t pitches) {
  return models::distinct_frames(pieces, pitches, most_known);
}

models::RnnRbm load_music_model(const MusicOptions& o, const RunFolder& run,
                                const io::RollOptions& roll, const std::optional<Array>& known,
                                bool last) {
  models::RnnRbm model = make_model(o, roll, known);
  const bool best = !last && run.info().has("best_epoch");
  std::string trouble;
  const io::Checkpoint checkpoint =
      io::load_checkpoint(run / (best ? best_name : checkpoint_name), &trouble);
  if (!trouble.empty()) say(stderr, trouble + "\n");
  for (const SharedVar& p : model.params) {
    const std::string name = (o.average > 0 && !last ? "average of " : "") + p.name();
    p.set_array(checkpoint.at(name, p.dtype(), p.value().shape()));
  }
  return model;
}

void write_song(const RunFolder& folder, const std::string& name, const Array& roll,
                const io::RollOptions& options) {
  io::write_midi(folder.output(name + ".mid"), roll, options);
  io::write_png(folder.output(name + ".png"), io::draw_piano_roll(roll, options, name));
}

}  // namespace damo::examples
